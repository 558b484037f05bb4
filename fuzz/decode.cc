// Content decoding: bounded steps, and the same result however the bytes arrived. The first byte picks the coding, the second the
// size of the pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/decode.h"

namespace {

using reflex::http::ContentCoding;
using reflex::http::ContentDecoder;

// A bomb is cut here, so that a run stays fast; both runs are cut alike.
constexpr std::size_t kOutputMax = 1 << 20;

struct Outcome {
  std::string text;
  std::optional<reflex::ErrorCode> error;
  bool cut = false;
};

void Require(bool condition) {
  if (!condition) std::abort();
}

Outcome Decode(ContentCoding coding, std::string_view input, std::size_t step) {
  auto decoder = ContentDecoder::Create(coding);
  Require(decoder.has_value());
  Outcome outcome;
  for (std::size_t at = 0; at < input.size(); at += step) {
    (*decoder)->Feed(input.substr(at, step));
    for (;;) {
      const auto piece = (*decoder)->Next();
      if (!piece) {
        outcome.error = piece.error().code;
        return outcome;
      }
      if (piece->empty()) break;
      Require(coding == ContentCoding::kIdentity || piece->size() <= ContentDecoder::kPieceBytes);
      outcome.text.append(*piece);
      if (outcome.text.size() > kOutputMax) {
        outcome.cut = true;
        return outcome;
      }
    }
  }
  if (const auto end = (*decoder)->Finish(); !end) outcome.error = end.error().code;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ContentCoding coding = static_cast<ContentCoding>(data[0] % 3);
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const Outcome whole = Decode(coding, input, input.size() + 1);
  const Outcome pieces = Decode(coding, input, 1 + data[1] % 64);
  Require(whole.cut == pieces.cut);
  if (whole.cut) return 0;
  Require(whole.error == pieces.error);
  // Damage may be noticed a little sooner in small pieces, never with other bytes before it.
  const std::string_view shorter = whole.text.size() < pieces.text.size() ? whole.text : pieces.text;
  const std::string_view longer = whole.text.size() < pieces.text.size() ? pieces.text : whole.text;
  Require(longer.starts_with(shorter));
  if (!whole.error) Require(whole.text == pieces.text);
  return 0;
}
