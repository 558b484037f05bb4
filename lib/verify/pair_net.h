#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "reflex/result.h"

namespace reflex::verify {

// The words of one text as a pair net reads them: rows one behind the other, each of unit length or all zero.
struct NetWords {
  std::span<const float> lexical;  // PairNet::width() floats a word, from the net's lexical table.
  std::span<const float> context;  // PairNet::context() floats a word, from the model.
};

// A small network over the word vectors of a model: aligns the words of two texts by attention, compares each with its partner and
// says whether one answer serves both. docs/pair-net.md has form and formulas. Immutable; thread-safe.
class PairNet {
 public:
  static constexpr std::uint32_t kWidthMax = 1024, kContextMax = 4096;

  // Reads the weights from their file's bytes, which need not outlive the net. Returns: kInvalidArgument, naming what is wrong.
  static Result<PairNet> Parse(std::string_view bytes);

  std::uint32_t width() const { return width_; }
  std::uint32_t context() const { return context_; }

  // The logit of "one answer serves both", the same for (a, b) and (b, a) but for rounding; within [-50, 50]. Some 18 microseconds
  // a word. REQUIRES: both texts have words, lexical and context as many.
  double Score(const NetWords& a, const NetWords& b) const;

 private:
  // A linear layer: `outputs` rows of `inputs` weights, and what is added to each.
  struct Layer {
    std::vector<float> weights, bias;
  };
  struct Side;
  struct Beside;
  PairNet() = default;
  Side Enter(const NetWords& words) const;
  void Align(const Side& own, std::size_t i, const Side& other, Beside& beside) const;
  // What one text shows beside the other: the weighted mean of its words' comparisons, then their maxima.
  std::vector<float> Compare(const Side& own, const Side& other) const;

  std::uint32_t width_ = 0, context_ = 0;
  Layer enter_, norm_, first_, second_, weigh_, join_, out_;  // norm_: factor and offset of each column.
  float lexical_scale_ = 0, context_scale_ = 0, dot_scale_ = 0;
};

}  // namespace reflex::verify
