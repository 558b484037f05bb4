#include "verify/pair_net.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/half.h"
#include "verify/vectors.h"

namespace reflex::verify {
namespace {

constexpr std::string_view kMagic{"RSPN1\0\0\0", 8};
constexpr std::size_t kHeadBytes = 16;
// Cosines that stand beside a word's comparison: the highest of both kinds, then their means by attention.
constexpr std::size_t kCosines = 4;
constexpr float kContextFactor = 16, kNormEpsilon = 1e-5f;
constexpr double kLogitMax = 50;

std::uint32_t ReadU32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// [Hendrycks, Gimpel 2016], as exact as training had it.
void Gelu(std::span<float> values) {
  for (float& x : values) x = 0.5f * x * (1 + std::erf(x * 0.70710678f));
}

void Softmax(std::span<float> values) {
  const float top = std::ranges::max(values);
  float sum = 0;
  for (float& x : values) sum += x = std::exp(x - top);
  for (float& x : values) x /= sum;
}

void AddScaled(std::span<const float> row, float factor, std::span<float> sum) {
  for (std::size_t k = 0; k < row.size(); ++k) sum[k] += factor * row[k];
}

void Apply(std::span<const float> weights, std::span<const float> bias, std::span<const float> in, std::span<float> out) {
  DotRows(in, weights, out);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += bias[i];
}

// Takes tensors off the front of the file's values.
class Values {
 public:
  explicit Values(std::string_view bytes) : bytes_(bytes) {}

  std::vector<float> Take(std::size_t count) {
    std::vector<float> values(count);
    base::DecodeHalf({reinterpret_cast<const std::uint8_t*>(bytes_.data()), 2 * count}, values);
    bytes_.remove_prefix(2 * count);
    finite_ = finite_ && std::ranges::all_of(values, [](float x) { return std::isfinite(x); });
    return values;
  }
  bool finite() const { return finite_; }

 private:
  std::string_view bytes_;
  bool finite_ = true;
};

}  // namespace

// One text inside the net.
struct PairNet::Side {
  NetWords words;
  std::vector<float> rows;  // width floats a word.
  std::size_t count = 0;

