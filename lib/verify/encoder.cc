#include "verify/encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/little_endian.h"
#include "verify/vectors.h"

extern "C" const char reflex_data_encoder_begin[], reflex_data_encoder_end[];

namespace reflex::verify {
namespace {

constexpr std::string_view kMagic{"RSEN1\0\0\0", 8};
constexpr std::size_t kNumbers = 6, kHeadBytes = 8 + 4 * kNumbers;

}  // namespace

Result<Encoder> Encoder::Parse(std::string_view bytes) {
  if (bytes.size() < kHeadBytes || !bytes.starts_with(kMagic)) {
    return Fail(ErrorCode::kInvalidArgument, "not an encoder: it does not begin with RSEN1");
  }
  std::array<std::uint32_t, kNumbers> head{};
  for (std::size_t i = 0; i < kNumbers; ++i) head[i] = base::GetLittleEndian<std::uint32_t>(bytes.data() + 8 + 4 * i);
  const auto [width, layers, heads, input, output, positions] = head;
  const std::string name = "an encoder of width " + std::to_string(width) + ", " + std::to_string(layers) + " layers, " +
                           std::to_string(heads) + " heads, " + std::to_string(input) + " dimensions in, " +
                           std::to_string(output) + " out and " + std::to_string(positions) + " positions";
  const auto fits = [](std::uint32_t number) { return number > 0 && number <= kSizeMax; };
  if (!fits(width) || !fits(input) || !fits(output) || !fits(positions) || !fits(heads) || width % heads != 0 || layers == 0 ||
      layers > kLayersMax) {
    return Fail(ErrorCode::kInvalidArgument, name + "; at most " + std::to_string(kLayersMax) + " layers and " +
                                                 std::to_string(kSizeMax) + " of the others are read, and heads divide the width");
  }
  const std::size_t w = width;
  const std::size_t layer = 4 * w + 3 * w * (w + 1) + w * (w + 1) + 2 * w * (w + 1) + w * (2 * w + 1);
  const std::size_t count = w * (input + std::size_t{1}) + positions * w + layers * layer + 2 * w + output * (w + 1);
  if (bytes.size() != kHeadBytes + 2 * count) {
    return Fail(ErrorCode::kInvalidArgument,
                name + " has " + std::to_string(kHeadBytes + 2 * count) + " bytes, not " + std::to_string(bytes.size()));
  }
  Encoder encoder;
  encoder.width_ = width;
  encoder.heads_ = heads;
  encoder.input_ = input;
  encoder.output_ = output;
  encoder.positions_ = positions;
  Weights weights(bytes.substr(kHeadBytes));
  encoder.enter_ = weights.TakeLinear(w, input);
  encoder.position_ = weights.Take(positions * w);
  for (std::uint32_t i = 0; i < layers; ++i) {
    Layer& read = encoder.layers_.emplace_back();
    read.before_attention = weights.TakeNorm(w);
    read.before_inner = weights.TakeNorm(w);
    read.attend = weights.TakeLinear(3 * w, w);
    read.attended = weights.TakeLinear(w, w);
    read.inner = weights.TakeLinear(2 * w, w);
    read.outer = weights.TakeLinear(w, 2 * w);
  }
  encoder.last_ = weights.TakeNorm(w);
  encoder.out_ = weights.TakeLinear(output, w);
  if (!weights.finite()) return Fail(ErrorCode::kInvalidArgument, "an encoder with a weight that is not a finite number");
  return encoder;
}

const Result<Encoder>& Encoder::Builtin() {
  static const Result<Encoder> encoder = Parse(std::string_view(reflex_data_encoder_begin, reflex_data_encoder_end));
  return encoder;
}

// [Vaswani et al. 2017]
std::vector<float> Encoder::Attend(const Layer& layer, std::span<const float> state, std::size_t count) const {
  const std::size_t w = width_, head = w / heads_;
  std::vector<float> normal(state.begin(), state.end());
  layer.before_attention.Apply(normal);
  const std::vector<float> made = layer.attend.Apply(normal, w, count);
  const std::span<const float> seen(made);
  const float scale = 1 / std::sqrt(static_cast<float>(head));
  std::vector<float> mixed(count * w), keys(count * head), shares(count * count);
  for (std::size_t at = 0; at < w; at += head) {
    for (std::size_t j = 0; j < count; ++j) {
      std::ranges::copy(seen.subspan(j * 3 * w + w + at, head), keys.begin() + static_cast<std::ptrdiff_t>(j * head));
    }
    MultiplyRows(seen.subspan(at), 3 * w, count, keys, head, shares);
    for (float& share : shares) share *= scale;
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<float> share = std::span(shares).subspan(i * count, count);
      Softmax(share);
      const std::span<float> sum = std::span(mixed).subspan(i * w + at, head);
      for (std::size_t j = 0; j < count; ++j) AddScaled(seen.subspan(j * 3 * w + 2 * w + at, head), share[j], sum);
    }
  }
  return layer.attended.Apply(mixed, w, count);
}

std::vector<float> Encoder::Encode(std::span<const float> rows) const {
  if (rows.empty()) return {};
  const std::size_t tokens = rows.size() / input_, count = std::min<std::size_t>(tokens, positions_), w = width_;
  std::vector<float> scaled(count * input_);
  AddScaled(rows.first(scaled.size()), kInputFactor, scaled);
  std::vector<float> state = enter_.Apply(scaled, input_, count);
  AddRow(std::span(position_).first(state.size()), state);
  for (const Layer& layer : layers_) {
    AddRow(Attend(layer, state, count), state);
    std::vector<float> normal = state;
    layer.before_inner.Apply(normal);
    std::vector<float> inner = layer.inner.Apply(normal, w, count);
    Gelu(inner);
    AddRow(layer.outer.Apply(inner, 2 * w, count), state);
  }
  last_.Apply(state);
  std::vector<float> out = out_.Apply(state, w, count);
  for (std::size_t i = 0; i < count; ++i) Normalise(std::span(out).subspan(i * output_, output_));
  out.resize(tokens * output_, 0.f);
  return out;
}

}  // namespace reflex::verify
