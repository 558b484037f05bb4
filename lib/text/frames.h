#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/words.h"

namespace reflex::text {

// Finds the phrase that tells what kind of question a text is ("how do I", "what's the best way to", "why"): the longest listed
// one, the first of equally long ones. Its words become function words, whatever they are elsewhere, except names and denials.
// Gives the kind: the number of its line in models/lexicon/frames.txt, from 1; 0 where the text has no such phrase.
std::uint8_t MarkFrame(std::vector<Word>& words);

// The name of a kind, as in models/lexicon/frames.txt; empty for 0.
std::string_view FrameName(std::uint8_t kind);

}  // namespace reflex::text
