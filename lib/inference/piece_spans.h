#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "reflex/embedder.h"

namespace reflex::inference {

// How a tokenizer treats what it does not know.
enum class UnknownPiece { kWord, kCharacters };  // A whole word (WordPiece), or some characters (unigram).

// Where each piece of a text stands in it. `pieces` are spellings as a tokenizer keeps them, in order; "" is an unknown one or a
// mark of the model's own. Case, accents, spaces and the word mark U+2581 are ignored on both sides, so that normalising tokenizers
// are followed as well. A piece that cannot be found gets an empty span; later ones are looked for a little further on. REQUIRES:
// `text` is UTF-8 below 4 GiB. Linear in the text, up to a constant.
std::vector<TextSpan> AlignPieces(std::string_view text, std::span<const std::string_view> pieces, UnknownPiece unknown);

}  // namespace reflex::inference
