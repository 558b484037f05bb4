// How well the words of one text are found in the other.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "verify/measures.h"
#include "verify/vectors.h"

namespace reflex::verify {
namespace {

using text::WordType;

struct Loss {
  double sum = 0, max = 0, mean = 1;  // `mean`: weighted mean of best similarities.
  float least = 1;
  std::array<float, 2> two_least = {1, 1};  // Without function words.
  std::vector<float> left;                  // Losses of unmatched words that are no function words.
};

Loss LossOf(const Side& side) {
  const float max_weight = text::Lexicon::Get().idf_max();
  Loss loss;
  double weights = 0, similarity = 0;
  std::vector<float> content;
  for (std::size_t i = 0; i < side.size(); ++i) {
    const float weight = side.word(i).weight, best = side.best[i];
    const double lost = (1 - static_cast<double>(best)) * weight / max_weight;
    weights += weight;
    similarity += static_cast<double>(best) * weight;
    loss.sum += lost;
    loss.max = i == 0 ? lost : std::max(loss.max, lost);
    loss.least = std::min(loss.least, best);
    if (side.IsFunction(i)) continue;
    content.push_back(best);
    if (!side.matched[i]) loss.left.push_back(static_cast<float>(lost));
  }
  if (weights > 0) loss.mean = similarity / weights;
  std::ranges::sort(content);
  if (!content.empty()) loss.two_least = {content[0], content[std::min<std::size_t>(1, content.size() - 1)]};
  return loss;
}

float Jaccard(const Side& a, const Side& b) {
  const auto unique = [](std::vector<std::uint64_t> stems) {
    std::ranges::sort(stems);
    stems.erase(std::ranges::unique(stems).begin(), stems.end());
    return stems;
  };
  const auto x = unique(a.stem), y = unique(b.stem);
  std::vector<std::uint64_t> common;
  std::ranges::set_intersection(x, y, std::back_inserter(common));
  return static_cast<float>(common.size()) / static_cast<float>(x.size() + y.size() - common.size());
}

float LeftContent(const Side& side) {
  return static_cast<float>(std::ranges::count_if(side.left, [&](std::uint32_t i) { return !side.IsFunction(i); }));
}

// The weighted sum of the vectors of unmatched words.
std::vector<float> LeftVector(const Side& side) {
  std::vector<float> sum(side.dimension);
  for (const std::uint32_t i : side.left) {
    const std::span<const float> row = side.Row(i);
    for (std::size_t d = 0; d < row.size(); ++d) sum[d] += row[d] * side.word(i).weight;
  }
  return sum;
}

float Cosine(std::span<const float> a, std::span<const float> b) {
  const double norms = std::sqrt(static_cast<double>(Dot(a, a)) * static_cast<double>(Dot(b, b)));
  return static_cast<float>(static_cast<double>(Dot(a, b)) / (norms + 1e-9));
}

}  // namespace

void MeasureAlignment(const Alignment& alignment, const Embedding& ea, const Embedding& eb, Features& out) {
  const Side &a = alignment.a(), &b = alignment.b();
  const Loss x = LossOf(a), y = LossOf(b);
  At<"cos">(out) = Dot(ea.text, eb.text);
  At<"symminA">(out) = static_cast<float>(std::min(x.mean, y.mean));
  At<"meanA">(out) = static_cast<float>(x.mean);
  At<"meanB">(out) = static_cast<float>(y.mean);
  At<"wmean_min">(out) = std::min(x.least, y.least);
  At<"min1A">(out) = x.two_least[0];
  At<"min1B">(out) = y.two_least[0];
  At<"minall">(out) = std::min(x.two_least[0], y.two_least[0]);
  At<"min2">(out) = std::min(x.two_least[1], y.two_least[1]);
  At<"umassA">(out) = static_cast<float>(x.sum);
  At<"umassB">(out) = static_cast<float>(y.sum);
  At<"umass_max">(out) = static_cast<float>(std::max(x.max, y.max));
  At<"usum">(out) = static_cast<float>(x.sum + y.sum);
  At<"jacc">(out) = Jaccard(a, b);
  const auto na = static_cast<float>(a.size()), nb = static_cast<float>(b.size());
  At<"lenratio">(out) = std::min(na, nb) / std::max(na, nb);
  At<"loglen">(out) = std::log(na + nb);
  At<"exactfrac">(out) = 1 - static_cast<float>(a.left.size()) / na;
  At<"nuA">(out) = LeftContent(a);
  At<"nuB">(out) = LeftContent(b);
  At<"nuMin">(out) = std::min(LeftContent(a), LeftContent(b));
  std::vector<float> left = x.left;
  left.insert(left.end(), y.left.begin(), y.left.end());
  std::ranges::sort(left, std::greater());
  At<"top2loss">(out) = (left.empty() ? 0 : left[0]) + (left.size() < 2 ? 0 : left[1]);
  if (a.left.empty() || b.left.empty()) {
    At<"subst_cos">(out) = a.left.empty() && b.left.empty() ? 1 : 0;
  } else {
    At<"subst_cos">(out) = Cosine(LeftVector(a), LeftVector(b));
  }
}

}  // namespace reflex::verify
