// What rerankers answer: either an error, or a finite logit a text.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "remote/rerank_wire.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  using reflex::remote::ScoreScale;
  for (const ScoreScale scale : {ScoreScale::kLogit, ScoreScale::kProbability}) {
    const auto scores = reflex::remote::ReadScores(scale, bytes, 2);
    if (!scores) continue;
    Require(scores->size() == 2);
    for (const float score : *scores) Require(std::isfinite(score) && (scale == ScoreScale::kLogit || std::abs(score) < 25));
  }
  return 0;
}
