#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "reflex/embedder.h"
#include "text/reading.h"

namespace reflex::verify {

using text::Reading;

// Everything that is known of a text without a model, once for each text. Thread-safe, linear in its length.
inline Reading Read(std::string_view text) { return text::Read(text); }

// One span a word, of reading.prepared, which is the text to embed. What the built-in embedder is asked for.
std::vector<TextSpan> WordSpans(const Reading& reading);

// One span a token: runs without spaces, cut at every sign of punctuation and where a word of the reading begins or ends, so that
// each word is some tokens. What a model is asked for: a phrase is one word, but its parts mean something to a pair net.
std::vector<TextSpan> TokenSpans(const Reading& reading);

// Rows of WordSpans from rows of TokenSpans: the mean of a word's tokens, unit length or all zero.
// REQUIRES: `rows` has as many floats for each of `tokens`, which are TokenSpans of the reading.
std::vector<float> WordRows(const Reading& reading, std::span<const TextSpan> tokens, std::span<const float> rows);

}  // namespace reflex::verify
