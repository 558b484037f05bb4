#include "verify/pair_net.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/little_endian.h"
#include "verify/vectors.h"

extern "C" const char reflex_data_pair_net_begin[], reflex_data_pair_net_end[];

namespace reflex::verify {
namespace {

constexpr std::string_view kMagic{"RSPN2\0\0\0", 8};
constexpr std::size_t kHeadBytes = 20;
constexpr double kLogitMax = 50;

// All dot products of a's rows with b's, the first row's first.
std::vector<float> Products(std::span<const float> a, std::span<const float> b, std::size_t size, std::size_t count,
                            std::size_t rows) {
  std::vector<float> products(count * rows);
  MultiplyRows(a, size, count, b, size, products);
  return products;
}

}  // namespace

Result<PairNet> PairNet::Parse(std::string_view bytes) {
  if (bytes.size() < kHeadBytes || !bytes.starts_with(kMagic)) {
    return Fail(ErrorCode::kInvalidArgument, "not a pair net: it does not begin with RSPN2");
  }
  PairNet net;
  net.width_ = base::GetLittleEndian<std::uint32_t>(bytes.data() + 8);
  net.input_ = base::GetLittleEndian<std::uint32_t>(bytes.data() + 12);
  net.context_ = base::GetLittleEndian<std::uint32_t>(bytes.data() + 16);
  const std::string name = "a pair net of width " + std::to_string(net.width_) + " over " + std::to_string(net.input_) + " and " +
                           std::to_string(net.context_) + " dimensions";
  if (net.width_ == 0 || net.width_ > kWidthMax || net.input_ == 0 || net.input_ > kDimensionMax || net.context_ > kDimensionMax) {
    return Fail(ErrorCode::kInvalidArgument, name + "; at most " + std::to_string(kWidthMax) + " over " +
                                                 std::to_string(kDimensionMax) + " and as many are read");
  }
  const std::size_t w = net.width_, entered = std::size_t{net.input_} + net.context_, seen = 4 * w + net.cosines();
  const std::size_t count =
      w * (entered + 1) + 2 * w + 3 + w * (seen + 1) + w * (w + 1) + w * (3 * w + 1) + w + 1 + w * (6 * w + 1) + w + 1;
  if (bytes.size() != kHeadBytes + 2 * count) {
    return Fail(ErrorCode::kInvalidArgument,
                name + " has " + std::to_string(kHeadBytes + 2 * count) + " bytes, not " + std::to_string(bytes.size()));
  }
  Weights weights(bytes.substr(kHeadBytes));
  net.enter_ = weights.TakeLinear(w, entered);
  net.norm_ = weights.TakeNorm(w);
  const std::vector<float> scales = weights.Take(3);
  net.input_scale_ = scales[0];
  net.context_scale_ = scales[1];
  net.dot_scale_ = scales[2] / std::sqrt(static_cast<float>(w));
  net.first_ = weights.TakeLinear(w, seen);
  net.second_ = weights.TakeLinear(w, w);
  net.around_ = weights.TakeLinear(w, 3 * w);
  net.weigh_ = weights.TakeLinear(1, w);
  net.join_ = weights.TakeLinear(w, 6 * w);
  net.out_ = weights.TakeLinear(1, w);
  if (!weights.finite()) return Fail(ErrorCode::kInvalidArgument, "a pair net with a weight that is not a finite number");
  return net;
}

const Result<PairNet>& PairNet::Builtin() {
  static const Result<PairNet> net = Parse(std::string_view(reflex_data_pair_net_begin, reflex_data_pair_net_end));
  return net;
}

PairNet::Text PairNet::Enter(NetTokens tokens) const {
  const std::size_t entered = std::size_t{input_} + context_, count = tokens.input.size() / input_;
  std::vector<float> scaled(count * entered);
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<float> row(scaled.data() + i * entered, entered);
    AddScaled(std::span(tokens.input).subspan(i * input_, input_), kInputFactor, row.first(input_));
    AddScaled(std::span(tokens.context).subspan(i * context_, context_), kInputFactor, row.subspan(input_));
  }
  Text text{.tokens = std::move(tokens), .count = count, .rows = enter_.Apply(scaled, entered, count)};
  norm_.Apply(text.rows);
  return text;
}

