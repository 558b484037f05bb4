#include "app/eval_run.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "wire/chat_question.h"
#include "wire/chat_request.h"
#include "wire/reason.h"

namespace reflex::app {
namespace {

void Report(const EvalRun& run, std::size_t done) {
  if (run.progress) run.progress(done);
}

// The threshold, looked up when it is first needed: it is the same for all rows.
class Thresholds {
 public:
  explicit Thresholds(EvalTier& tier) : tier_(tier) {}
  double Get(const EvalFound& found, const Digest& scope, std::string_view question) {
    const bool by_score = found.layer == EvalFound::Layer::kVerified || (!found.hit() && found.score > 0);
    if (by_score && threshold_ == 0) threshold_ = tier_.Threshold(scope, question);
    return threshold_;
  }

 private:
  EvalTier& tier_;
  double threshold_ = 0;
};

// A request as the cache sees it.
struct ReadRequest {
  Digest key, scope;
  std::string question;
  std::string not_cached;    // Why neither is looked at; "" where it is.
  std::string not_semantic;  // Why the exact tier alone is; "" where both are.
};

class RequestReader {
 public:
  explicit RequestReader(bool with_tools) : with_tools_(with_tools) {}

  ReadRequest Read(const std::string& body) {
    ReadRequest result;
    const Result<wire::ChatRequest> request = requests_.Read(body);
    if (!request) {
      result.not_cached = request.error().message;
      return result;
    }
    if (request->store) result.not_cached = wire::reason::kStoreTrue;
    if (request->web_search) result.not_cached = wire::reason::kWebSearch;
    result.key = request->canonical;
    const wire::ChatQuestion question = questions_.Read(body, with_tools_);
    result.not_semantic = question.not_semantic;
    result.scope = question.scope_form;
    result.question = question.text;
    return result;
  }

 private:
  const bool with_tools_;
  wire::ChatRequestReader requests_;
  wire::ChatQuestionReader questions_;
};

// The same digest inside one row: rows share nothing.
Digest InRow(const EvalRow& row, const Digest& digest) {
  return EvalDigest("row " + row.id, std::string_view(reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()));
}

EvalFound DecideRequest(EvalTier& tier, const EvalRow& row, RequestReader& reader, Thresholds& thresholds, double& threshold) {
  const ReadRequest first = reader.Read(row.a), second = reader.Read(row.b);
  EvalFound found;
  found.reason = !first.not_cached.empty() ? first.not_cached : second.not_cached;
  if (!found.reason.empty()) return found;
  const bool first_semantic = first.not_semantic.empty(), second_semantic = second.not_semantic.empty();
  const Digest scope = InRow(row, second.scope);
  tier.Store(InRow(row, first.key), InRow(row, first.scope), first.question, first_semantic, row.id, nullptr);
  found = tier.Find(InRow(row, second.key), scope, second.question, second_semantic);
  if (!found.hit() && !second_semantic) found.reason = second.not_semantic;
  threshold = thresholds.Get(found, scope, second.question);
  return found;
}

bool IsRight(const EvalRow& row, bool hit) { return hit == (row.label == EvalRow::Label::kSame); }

}  // namespace

double ScoreForFile(const EvalFound& found, double threshold) {
  constexpr double kHalf = 0.5, kBelow = 0.499999;
  if (found.layer == EvalFound::Layer::kExact || found.layer == EvalFound::Layer::kCanonical) return 1;
  const double score = std::clamp(found.score, 0.0, 1.0);
  const bool usual = threshold > 0 && threshold < 1;
  const double moved = !usual ? score : score < threshold ? kHalf * score / threshold : 1 - kHalf * (1 - score) / (1 - threshold);
  return found.hit() ? std::max(moved, kHalf) : std::min(moved, kBelow);
}

std::vector<EvalDecision> EvalPairs(EvalTier& tier, std::span<const EvalRow> rows, const EvalRun& run) {
  std::vector<EvalDecision> decisions;
  Thresholds thresholds(tier);
  for (const EvalRow& row : rows) {
    const Digest scope = EvalDigest("pair", row.id);
    tier.Store(EvalDigest(row.id, row.a), scope, row.a, true, row.id, nullptr);
    EvalDecision decision;
    decision.row = &row;
    decision.found = tier.Find(EvalDigest(row.id, row.b), scope, row.b, true);
    decision.score = ScoreForFile(decision.found, thresholds.Get(decision.found, scope, row.b));
    decision.right = IsRight(row, decision.found.hit());
    const bool by_score = decision.found.layer == EvalFound::Layer::kVerified || !decision.found.hit();
    decision.compared = run.want_scores && by_score && decision.found.score > 0;
    decision.compared_same = row.label == EvalRow::Label::kSame;
    decisions.push_back(std::move(decision));
    Report(run, decisions.size());
  }
  return decisions;
}

std::vector<EvalDecision> EvalStream(EvalTier& tier, std::span<const EvalRow> rows, const EvalRun& run) {
  std::vector<EvalDecision> decisions;
  std::unordered_map<std::string, const EvalRow*> by_id;
  const Digest scope = EvalDigest("stream", "");
  const auto same_class = [&](const std::string& source, const EvalRow& row) {
    const auto found = by_id.find(source);
    return found != by_id.end() && found->second->answer_class == row.answer_class;
  };
  for (const EvalRow& row : rows) {
    const Digest key = EvalDigest("prompt", row.a);
    EvalDecision decision;
    decision.row = &row;
    decision.found = tier.Find(key, scope, row.a, true);
    const bool by_score = decision.found.layer == EvalFound::Layer::kVerified || !decision.found.hit();
    if (run.want_scores && by_score && decision.found.score > 0) {
      const std::string best = decision.found.hit() ? decision.found.source : tier.Best(scope, row.a);
      decision.compared = !best.empty();
      decision.compared_same = same_class(best, row);
    }
    decision.right = decision.found.hit() && same_class(decision.found.source, row);
    if (!decision.found.hit()) tier.Store(key, scope, row.a, true, row.id, std::move(decision.found.vector));
    decision.found.vector = nullptr;
    by_id.emplace(row.id, &row);
    decisions.push_back(std::move(decision));
    Report(run, decisions.size());
  }
  return decisions;
}

std::vector<EvalDecision> EvalRequests(EvalTier& tier, std::span<const EvalRow> rows, const EvalRun& run) {
  std::vector<EvalDecision> decisions;
  RequestReader reader(run.semantic_with_tools);
  Thresholds thresholds(tier);
  for (const EvalRow& row : rows) {
    EvalDecision decision;
    decision.row = &row;
    double threshold = 0;
    decision.found = DecideRequest(tier, row, reader, thresholds, threshold);
    decision.score = ScoreForFile(decision.found, threshold);
    decision.right = IsRight(row, decision.found.hit());
    decisions.push_back(std::move(decision));
    Report(run, decisions.size());
  }
  return decisions;
}

}  // namespace reflex::app
