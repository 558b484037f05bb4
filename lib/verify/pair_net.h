#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "verify/layers.h"

namespace reflex::verify {

// The tokens of one text as a pair net reads them: rows one behind the other, each of unit length or all zero.
struct NetTokens {
  std::vector<float> input;    // PairNet::input() floats a token: what each means by itself.
  std::vector<float> context;  // PairNet::context() floats a token: what a model, or the encoder, makes of it in this text.
};

// A small network over the token vectors of a model: aligns the tokens of two texts by attention, compares each with its partner
// and says whether one answer serves both. docs/pair-net.md has form and formulas. Immutable; thread-safe.
class PairNet {
 public:
  static constexpr std::uint32_t kWidthMax = 1024, kDimensionMax = 4096;

  // One text inside a net; made once for a question that is compared with several.
  struct Text {
    NetTokens tokens;
    std::size_t count = 0;
    std::vector<float> rows;  // width() floats a token.
  };

  // The net of the built-in verifier, which is part of the program. Read at the first call.
  static const Result<PairNet>& Builtin();
  // Reads the weights from their file's bytes, which need not outlive the net. Returns: kInvalidArgument, naming what is wrong.
  static Result<PairNet> Parse(std::string_view bytes);

  std::uint32_t width() const { return width_; }
  std::uint32_t input() const { return input_; }
  std::uint32_t context() const { return context_; }  // 0: the net does without.

  // REQUIRES: at least one token, as many rows of both kinds.
  Text Enter(NetTokens tokens) const;
  // The logit of "one answer serves both", the same for (a, b) and (b, a) but for rounding; within [-50, 50].
  double Score(const Text& a, const Text& b) const;

 private:
  PairNet() = default;
  // What the comparison of each token is made of: 4 * width() floats and the cosines.
  std::vector<float> Align(const Text& own, const Text& other) const;
  // What one text shows beside the other: the weighted mean of its tokens' comparisons, then their maxima.
  std::vector<float> Compare(const Text& own, const Text& other) const;
  std::size_t cosines() const { return context_ > 0 ? 4 : 2; }

  std::uint32_t width_ = 0, input_ = 0, context_ = 0;
  Linear enter_, first_, second_, around_, weigh_, join_, out_;
  LayerNorm norm_;
  float input_scale_ = 0, context_scale_ = 0, dot_scale_ = 0;
};

}  // namespace reflex::verify
