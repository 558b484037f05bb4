#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

// The parts that the small networks of the built-in verifier and of models' are made of. All are immutable once read; thread-safe.
namespace reflex::verify {

// What the numbers of a vector of unit length are brought to before the first layer: about one.
inline constexpr float kInputFactor = 16;

// A linear layer: a row of weights for each output, and what is added to it.
struct Linear {
  std::vector<float> weights, bias;

  // Of `count` vectors of the layer's inputs, whose beginnings are `stride` floats apart: the outputs of the first, then of the
  // next.
  std::vector<float> Apply(std::span<const float> vectors, std::size_t stride, std::size_t count) const;
};

// To mean 0 and variance 1, then a factor and an offset of its own for each column [Ba, Kiros, Hinton 2016].
struct LayerNorm {
  std::vector<float> factor, offset;

  // Each row of as many floats as there are columns, in place.
  void Apply(std::span<float> rows) const;
};

// x * Phi(x) [Hendrycks, Gimpel 2016], within 1e-6 of the exact one.
void Gelu(std::span<float> values);

// REQUIRES: at least one value.
void Softmax(std::span<float> values);

// sum += factor * row
void AddScaled(std::span<const float> row, float factor, std::span<float> sum);

// Takes tensors of half-precision floats off the front of a file's bytes.
class Weights {
 public:
  explicit Weights(std::string_view bytes) : bytes_(bytes) {}

  // REQUIRES: so many values are left.
  std::vector<float> Take(std::size_t count);
  Linear TakeLinear(std::size_t outputs, std::size_t inputs);
  LayerNorm TakeNorm(std::size_t columns);
  // Whether all that were taken are finite.
  bool finite() const { return finite_; }

 private:
  std::string_view bytes_;
  bool finite_ = true;
};

}  // namespace reflex::verify