// Each token beside its partner: the token, the mean of the other text's by attention, how they differ, what they share; then of
// each kind of vectors the highest cosine, and of each the mean by attention.
std::vector<float> PairNet::Align(const Text& own, const Text& other) const {
  const std::size_t w = width_, n = other.count, seen_size = 4 * w + cosines();
  const std::vector<float> input = Products(own.tokens.input, other.tokens.input, input_, own.count, n);
  const std::vector<float> context = Products(own.tokens.context, other.tokens.context, context_, own.count, n);
  std::vector<float> shares = Products(own.rows, other.rows, w, own.count, n);
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i] = dot_scale_ * shares[i] + input_scale_ * input[i] + (context_ > 0 ? context_scale_ * context[i] : 0);
  }
  std::vector<float> seen(own.count * seen_size);
  for (std::size_t i = 0; i < own.count; ++i) {
    const std::span<float> out(seen.data() + i * seen_size, seen_size), share(shares.data() + i * n, n),
        partner = out.subspan(w, w);
    Softmax(share);
    for (std::size_t j = 0; j < n; ++j) AddScaled(std::span(other.rows).subspan(j * w, w), share[j], partner);
    const float* const row = own.rows.data() + i * w;
    for (std::size_t k = 0; k < w; ++k) {
      out[k] = row[k];
      out[2 * w + k] = std::abs(row[k] - partner[k]);
      out[3 * w + k] = row[k] * partner[k];
    }
    std::size_t at = 4 * w;
    const std::span<const float> mine_input(input.data() + i * n, n);
    out[at++] = std::ranges::max(mine_input);
    if (context_ > 0) out[at++] = std::ranges::max(std::span(context).subspan(i * n, n));
    out[at++] = Dot(share, mine_input);
    if (context_ > 0) out[at] = Dot(share, std::span(context).subspan(i * n, n));
  }
  return seen;
}

std::vector<float> PairNet::Compare(const Text& own, const Text& other) const {
  const std::size_t w = width_;
  std::vector<float> wide = first_.Apply(Align(own, other), 4 * w + cosines(), own.count);
  Gelu(wide);
  std::vector<float> compared = second_.Apply(wide, w, own.count);
  Gelu(compared);
  // With those beside it, from a row of zeros to a row of zeros.
  std::vector<float> padded((own.count + 2) * w);
  std::ranges::copy(compared, padded.begin() + static_cast<std::ptrdiff_t>(w));
  std::vector<float> around = around_.Apply(padded, w, own.count);
  Gelu(around);
  AddRow(around, compared);
  std::vector<float> weights = weigh_.Apply(own.rows, w, own.count);
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

double PairNet::Score(const Text& a, const Text& b) const {
  const std::vector<float> seen_a = Compare(a, b), seen_b = Compare(b, a);
  const std::size_t n = seen_a.size();
  std::vector<float> seen(3 * n);
  for (std::size_t k = 0; k < n; ++k) {
    seen[k] = seen_a[k] + seen_b[k];
    seen[n + k] = std::abs(seen_a[k] - seen_b[k]);
    seen[2 * n + k] = seen_a[k] * seen_b[k];
  }
  std::vector<float> wide = join_.Apply(seen, 3 * n, 1);
  Gelu(wide);
  const auto logit = static_cast<double>(out_.Apply(wide, width_, 1).front());
  // Weights that overflow say nothing.
  return std::isnan(logit) ? -kLogitMax : std::clamp(logit, -kLogitMax, kLogitMax);
}

}  // namespace reflex::verify