  std::span<const float> Row(std::size_t i, std::size_t width) const { return std::span(rows).subspan(i * width, width); }
};

// Room for one word beside the other text.
struct PairNet::Beside {
  std::vector<float> lexical, context, share;  // One a word of the other text.
  std::vector<float> seen;                     // 4 * width and the cosines.
};

Result<PairNet> PairNet::Parse(std::string_view bytes) {
  if (bytes.size() < kHeadBytes || !bytes.starts_with(kMagic)) {
    return Fail(ErrorCode::kInvalidArgument, "not a pair net: it does not begin with RSPN1");
  }
  const std::uint32_t width = ReadU32(bytes, 8), context = ReadU32(bytes, 12);
  if (width == 0 || width > kWidthMax || context == 0 || context > kContextMax) {
    return Fail(ErrorCode::kInvalidArgument, "a pair net of width " + std::to_string(width) + " over " + std::to_string(context) +
                                                 " dimensions; at most " + std::to_string(kWidthMax) + " over " +
                                                 std::to_string(kContextMax) + " are read");
  }
  const std::size_t w = width, seen = 4 * w + kCosines;
  const std::size_t count = w * context + w + 2 * w + 3 + w * seen + w + w * w + w + w + 1 + w * 6 * w + w + w + 1;
  if (bytes.size() != kHeadBytes + 2 * count) {
    return Fail(ErrorCode::kInvalidArgument, "a pair net of width " + std::to_string(width) + " over " + std::to_string(context) +
                                                 " dimensions has " + std::to_string(kHeadBytes + 2 * count) + " bytes, not " +
                                                 std::to_string(bytes.size()));
  }
  Values values(bytes.substr(kHeadBytes));
  PairNet net;
  net.width_ = width;
  net.context_ = context;
  const auto layer = [&](std::size_t outputs, std::size_t inputs) {
    Layer read;
    read.weights = values.Take(outputs * inputs);
    read.bias = values.Take(outputs);
    return read;
  };
  net.enter_ = layer(w, context);
  net.norm_ = layer(w, 1);
  const std::vector<float> scales = values.Take(3);
  net.lexical_scale_ = scales[0];
  net.context_scale_ = scales[1];
  net.dot_scale_ = scales[2] / std::sqrt(static_cast<float>(width));
  net.first_ = layer(w, seen);
  net.second_ = layer(w, w);
  net.weigh_ = layer(1, w);
  net.join_ = layer(w, 6 * w);
  net.out_ = layer(1, w);
  if (!values.finite()) return Fail(ErrorCode::kInvalidArgument, "a pair net with a weight that is not a finite number");
  return net;
}

PairNet::Side PairNet::Enter(const NetWords& words) const {
  Side side;
  side.words = words;
  side.count = words.context.size() / context_;
  side.rows.resize(side.count * width_);
  std::vector<float> scaled(context_);
  const float lexical_factor = std::sqrt(static_cast<float>(width_));
  for (std::size_t i = 0; i < side.count; ++i) {
    const std::span<float> row(side.rows.data() + i * width_, width_);
    for (std::size_t k = 0; k < context_; ++k) scaled[k] = kContextFactor * words.context[i * context_ + k];
    Apply(enter_.weights, enter_.bias, scaled, row);
    float mean = 0, spread = 0;
    for (std::size_t k = 0; k < width_; ++k) mean += row[k] += lexical_factor * words.lexical[i * width_ + k];
    mean /= static_cast<float>(width_);
    for (const float x : row) spread += (x - mean) * (x - mean);
    const float factor = 1 / std::sqrt(spread / static_cast<float>(width_) + kNormEpsilon);
    for (std::size_t k = 0; k < width_; ++k) row[k] = (row[k] - mean) * factor * norm_.weights[k] + norm_.bias[k];
  }
  return side;
}

// The i-th word of `own` beside all words of `other`, and what first_ is asked with: the word, its partner, how they differ, what
// they share, and cosines.
void PairNet::Align(const Side& own, std::size_t i, const Side& other, Beside& beside) const {
  const std::size_t w = width_;
  const std::span<const float> row = own.Row(i, w);
  auto& [lexical, context, share, seen] = beside;
  DotRows(own.words.lexical.subspan(i * w, w), other.words.lexical, lexical);
  DotRows(own.words.context.subspan(i * context_, context_), other.words.context, context);
  DotRows(row, other.rows, share);
  for (std::size_t j = 0; j < other.count; ++j) {
    share[j] = lexical_scale_ * lexical[j] + context_scale_ * context[j] + dot_scale_ * share[j];
  }
  Softmax(share);
  const std::span<float> partner(seen.data() + w, w);
  std::ranges::fill(partner, 0.f);
  for (std::size_t j = 0; j < other.count; ++j) AddScaled(other.Row(j, w), share[j], partner);
  for (std::size_t k = 0; k < w; ++k) {
    seen[k] = row[k];
    seen[2 * w + k] = std::abs(row[k] - partner[k]);
    seen[3 * w + k] = row[k] * partner[k];
  }
  seen[4 * w] = std::ranges::max(lexical);
  seen[4 * w + 1] = std::ranges::max(context);
  seen[4 * w + 2] = Dot(share, lexical);
  seen[4 * w + 3] = Dot(share, context);
}

std::vector<float> PairNet::Compare(const Side& own, const Side& other) const {
  const std::size_t w = width_;
  Beside beside{std::vector<float>(other.count), std::vector<float>(other.count), std::vector<float>(other.count),
                std::vector<float>(4 * w + kCosines)};
  std::vector<float> weights(own.count), wide(w), compared(own.count * w);
  for (std::size_t i = 0; i < own.count; ++i) {
    weights[i] = Dot(weigh_.weights, own.Row(i, w));
    Align(own, i, other, beside);
    Apply(first_.weights, first_.bias, beside.seen, wide);
    Gelu(wide);
    const std::span<float> out(compared.data() + i * w, w);
    Apply(second_.weights, second_.bias, wide, out);
    Gelu(out);
  }
  Softmax(weights);
  std::vector<float> result(w, 0.f);
  result.insert(result.end(), compared.begin(), compared.begin() + static_cast<std::ptrdiff_t>(w));
  for (std::size_t i = 0; i < own.count; ++i) {
    const std::span<const float> row(compared.data() + i * w, w);
    AddScaled(row, weights[i], std::span(result).first(w));
    for (std::size_t k = 0; k < w; ++k) result[w + k] = std::max(result[w + k], row[k]);
  }
  return result;
}

double PairNet::Score(const NetWords& a, const NetWords& b) const {
  const Side side_a = Enter(a), side_b = Enter(b);
  const std::vector<float> seen_a = Compare(side_a, side_b), seen_b = Compare(side_b, side_a);
  const std::size_t n = seen_a.size();
  std::vector<float> seen(3 * n), wide(width_);
  for (std::size_t k = 0; k < n; ++k) {
    seen[k] = seen_a[k] + seen_b[k];
    seen[n + k] = std::abs(seen_a[k] - seen_b[k]);
    seen[2 * n + k] = seen_a[k] * seen_b[k];
  }
  Apply(join_.weights, join_.bias, seen, wide);
  Gelu(wide);
  const auto logit = static_cast<double>(Dot(out_.weights, wide) + out_.bias[0]);
  // Weights that overflow say nothing.
  return std::isnan(logit) ? -kLogitMax : std::clamp(logit, -kLogitMax, kLogitMax);
}

}  // namespace reflex::verify
