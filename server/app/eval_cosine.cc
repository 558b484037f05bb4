#include "app/eval_cosine.h"

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "verify/vectors.h"

namespace reflex::app {
namespace {

constexpr std::chrono::minutes kTextLimit{1};

class Nearest {
 public:
  Nearest(Embedder& embedder, double threshold) : embedder_(embedder), threshold_(threshold) {}

  Result<EvalDecision> Find(std::string_view text) {
    EvalDecision decision;
    EvalFound& found = decision.found;
    if (const auto same = by_text_.find(text); same != by_text_.end()) {
      found.layer = EvalFound::Layer::kExact;
      served_ = same->second;
      found.source = served_->id;
      decision.score = 1;
      return decision;
    }
    REFLEX_TRY(Embedding embedding, embedder_.Embed(text, {}, kTextLimit));
    looked_ = std::move(embedding.text);
    const Kept* best = nullptr;
    for (const Kept& kept : kept_) {
      const double similarity = verify::Dot(looked_, kept.vector);  // Of unit length.
      if (best != nullptr && similarity <= found.score) continue;
      best = &kept;
      found.score = similarity;
    }
    found.similarity = static_cast<float>(found.score);
    found.reason = "score";
    if (best != nullptr && found.score >= threshold_) {
      found.layer = EvalFound::Layer::kVerified;
      served_ = best->row;
      found.source = served_->id;
    }
    decision.score = ScoreForFile(found, threshold_);
    return decision;
  }
  Result<void> Keep(const EvalRow& row) {
    REFLEX_TRY(Embedding embedding, embedder_.Embed(row.a, {}, kTextLimit));
    Keep(row, std::move(embedding.text));
    return {};
  }
  // The row whose text was served last.
  const EvalRow& served() const { return *served_; }
  // The text that was looked for last.
  void KeepLooked(const EvalRow& row) { Keep(row, std::move(looked_)); }
  void Clear() {
    kept_.clear();
    by_text_.clear();
  }

 private:
  struct Kept {
    const EvalRow* row;
    std::vector<float> vector;
  };
  void Keep(const EvalRow& row, std::vector<float> vector) {
    by_text_.emplace(row.a, &row);
    kept_.push_back({&row, std::move(vector)});
  }

  Embedder& embedder_;
  const double threshold_;
  std::vector<Kept> kept_;
  std::unordered_map<std::string_view, const EvalRow*> by_text_;
  const EvalRow* served_ = nullptr;
  std::vector<float> looked_;
};

}  // namespace

Result<std::vector<EvalDecision>> EvalByCosine(EvalKind kind, std::span<const EvalRow> rows, Embedder& embedder, double threshold,
                                               const EvalRun& run) {
  std::vector<EvalDecision> decisions;
  Nearest nearest(embedder, threshold);
  for (const EvalRow& row : rows) {
    const bool stream = kind == EvalKind::kStream;
    if (!stream) {
      nearest.Clear();
      REFLEX_CHECK(nearest.Keep(row));
    }
    REFLEX_TRY(EvalDecision decision, nearest.Find(stream ? row.a : row.b));
    decision.row = &row;
    const bool hit = decision.found.hit();
    if (stream) {
      decision.right = hit && nearest.served().answer_class == row.answer_class;
      if (!hit) nearest.KeepLooked(row);
    } else {
      decision.right = hit == (row.label == EvalRow::Label::kSame);
    }
    decisions.push_back(std::move(decision));
    if (run.progress) run.progress(decisions.size());
  }
  return decisions;
}

}  // namespace reflex::app
