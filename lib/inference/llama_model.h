#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/batch_queue.h"
#include "inference/gguf_embedder.h"
#include "inference/gguf_file.h"
#include "reflex/embedder.h"
#include "reflex/result.h"

struct llama_model;
struct llama_vocab;
struct llama_context;

namespace reflex::inference {

// A text in the model's pieces, the model's own marks included.
struct ModelText {
  std::vector<std::int32_t> tokens;
  std::vector<TextSpan> spans;  // Of each token in the text; empty for marks.
};

// Weights and vocabulary of a file. Everything that the library answers by ending the process is checked here before. Thread-safe.
class LlamaModel {
 public:
  // Returns: errors as OpenGguf.
  static Result<std::unique_ptr<LlamaModel>> Open(const std::filesystem::path& path);
  ~LlamaModel();

  // Pieces of a text, at most `tokens_max`. With `spans`, their places too.
  // Returns: kInvalidArgument for what is not UTF-8; kTooLarge; kInternal.
  Result<ModelText> Split(std::string_view text, std::size_t tokens_max, bool spans) const;
  // The pieces of a pair in the form the model was trained with. Errors as Split.
  Result<BatchJob> SplitPair(std::string_view a, std::string_view b, std::size_t tokens_max) const;

  // The row that stands for a piece of the second text of a pair: its embedding, moved by the difference of the two segments.
  // REQUIRES: has_segments() and a token of the vocabulary.
  void SecondRow(std::int32_t token, std::span<float> row) const;
  // The row that stands for a piece before any context. REQUIRES: has_input_rows(), a token of the vocabulary, dimension() floats.
  void FirstRow(std::int32_t token, std::span<float> row) const;
  // Whether the file has vectors for two segments and token rows that can be read.
  bool has_segments() const { return !segment_difference_.empty(); }
  // Whether FirstRow can read the row of every token.
  bool has_input_rows() const { return has_input_rows_; }

  llama_model* get() const { return model_.get(); }
  const GgufHead& head() const { return head_; }
  const std::string& sha256() const { return sha256_; }
  std::uint64_t bytes() const { return file_.bytes().size(); }
  std::uint32_t window() const;
  std::uint32_t dimension() const;
  bool has_rank_head() const;

 private:
  struct Free {
    void operator()(llama_model* model) const;
  };
  LlamaModel(MappedFile file, GgufHead head);
  Result<void> Load(const std::filesystem::path& path);
  void CheckInputRows();
  void ReadSegments();
  Result<std::vector<std::int32_t>> Tokens(std::string_view text, bool marks, bool parse_marks) const;
  std::vector<TextSpan> Spans(std::string_view text, std::span<const std::int32_t> tokens) const;

  MappedFile file_;
  GgufHead head_;
  std::string sha256_;
  std::unique_ptr<llama_model, Free> model_;
  const llama_vocab* vocabulary_ = nullptr;
  std::vector<float> segment_difference_;
  bool has_input_rows_ = false;
};

// What a context computes.
enum class ModelOutput : std::uint8_t { kPieces, kPooled, kRank };  // kPooled: the library's own pooling, to check ours against.

// Working memory of one forward pass. One thread at a time; several may share a model, which outlives them.
class LlamaContext {
 public:
  struct Options {
    ModelOutput output = ModelOutput::kPieces;
    Pooling pooling = Pooling::kFile;  // For kPooled.
    std::uint32_t tokens_max = 1;      // Of one pass.
    std::uint32_t jobs_max = 1;        // 1 to 64.
    bool segments = false;             // Give the second text of a pair its own segment.
  };
  // Returns: kTooLarge when memory is short, kInvalidArgument.
  static Result<std::unique_ptr<LlamaContext>> Open(const LlamaModel& model, const Options& options);
  ~LlamaContext();

  // Sets each job's output or error: kPieces one row a token, kPooled one row, kRank its scores. Given up after `until` (kTimeout).
  void Run(std::span<BatchJob* const> batch, BatchQueue::Clock::time_point until);
  // As the file says it, when opened with Pooling::kFile; nothing for a pooling that is not kept.
  std::optional<Pooling> pooling() const;

 private:
  struct Free {
    void operator()(llama_context* context) const;
  };
  struct Batch;
  LlamaContext(const LlamaModel& model, const Options& options);
  // Asked between the steps of a pass: whether it is to be given up. Lets other threads of the core go first now and then.
  bool BetweenSteps();
  std::optional<Error> Encode(std::span<BatchJob* const> batch);
  std::optional<Error> Fill(std::span<BatchJob* const> batch);
  std::optional<Error> Collect(std::span<BatchJob* const> batch);

  const LlamaModel& model_;
  const Options options_;
  std::unique_ptr<Batch> batch_;
  std::unique_ptr<llama_context, Free> context_;
  BatchQueue::Clock::time_point until_;
  BatchQueue::Clock::time_point yielded_;
  std::size_t output_size_ = 0;
};

// REFLEX_TRY cannot name the range: kInvalidArgument for an option outside what GgufOptions says.
Result<void> CheckOptions(const GgufOptions& options);

// Contexts behind queues: short texts through several, long ones one at a time through one as large as the window. Thread-safe.
class LlamaLanes {
 public:
  // Returns: kTooLarge, kInvalidArgument.
  static Result<std::unique_ptr<LlamaLanes>> Open(const LlamaModel& model, const GgufOptions& options, ModelOutput output,
                                                  bool segments);

  // Errors as BatchQueue::Submit and LlamaContext::Run. REQUIRES: at most tokens_max() tokens.
  Result<std::vector<float>> Run(BatchJob job, std::chrono::nanoseconds limit);
  std::size_t tokens_max() const { return tokens_max_; }
  // Jobs that wait for a context.
  std::size_t waiting() const;

 private:
  LlamaLanes() = default;
  std::size_t tokens_max_ = 0;
  std::size_t short_max_ = 0;
  std::vector<std::unique_ptr<LlamaContext>> short_contexts_;
  std::unique_ptr<LlamaContext> long_context_;  // Null where every text is short.
  std::unique_ptr<BatchQueue> short_queue_, long_queue_;
};

}  // namespace reflex::inference
