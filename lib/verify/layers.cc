#include "verify/layers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/half.h"
#include "verify/vectors.h"

namespace reflex::verify {
namespace {

constexpr float kNormEpsilon = 1e-5f;

// erf as a quotient of polynomials, within 1e-6: the coefficients of Eigen's float version. std::erf is not done on several lanes.
inline float Erf(float x) {
  x = std::min(std::max(x, -4.0f), 4.0f);
  const float y = x * x;
  float top = -2.72614225801306e-10f;
  for (const float c : {2.77068142495902e-08f, -2.10102402082508e-06f, -5.69250639462346e-05f, -7.34990630326855e-04f,
                        -2.95459980854025e-03f, -1.60960333262415e-02f}) {
    top = top * y + c;
  }
  float bottom = -1.45660718464996e-05f;
  for (const float c : {-2.13374055278905e-04f, -1.68282697438203e-03f, -7.37332916720468e-03f, -1.42647390514189e-02f}) {
    bottom = bottom * y + c;
  }
  return x * top / bottom;
}

}  // namespace

std::vector<float> Linear::Apply(std::span<const float> vectors, std::size_t stride, std::size_t count) const {
  std::vector<float> out(count * bias.size());
  MultiplyRows(vectors, stride, count, weights, weights.size() / bias.size(), out);
  for (std::size_t i = 0; i < count; ++i) AddRow(bias, std::span(out).subspan(i * bias.size(), bias.size()));
  return out;
}

void LayerNorm::Apply(std::span<float> rows) const {
  const std::size_t n = factor.size();
  for (; rows.size() >= n; rows = rows.subspan(n)) {
    float mean = 0, spread = 0;
    for (std::size_t k = 0; k < n; ++k) mean += rows[k];
    mean /= static_cast<float>(n);
    for (std::size_t k = 0; k < n; ++k) spread += (rows[k] - mean) * (rows[k] - mean);
    const float scale = 1 / std::sqrt(spread / static_cast<float>(n) + kNormEpsilon);
    for (std::size_t k = 0; k < n; ++k) rows[k] = (rows[k] - mean) * scale * factor[k] + offset[k];
  }
}

void Gelu(std::span<float> values) {
  for (float& x : values) x = 0.5f * x * (1 + Erf(x * 0.70710678f));
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

std::vector<float> Weights::Take(std::size_t count) {
  std::vector<float> values(count);
  base::DecodeHalf({reinterpret_cast<const std::uint8_t*>(bytes_.data()), 2 * count}, values);
  bytes_.remove_prefix(2 * count);
  finite_ = finite_ && std::ranges::all_of(values, [](float x) { return std::isfinite(x); });
  return values;
}

Linear Weights::TakeLinear(std::size_t outputs, std::size_t inputs) {
  Linear read;
  read.weights = Take(outputs * inputs);
  read.bias = Take(outputs);
  return read;
}

LayerNorm Weights::TakeNorm(std::size_t columns) {
  LayerNorm read;
  read.factor = Take(columns);
  read.offset = Take(columns);
  return read;
}

}  // namespace reflex::verify
