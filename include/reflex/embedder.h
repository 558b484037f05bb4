#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"

namespace reflex {

/// Bytes [begin, end) of a text.
struct TextSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

/// What one pass over a text gives.
struct Embedding {
  /// The whole text: `dimension` floats, unit length (all zero only for a text without any known piece).
  std::vector<float> text;
  /// One row of `dimension` floats for each span asked for, in order; each row of unit length or all zero.
  std::vector<float> words;
};

/// Text to vector. Thread-safe; synchronous: call it on a worker thread unless it is `quick`.
class Embedder {
 public:
  virtual ~Embedder() = default;

  /// Names the vectors: two embedders with equal ids give comparable vectors. Weights, pooling and prefix are part of it.
  virtual const std::string& model_id() const = 0;
  /// Floats in a vector; constant.
  virtual std::uint32_t dimension() const = 0;
  /// True where Embed takes microseconds, so that an I/O thread may call it.
  virtual bool quick() const = 0;
  /// Texts that wait for their turn now.
  virtual std::size_t waiting() const { return 0; }
  /// False where only whole texts have vectors, as from a remote service: `words` is not looked at then, and Embedding::words is
  /// empty. Such a model finds candidates; pairs are judged with the vectors of an embedder that has words.
  virtual bool has_words() const { return true; }

  /// The text's vector and those of the given words (ascending, not overlapping, inside the text), from one pass.
  /// Returns: kTooLarge for a text longer than the model's window (nothing is ever cut); kInvalidArgument for a text that is not
  /// UTF-8; kBusy when the queue is full; kTimeout when `limit` passed; kInternal when the model failed or gave NaN; kUnavailable,
  /// kProtocol, kClosed, kCancelled from a remote one.
  virtual Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds limit) = 0;

  /// Floats in a row of InputRows; 0 where there are none.
  virtual std::uint32_t input_dimension() const { return 0; }
  /// What the given words (as of Embed) mean by themselves: of each the mean of its pieces' vectors before any context,
  /// `input_dimension` floats a word, unit length or all zero. Microseconds. Empty for a text that Embed refuses.
  virtual std::vector<float> InputRows(std::string_view /*text*/, std::span<const TextSpan> /*words*/) { return {}; }
};

/// The built-in embedder, a table of word vectors (docs/models.md): quick, with words and input rows. It needs no file.
std::unique_ptr<Embedder> NewBuiltInEmbedder();

/// A pair of texts to one score: a cross-encoder. Thread-safe; synchronous, milliseconds.
class PairScorer {
 public:
  virtual ~PairScorer() = default;
  virtual const std::string& model_id() const = 0;
  /// The raw logit for (a, b), mean of both orders. Errors as Embedder::Embed.
  virtual Result<float> Score(std::string_view a, std::string_view b, std::chrono::nanoseconds limit) = 0;
};

}  // namespace reflex
