// Small edits: what stands in the place of what, in an otherwise equal text.
#include <algorithm>
#include <cmath>

#include "verify/measures.h"

namespace reflex::verify {
namespace {

// The words between the common beginning and the common end of two texts.
struct Middle {
  std::size_t begin = 0, end_a = 0, end_b = 0;
};

Middle FindMiddle(const Side& a, const Side& b) {
  Middle middle{.end_a = a.size(), .end_b = b.size()};
  while (middle.begin < middle.end_a && middle.begin < middle.end_b && a.stem[middle.begin] == b.stem[middle.begin]) ++middle.begin;
  while (middle.end_a > middle.begin && middle.end_b > middle.begin && a.stem[middle.end_a - 1] == b.stem[middle.end_b - 1]) {
    --middle.end_a;
    --middle.end_b;
  }
  return middle;
}

struct MiddleLoss {
  double weight = 0, similarity = 0, lost = 0;
};

void AddLoss(const Side& side, std::size_t begin, std::size_t end, MiddleLoss& loss) {
  for (std::size_t i = begin; i < end; ++i) {
    const double weight = side.word(i).weight, best = side.best[i];
    loss.weight += weight;
    loss.similarity += best * weight;
    if (!side.IsFunction(i)) loss.lost += (1 - best) * weight;
  }
}

std::uint64_t Before(const Side& side, std::size_t i) { return i == 0 ? 1 : side.stem[i - 1]; }
std::uint64_t After(const Side& side, std::size_t i) { return i + 1 == side.size() ? 2 : side.stem[i + 1]; }

void MeasureMiddle(const Side& a, const Side& b, Features& out) {
  constexpr std::size_t kSmall = 3;
  const Middle middle = FindMiddle(a, b);
  const std::size_t size_a = middle.end_a - middle.begin, size_b = middle.end_b - middle.begin;
  MiddleLoss loss;
  AddLoss(a, middle.begin, middle.end_a, loss);
  AddLoss(b, middle.begin, middle.end_b, loss);
  At<"mid_min">(out) = std::log1p(static_cast<float>(std::min(size_a, size_b)));
  At<"mid_max">(out) = std::log1p(static_cast<float>(std::max(size_a, size_b)));
  At<"mid_share">(out) = static_cast<float>(size_a + size_b) / static_cast<float>(a.size() + b.size());
  At<"mid_sim">(out) = loss.weight > 0 ? static_cast<float>(loss.similarity / loss.weight) : 1;
  if (std::max(size_a, size_b) <= kSmall)
    At<"mid_small_loss">(out) = static_cast<float>(loss.lost) / text::Lexicon::Get().idf_max();
}

}  // namespace

void MeasureContext(const Alignment& alignment, Features& out) {
  const Side &a = alignment.a(), &b = alignment.b();
  MeasureMiddle(a, b, out);
  float pairs = 0, loss = 0, contrasts = 0, mutual = 0;
  for (std::size_t i = 0; i < a.left.size(); ++i) {
    const std::uint32_t at_a = a.left[i];
    for (std::size_t j = 0; j < b.left.size(); ++j) {
      const std::uint32_t at_b = b.left[j];
      if (a.IsFunction(at_a) && b.IsFunction(at_b)) continue;
      const bool before = Before(a, at_a) == Before(b, at_b), after = After(a, at_a) == After(b, at_b);
      const bool contrast = alignment.Contrasted(i, j);
      if (before && after) {
        pairs += 1;
        loss = std::max(loss, (1 - alignment.Left(i, j)) * std::min(a.word(at_a).weight, b.word(at_b).weight));
      }
      contrasts += contrast && (before || after);
      mutual += contrast && a.best[at_a] <= alignment.Left(i, j) && b.best[at_b] <= alignment.Left(i, j);
    }
  }
  At<"ctx_pairs">(out) = pairs;
  At<"ctx_loss">(out) = loss / text::Lexicon::Get().idf_max();
  At<"ctx_contrast">(out) = contrasts;
  At<"mutual_contrast">(out) = mutual;
}

}  // namespace reflex::verify
