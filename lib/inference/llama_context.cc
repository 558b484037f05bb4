#if defined(REFLEX_HAVE_LLAMA)
#include <algorithm>
#include <cmath>
#include <exception>
#include <thread>
#include <utility>

#include <llama.h>

#include "inference/llama_library.h"
#include "inference/llama_model.h"

namespace reflex::inference {
namespace {

// Texts in one batch: more gained nothing where it was measured.
constexpr std::uint32_t kBatchJobsMax = 8;
// Linux since 6.13, unless fully preemptible, interrupts a thread that only computes at the next tick of the clock (4 ms), however
// nice it is to the one that woke. One that enters the kernel lets it go at once. A yield costs about 1 us.
constexpr std::chrono::microseconds kYieldEvery{100};

enum llama_pooling_type TypeOf(ModelOutput output, Pooling pooling) {
  if (output == ModelOutput::kPieces) return LLAMA_POOLING_TYPE_NONE;
  if (output == ModelOutput::kRank) return LLAMA_POOLING_TYPE_RANK;
  switch (pooling) {
    case Pooling::kFile: return LLAMA_POOLING_TYPE_UNSPECIFIED;
    case Pooling::kMean: return LLAMA_POOLING_TYPE_MEAN;
    case Pooling::kCls: return LLAMA_POOLING_TYPE_CLS;
    case Pooling::kLast: return LLAMA_POOLING_TYPE_LAST;
  }
  return LLAMA_POOLING_TYPE_UNSPECIFIED;
}

Error Failed(std::string what) { return {ErrorCode::kInternal, "the model failed: " + std::move(what)}; }

}  // namespace

void LlamaContext::Free::operator()(llama_context* context) const { llama_free(context); }

struct LlamaContext::Batch {
  Batch(std::uint32_t tokens, std::uint32_t row)
      : batch(llama_batch_init(static_cast<std::int32_t>(tokens), static_cast<std::int32_t>(row), 1)) {}
  ~Batch() { llama_batch_free(batch); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  llama_batch batch;
};

LlamaContext::LlamaContext(const LlamaModel& model, const Options& options) : model_(model), options_(options) {}
LlamaContext::~LlamaContext() = default;

Result<std::unique_ptr<LlamaContext>> LlamaContext::Open(const LlamaModel& model, const Options& options) {
  std::unique_ptr<LlamaContext> result(new LlamaContext(model, options));
  llama_context_params params = llama_context_default_params();
  // One pass takes the whole batch: a sequence that is split gives wrong means, and a larger one ends the process.
  params.n_ctx = params.n_batch = params.n_ubatch = options.tokens_max;
  params.n_seq_max = options.jobs_max;
  params.kv_unified = true;
  params.n_threads = params.n_threads_batch = 1;
  params.embeddings = true;
  params.no_perf = true;
  params.pooling_type = TypeOf(options.output, options.pooling);
  params.abort_callback = [](void* self) { return static_cast<LlamaContext*>(self)->BetweenSteps(); };
  params.abort_callback_data = result.get();
  result->until_ = BatchQueue::Clock::time_point::max();
  TakeLlamaComplaint();
  try {
    result->context_.reset(llama_init_from_model(model.get(), params));
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInvalidArgument, std::string("the model cannot be run: ") + error.what());
  }
  if (!result->context_) return Fail(ErrorCode::kTooLarge, "the model cannot be run, is memory short? " + TakeLlamaComplaint());
  const std::uint32_t row = options.segments ? model.dimension() : 0;
  result->batch_ = std::make_unique<Batch>(options.tokens_max, row);
  result->output_size_ = options.output == ModelOutput::kRank ? llama_model_n_cls_out(model.get()) : model.dimension();
  return result;
}

std::optional<Pooling> LlamaContext::pooling() const {
  switch (llama_pooling_type(context_.get())) {
    case LLAMA_POOLING_TYPE_MEAN: return Pooling::kMean;
    case LLAMA_POOLING_TYPE_CLS: return Pooling::kCls;
    case LLAMA_POOLING_TYPE_LAST: return Pooling::kLast;
    default: return std::nullopt;
  }
}

bool LlamaContext::BetweenSteps() {
  const auto now = BatchQueue::Clock::now();
  if (now - yielded_ >= kYieldEvery) {
    std::this_thread::yield();
    yielded_ = now;
  }
  return now >= until_;
}

void LlamaContext::Run(std::span<BatchJob* const> batch, BatchQueue::Clock::time_point until) {
  until_ = until;
  std::optional<Error> error;
  try {
    error = Encode(batch);
  } catch (const std::exception& thrown) {
    error = Failed(thrown.what());
  }
  if (!error) return;
  for (BatchJob* job : batch) job->error = error;
}

std::optional<Error> LlamaContext::Fill(std::span<BatchJob* const> batch) {
  llama_batch& out = batch_->batch;
  out.n_tokens = 0;
  if (batch.empty() || batch.size() > options_.jobs_max) return Failed("a batch of " + std::to_string(batch.size()) + " texts");
  const std::size_t row = model_.dimension();
  for (std::size_t job = 0; job < batch.size(); ++job) {
    const std::vector<std::int32_t>& tokens = batch[job]->tokens;
    const auto room = options_.tokens_max - static_cast<std::size_t>(out.n_tokens);
    if (tokens.empty() || tokens.size() > room || tokens.size() > model_.window()) {
      return Failed("a text of " + std::to_string(tokens.size()) + " pieces");
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto at = static_cast<std::size_t>(out.n_tokens++);
      if (!options_.segments) {
        out.token[at] = tokens[i];
      } else if (batch[job]->second_begins != 0 && i >= batch[job]->second_begins) {
        model_.SecondRow(tokens[i], {out.embd + at * row, row});
      } else {
        model_.FirstRow(tokens[i], {out.embd + at * row, row});
      }
      out.pos[at] = static_cast<llama_pos>(i);
      out.n_seq_id[at] = 1;
      out.seq_id[at][0] = static_cast<llama_seq_id>(job);
      out.logits[at] = 1;
    }
  }
  return std::nullopt;
}

std::optional<Error> LlamaContext::Encode(std::span<BatchJob* const> batch) {
  if (auto error = Fill(batch)) return error;
  // Models of the BERT family have no memory of earlier tokens and are encoded; the others are decoded from an empty one.
  const llama_memory_t memory = llama_get_memory(context_.get());
  if (memory) llama_memory_clear(memory, false);
  const std::int32_t status = memory ? llama_decode(context_.get(), batch_->batch) : llama_encode(context_.get(), batch_->batch);
  if (status == 2) return Error{ErrorCode::kTimeout, "the model had no result within the time limit"};
  if (status != 0) return Failed("status " + std::to_string(status));
  return Collect(batch);
}

std::optional<Error> LlamaContext::Collect(std::span<BatchJob* const> batch) {
  std::int32_t at = 0;
  for (std::size_t job = 0; job < batch.size(); ++job) {
    std::vector<float>& output = batch[job]->output;
    output.clear();
    if (options_.output == ModelOutput::kPieces) {
      for (std::size_t i = 0; i < batch[job]->tokens.size(); ++i) {
        const float* row = llama_get_embeddings_ith(context_.get(), at++);
        if (!row) return Failed("no vector");
        output.insert(output.end(), row, row + output_size_);
      }
    } else {
      const float* row = llama_get_embeddings_seq(context_.get(), static_cast<llama_seq_id>(job));
      if (!row) return Failed("no vector");
      output.assign(row, row + output_size_);
    }
    if (!std::ranges::all_of(output, [](float x) { return std::isfinite(x); })) return Failed("a number that is none");
  }
  return std::nullopt;
}

Result<void> CheckOptions(const GgufOptions& options) {
  const auto bad = [](const std::string& what) { return Fail(ErrorCode::kInvalidArgument, what); };
  if (options.contexts < 1 || options.contexts > kGgufContextsMax) {
    return bad("contexts of a model: allowed are 1 to " + std::to_string(kGgufContextsMax));
  }
  if (options.queue_max < 1 || options.queue_max > kGgufQueueMax) {
    return bad("texts that wait for a model: allowed are 1 to " + std::to_string(kGgufQueueMax));
  }
  if (options.batch_tokens_max < 16 || options.batch_tokens_max > 1024) return bad("pieces in a batch: allowed are 16 to 1024");
  if (options.text_tokens_max < 16 || options.text_tokens_max > 8192) return bad("pieces in a text: allowed are 16 to 8192");
  if (options.text_bytes_max < 1 || options.text_bytes_max > 16u << 20) return bad("bytes in a text: allowed are 1 to 16777216");
  return {};
}

Result<std::unique_ptr<LlamaLanes>> LlamaLanes::Open(const LlamaModel& model, const GgufOptions& options, ModelOutput output,
                                                     bool segments) {
  std::unique_ptr<LlamaLanes> lanes(new LlamaLanes());
  const std::uint32_t longest = std::min(options.text_tokens_max, model.window());
  lanes->tokens_max_ = longest;
  lanes->short_max_ = std::min(options.batch_tokens_max, longest);
  LlamaContext::Options context{.output = output, .segments = segments};
  context.tokens_max = options.batch_tokens_max;
  context.jobs_max = kBatchJobsMax;
  for (std::uint32_t i = 0; i < options.contexts; ++i) {
    REFLEX_TRY(auto opened, LlamaContext::Open(model, context));
    lanes->short_contexts_.push_back(std::move(opened));
  }
  lanes->short_queue_ = std::make_unique<BatchQueue>(
      BatchQueue::Limits{options.contexts, options.queue_max, options.batch_tokens_max, kBatchJobsMax},
      [self = lanes.get()](std::size_t index, std::span<BatchJob* const> batch, BatchQueue::Clock::time_point until) {
        self->short_contexts_[index]->Run(batch, until);
      });
  if (longest > lanes->short_max_) {
    context.tokens_max = longest;
    context.jobs_max = 1;
    REFLEX_TRY(lanes->long_context_, LlamaContext::Open(model, context));
    lanes->long_queue_ = std::make_unique<BatchQueue>(
        BatchQueue::Limits{1, options.queue_max, longest, 1},
        [self = lanes.get()](std::size_t, std::span<BatchJob* const> batch, BatchQueue::Clock::time_point until) {
          self->long_context_->Run(batch, until);
        });
  }
  return lanes;
}

Result<std::vector<float>> LlamaLanes::Run(BatchJob job, std::chrono::nanoseconds limit) {
  BatchQueue& queue = job.tokens.size() > short_max_ ? *long_queue_ : *short_queue_;
  return queue.Submit(std::move(job), limit);
}

std::size_t LlamaLanes::waiting() const { return short_queue_->waiting() + (long_queue_ ? long_queue_->waiting() : 0); }

}  // namespace reflex::inference
#endif
