#pragma once

#include <string_view>
#include <vector>

#include "reflex/embedder.h"
#include "text/reading.h"

namespace reflex::verify {

using text::Reading;

// Everything that is known of a text without a model, once for each text. Thread-safe, linear in its length.
inline Reading Read(std::string_view text) { return text::Read(text); }

// The spans an embedder is asked for, one a word: of reading.prepared, which is the text to embed.
std::vector<TextSpan> WordSpans(const Reading& reading);

}  // namespace reflex::verify
