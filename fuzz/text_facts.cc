// A reading of any text, and its conflicts with another: spans inside the text, no conflict of a text with itself, the same guards
// either way round. The input is cut into two texts at its first zero byte.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/reading.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(const reflex::text::Reading& reading) {
  std::uint32_t at = 0;
  for (const auto& word : reading.words) {
    Require(word.span.begin >= at && word.span.begin < word.span.end && word.span.end <= reading.prepared.size());
    at = word.span.end;
  }
  for (const auto& negation : reading.facts.negations)
    Require(negation.word < reading.words.size() && negation.scope < reading.words.size());
  Require(FindConflicts(reading, reading).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(bytes.find('\0'), bytes.size());
  const auto a = reflex::text::Read(bytes.substr(0, cut));
  const auto b = reflex::text::Read(bytes.substr(std::min(cut + 1, bytes.size())));
  Check(a);
  Check(b);
  const auto there = FindConflicts(a, b), back = FindConflicts(b, a);
  Require(std::ranges::equal(there, back, {}, &reflex::text::Conflict::guard, &reflex::text::Conflict::guard));
  return 0;
}
