#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "verify/layers.h"

namespace reflex::verify {

// A small transformer that makes of what a text's tokens mean by themselves what they mean in this text: the built-in stand-in for
// a model, which was its teacher. docs/pair-net.md has form and formulas. Immutable; thread-safe.
class Encoder {
 public:
  static constexpr std::uint32_t kSizeMax = 1024, kLayersMax = 12;

  // The one that is part of the program. Read at the first call.
  static const Result<Encoder>& Builtin();
  // Reads the weights from their file's bytes, which need not outlive the encoder. Returns: kInvalidArgument, naming what is wrong.
  static Result<Encoder> Parse(std::string_view bytes);

  std::uint32_t input() const { return input_; }
  std::uint32_t output() const { return output_; }
  std::uint32_t tokens_max() const { return positions_; }

  // input() floats a token, each row of unit length or all zero; returns output() floats a token, of unit length. Of a text that is
  // longer than tokens_max() the tokens behind get rows of zeros, and no other sees them.
  std::vector<float> Encode(std::span<const float> rows) const;

 private:
  struct Layer {
    LayerNorm before_attention, before_inner;
    Linear attend, attended, inner, outer;  // attend: queries, keys and values, one behind the other.
  };
  Encoder() = default;
  // What the attention of all heads adds to each of `count` tokens.
  std::vector<float> Attend(const Layer& layer, std::span<const float> state, std::size_t count) const;

  std::uint32_t width_ = 0, heads_ = 0, input_ = 0, output_ = 0, positions_ = 0;
  Linear enter_, out_;
  std::vector<float> position_;  // width_ floats each.
  std::vector<Layer> layers_;
  LayerNorm last_;
};

}  // namespace reflex::verify
