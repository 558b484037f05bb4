// Texts in pieces: the tokenizer of the built-in table, and the places of pieces in a text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "inference/piece_spans.h"
#include "inference/static_embedder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static reflex::inference::StaticEmbedder embedder;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool utf8 = reflex::base::IsUtf8(text);
  const std::vector<reflex::TextSpan> all{{0, static_cast<std::uint32_t>(size)}};
  const auto embedding = embedder.Embed(text, all, std::chrono::seconds(1));
  if (embedding.has_value() != utf8) std::abort();
  if (!utf8) return 0;
  if (embedding->text != embedding->words) std::abort();

  // The first line is the text, the others are pieces.
  const std::size_t end = std::min(text.find('\n'), size);
  std::vector<std::string_view> pieces;
  for (std::string_view rest = text.substr(std::min(end + 1, size)); !rest.empty();) {
    const std::size_t line = std::min(rest.find('\n'), rest.size());
    pieces.push_back(rest.substr(0, line));
    rest.remove_prefix(std::min(line + 1, rest.size()));
  }
  for (const auto unknown : {reflex::inference::UnknownPiece::kWord, reflex::inference::UnknownPiece::kCharacters}) {
    std::uint32_t before = 0;
    for (const reflex::TextSpan& span : reflex::inference::AlignPieces(text.substr(0, end), pieces, unknown)) {
      if (span.begin == span.end) continue;
      if (span.begin > span.end || span.end > end || span.end < before) std::abort();
      before = span.end;
    }
  }
  return 0;
}
