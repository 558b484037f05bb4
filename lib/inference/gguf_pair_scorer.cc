#if defined(REFLEX_HAVE_LLAMA)
#include <algorithm>
#include <cmath>
#include <utility>

#include <llama.h>

#include "inference/gguf_embedder.h"
#include "inference/llama_model.h"

namespace reflex::inference {
namespace {

class GgufPairScorer final : public PairScorer {
 public:
  GgufPairScorer(std::unique_ptr<LlamaModel> model, std::unique_ptr<LlamaLanes> lanes, GgufOptions options, bool segments)
      : model_(std::move(model)), lanes_(std::move(lanes)), options_(std::move(options)) {
    model_id_ = "gguf-" + model_->sha256().substr(0, 16) + (segments ? "-pair" : "-pair-one-segment");
  }

  const std::string& model_id() const override { return model_id_; }

  Result<float> Score(std::string_view a, std::string_view b, std::chrono::nanoseconds limit) override {
    if (std::max(a.size(), b.size()) > options_.text_bytes_max) {
      return Fail(ErrorCode::kTooLarge, "a text of a pair has more than " + std::to_string(options_.text_bytes_max) + " bytes");
    }
    const auto start = BatchQueue::Clock::now();
    REFLEX_TRY(const float forward, OneOrder(a, b, limit));
    REFLEX_TRY(const float backward, OneOrder(b, a, limit - (BatchQueue::Clock::now() - start)));
    return (forward + backward) / 2;
  }

 private:
  Result<float> OneOrder(std::string_view a, std::string_view b, std::chrono::nanoseconds limit) {
    REFLEX_TRY(BatchJob job, model_->SplitPair(a, b, lanes_->tokens_max()));
    REFLEX_TRY(const std::vector<float> scores, lanes_->Run(std::move(job), limit));
    if (scores.size() == 1) return scores[0];
    // Two outputs are the probabilities of yes and no.
    constexpr float kSmallest = 1e-12f;
    return std::log(std::max(scores[0], kSmallest)) - std::log(std::max(scores[1], kSmallest));
  }

  std::unique_ptr<LlamaModel> model_;
  std::unique_ptr<LlamaLanes> lanes_;  // Uses model_.
  GgufOptions options_;
  std::string model_id_;
};

// One score, or "yes" and "no" in this order. Others have no logit.
bool IsScore(const llama_model* model) {
  const std::uint32_t outputs = llama_model_n_cls_out(model);
  if (outputs == 1) return true;
  const char* first = outputs == 2 ? llama_model_cls_label(model, 0) : nullptr;
  const char* second = outputs == 2 ? llama_model_cls_label(model, 1) : nullptr;
  return first && second && std::string_view(first) == "yes" && std::string_view(second) == "no";
}

}  // namespace

Result<std::unique_ptr<PairScorer>> OpenGgufPairScorer(const std::filesystem::path& path, const GgufOptions& options) {
  REFLEX_CHECK(CheckOptions(options));
  const auto bad = [&](const std::string& what) { return Fail(ErrorCode::kInvalidArgument, path.string() + ": " + what); };
  if (options.pooling != Pooling::kFile || !options.prefix.empty())
    return bad("a model that scores pairs takes no pooling and no prefix");
  REFLEX_TRY(auto model, LlamaModel::Open(path));
  // Without these tensors the library answers with a number that means nothing.
  if (!model->has_rank_head()) return bad("has no rank head (cls.output.weight), so it cannot score pairs");
  if (!IsScore(model->get())) return bad("gives several scores for a pair; usable are one, or yes and no");
  const bool segments = options.segments && model->has_segments();
  auto lanes = LlamaLanes::Open(*model, options, ModelOutput::kRank, segments);
  if (!lanes) return Fail(lanes.error().code, path.string() + ": " + lanes.error().message);
  // A pair that cannot be put together is a fault of the file, and known now.
  if (const auto pair = model->SplitPair("a", "b", (*lanes)->tokens_max()); !pair) return bad(pair.error().message);
  return std::make_unique<GgufPairScorer>(std::move(model), std::move(*lanes), options, segments);
}

}  // namespace reflex::inference
#endif
