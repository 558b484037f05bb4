#include "gateway/explain_page.h"

#include <cmath>
#include <cstdio>

#include "base/digest.h"
#include "gateway/context.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

// Writes one JSON object or list; members in the order they are added.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& Name(std::string_view name) {
    Next();
    wire::AppendJsonString(name, out_);
    out_.push_back(':');
    fresh_ = true;
    return *this;
  }
  void Text(std::string_view text) {
    Next();
    wire::AppendJsonString(text, out_);
  }
  void Raw(std::string_view json) {
    Next();
    out_.append(json);
  }
  void Flag(bool flag) { Raw(flag ? "true" : "false"); }
  void Whole(std::int64_t number) { Raw(std::to_string(number)); }
  void Share(double number) {
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%.6g", number);
    Raw(std::isfinite(number) ? std::string_view(text, static_cast<std::size_t>(size)) : "null");
  }
  void Open(char bracket) {
    Next();
    out_.push_back(bracket);
    fresh_ = true;
  }
  void Close(char bracket) {
    out_.push_back(bracket);
    fresh_ = false;
  }

 private:
  void Next() {
    if (!fresh_) out_.push_back(',');
    fresh_ = false;
  }

  std::string& out_;
  bool fresh_ = true;  // Nothing to separate from.
};

std::string_view Decision(const ExplainedRequest& request) {
  const bool asks = !request.bypass.empty() || !request.refresh.empty();
  if (asks && request.only_if_cached) return Name(Outcome::kMiss);
  if (!request.bypass.empty()) return Name(Outcome::kBypass);
  if (!request.refresh.empty()) return Name(Outcome::kRefresh);
  if (request.exact != nullptr && request.freshness == Freshness::kFresh) return Name(Outcome::kHit);
  if (request.semantic == nullptr || request.semantic->found.entry == nullptr) return Name(Outcome::kMiss);
  return Name(request.semantic->found.layer == SimilarLayer::kCanonical ? Outcome::kCanonical : Outcome::kVerified);
}

std::string_view ReasonFor(const ExplainedRequest& request, std::string_view decision) {
  if (decision == Name(Outcome::kBypass)) return request.bypass;
  if (decision == Name(Outcome::kRefresh)) return request.refresh;
  if (decision != Name(Outcome::kMiss)) return {};
  if (request.only_if_cached) return wire::reason::kOnlyIfCached;
  if (request.exact != nullptr) {
    return request.freshness == Freshness::kExpired ? wire::reason::kExpired : wire::reason::kTooOld;
  }
  if (request.empty_scope) return wire::reason::kNoEntry;
  if (!request.semantic_reason.empty()) return request.semantic_reason;
  return request.not_semantic.empty() || request.not_semantic == wire::reason::kTiers ? wire::reason::kNoEntry
                                                                                      : request.not_semantic;
}

void WriteExact(const ExplainedRequest& request, Writer& out) {
  out.Name("exact").Open('{');
  out.Name("key").Text(base::ToHex(request.key));
  out.Name("stored").Flag(request.exact != nullptr);
  if (request.exact != nullptr) {
    out.Name("age_s").Whole(AgeSeconds(request.exact->created_ms, request.now_ms));
    out.Name("ttl_s").Whole((request.exact->expires_ms - request.now_ms) / 1000);
    out.Name("usable").Flag(request.freshness == Freshness::kFresh);
  }
  out.Close('}');
}

void WriteComparison(const CandidateView& candidate, Writer& out) {
  out.Name("similarity").Share(candidate.similarity);
  out.Name("score").Share(candidate.score);
  out.Name("threshold").Share(candidate.threshold);
  if (candidate.reranker) out.Name("reranker").Share(*candidate.reranker);
  out.Name("blocked").Flag(candidate.blocked);
  out.Name("differences").Open('[');
  for (const CandidateView::Difference& difference : candidate.differences) {
    out.Open('{');
    out.Name("guard").Text(difference.guard);
    out.Name("question").Text(difference.in_question);
    out.Name("candidate").Text(difference.in_candidate);
    out.Close('}');
  }
  out.Close(']');
}

void WriteCandidate(const CandidateView& candidate, Writer& out) {
  out.Open('{');
  out.Name("entry").Text(base::ToHex(candidate.key));
  out.Name("question").Text(candidate.question);
  out.Name("canonical").Text(candidate.canonical);
  out.Name("usable").Flag(candidate.usable);
  out.Name("compared").Flag(candidate.compared);
  if (candidate.compared) WriteComparison(candidate, out);
  out.Close('}');
}

void WriteBudget(const BudgetView& budget, Writer& out) {
  out.Name("budget").Open('{');
  out.Name("namespace").Text(budget.name_space);
  out.Name("max_wrong_hits").Share(budget.max_wrong_hits);
  out.Name("threshold").Share(budget.threshold);
  out.Name("estimate").Share(budget.estimate);
  out.Name("lower").Share(budget.lower);
  out.Name("upper").Share(budget.upper);
  out.Name("hits").Whole(static_cast<std::int64_t>(budget.hits));
  out.Name("labels").Share(budget.labels);
  out.Name("wrong_labels").Share(budget.wrong_labels);
  out.Name("source").Text(budget.offline ? "offline" : "labels");
  out.Name("off").Flag(budget.off);
  out.Close('}');
}

void WriteSemantic(const ExplainedRequest& request, Writer& out) {
  const Explanation& semantic = *request.semantic;
  out.Name("semantic").Open('{');
  out.Name("scope").Text(base::ToHex(request.scope));
  out.Name("scope_entries").Whole(static_cast<std::int64_t>(semantic.scope_entries));
  out.Name("question").Text(request.question);
  out.Name("canonical").Text(semantic.canonical);
  out.Name("facts").Open('[');
  for (const std::string& fact : semantic.facts) out.Text(fact);
  out.Close(']');
  out.Name("threshold").Share(semantic.threshold);
  out.Name("similarity").Share(semantic.found.similarity);
  out.Name("score").Share(semantic.found.score);
  if (semantic.found.entry != nullptr) out.Name("entry").Text(base::ToHex(semantic.found.entry->key));
  if (!request.semantic_reason.empty()) out.Name("reason").Text(request.semantic_reason);
  out.Name("embedded").Flag(semantic.embedded);
  out.Name("candidates").Open('[');
  for (const CandidateView& candidate : semantic.candidates) WriteCandidate(candidate, out);
  out.Close(']');
  if (request.budget) WriteBudget(*request.budget, out);
  out.Close('}');
}

}  // namespace

std::string ExplainPage(const ExplainedRequest& request) {
  std::string text;
  Writer out(text);
  const std::string_view decision = Decision(request);
  out.Open('{');
  out.Name("decision").Text(decision);
  if (const std::string_view reason = ReasonFor(request, decision); !reason.empty()) out.Name("reason").Text(reason);
  WriteExact(request, out);
  if (request.semantic != nullptr) {
    WriteSemantic(request, out);
  } else {
    out.Name("semantic").Raw("null");
    out.Name("not_semantic").Text(request.not_semantic);
  }
  out.Close('}');
  return text;
}

}  // namespace reflex::gateway
