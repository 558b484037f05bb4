#include "gateway/caller_calls.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "gateway/admin_calls.h"
#include "gateway/chat_key.h"
#include "gateway/chat_subject.h"
#include "gateway/errors.h"
#include "gateway/explain_page.h"
#include "gateway/feedback_request.h"
#include "gateway/on_pool.h"
#include "gateway/semantic_hits.h"
#include "gateway/thread_state.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/semantic_tier.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

constexpr std::string_view kExplain = "/v1/reflex/explain";
constexpr std::string_view kFeedback = "/v1/reflex/feedback";

// The same words whether the hit is unknown, forgotten or another tenant's.
Problem UnknownHit() {
  return MakeProblem(404, reason::kNotFound, "unknown_hit",
                     "no such hit is remembered for this caller; name it by \"entry\" and \"body\" (docs/admin.md)");
}

// The entry under an exact key, without its reply where the store can do that. Counts as no look-up of a request.
EntryPtr PeekEntry(Cache& cache, const Digest& key) {
  if (EntryStore* const store = cache.store()) {
    auto head = store->FindHead(key);
    if (head && *head != nullptr) return std::move(*head);
  }
  return cache.FindInMemory(key);
}

// ---- Explain

void Explain(const RequestContext& context, const ChatSubject& subject, std::string& page) {
  const GatewayParts& parts = context.services.parts;
  ExplainedRequest shown;
  shown.key = subject.key;
  shown.bypass = subject.bypass;
  if (context.policy.refresh) shown.refresh = context.policy.reason;
  shown.only_if_cached = context.policy.only_if_cached;
  shown.exact = PeekEntry(*parts.cache, subject.key);
  shown.now_ms = parts.clock->WallMs();
  if (shown.exact != nullptr) {
    shown.freshness = Judge(context.policy, shown.exact->created_ms, shown.exact->expires_ms, shown.now_ms);
  }
  shown.not_semantic = subject.asked.question.not_semantic;
  shown.question = subject.asked.question.text;
  shown.scope = subject.asked.scope;
  Explanation explanation;
  if (shown.not_semantic.empty()) {
    explanation = parts.semantic->Explain(QueryFor(context, subject.asked));
    shown.semantic = &explanation;
    shown.empty_scope = !parts.semantic->LooksWorthwhile(subject.asked.scope);
    if (explanation.found.entry == nullptr) shown.semantic_reason = ReasonOf(explanation.found);
    shown.budget = parts.semantic->Budget(context.policy.name_space);
  }
  page = ExplainPage(shown);
}

http::Task<void> AnswerExplain(RequestContext& context) {
  const auto body = co_await context.exchange.ReadBody();
  if (!body) co_return co_await SendProblem(context, ProblemFor(body.error(), Side::kClient));
  context.bytes_in = body->size();
  ChatSubject subject;
  if (auto problem = co_await ReadSubject(context, *body, subject)) co_return co_await SendProblem(context, std::move(*problem));
  std::string page;
  std::function<void()> work = [&] { Explain(context, subject, page); };
  if (!co_await RunBorrowing(context.exchange.io(), SemanticPool(context.services.parts), std::move(work))) {
    co_return co_await SendProblem(context, PoolIsFull());
  }
  context.reason = {};
  const OwnReply reply{.body = page};
  co_await SendOwn(context, reply);
}

// ---- Feedback

// What a report is about.
struct Reported {
  Outcome outcome = Outcome::kHit;
  Digest entry{};
  Digest canonical{};  // Of the entry's question.
  Digest scope{};
  std::string question{};
  std::string name_space{};
  std::string request_id{};  // "" where the entry was named.
  bool counted = false;      // As a label.
};

// Asks one thread after the other for an exact hit; only the threads themselves look into their rings.
http::Task<std::optional<Reported>> FindExactHit(RequestContext& context, const std::string& request_id) {
  http::IoThread& io = context.exchange.io();
  for (const auto& state : context.services.threads) {
    auto found = std::make_shared<std::optional<ExactHits::Hit>>();
    http::Signal looked(io);
    state->io->Post([found, request_id, thread = state.get(), done = looked.Notifier()] {
      *found = thread->exact_hits.Find(request_id);
      done();
    });
    static_cast<void>(co_await looked.Wait());
    if (*found && (*found)->tenant == context.tenant) co_return Reported{.entry = (*found)->key};
  }
  co_return std::nullopt;
}

http::Task<std::optional<Reported>> FindByRequest(RequestContext& context, const std::string& request_id) {
  if (auto hit = context.services.semantic_hits.Find(request_id, context.tenant)) {
    co_return Reported{.outcome = hit->outcome,
                       .entry = hit->entry,
                       .canonical = hit->canonical,
                       .scope = hit->scope,
                       .question = std::move(hit->question),
                       .name_space = std::move(hit->name_space),
                       .request_id = request_id};
  }
  co_return co_await FindExactHit(context, request_id);
}

// Whether a look-up that ended so could have found something at another moment.
bool IsUndecided(SimilarMiss miss) {
  return miss == SimilarMiss::kLoading || miss == SimilarMiss::kBusy || miss == SimilarMiss::kTimeout ||
         miss == SimilarMiss::kFailed;
}

// Would this entry be served to that question now? Only then can a report about it be right, and only once: the pair matches no
// more.
// Returns: kNotFound; kBusy where it cannot be said now.
Result<Reported> FindPair(const RequestContext& context, const ChatSubject& subject, const Digest& entry) {
  const GatewayParts& parts = context.services.parts;
  const EntryPtr head = PeekEntry(*parts.cache, entry);
  if (head == nullptr) return Fail(ErrorCode::kNotFound, "there is no such entry");
  if (entry == subject.key) return Reported{.entry = entry};
  if (!subject.asked.question.not_semantic.empty() || head->scope != subject.asked.scope) {
    return Fail(ErrorCode::kNotFound, "the entry is none for this question");
  }
  const Explanation explained = parts.semantic->Explain(QueryFor(context, subject.asked));
  const bool served = explained.found.entry != nullptr && explained.found.entry->key == entry;
  const auto same = [&](const CandidateView& candidate) { return candidate.key == entry; };
  const auto candidate = std::ranges::find_if(explained.candidates, same);
  const bool in_place = candidate != explained.candidates.end() && candidate->compared && candidate->usable &&
                        !candidate->blocked && candidate->differences.empty() && candidate->score >= candidate->threshold;
  if (!served && !in_place && explained.found.entry == nullptr && IsUndecided(explained.found.miss)) {
    return Fail(ErrorCode::kBusy, "whether the pair matches cannot be said now (" + std::string(ReasonOf(explained.found)) + ")");
  }
  if (!served && !in_place) return Fail(ErrorCode::kNotFound, "the entry would not be served to this question");
  const bool canonical = served && explained.found.layer == SimilarLayer::kCanonical;
  return Reported{.outcome = canonical ? Outcome::kCanonical : Outcome::kVerified,
                  .entry = entry,
                  .canonical = head->canonical,
                  .scope = subject.asked.scope,
                  .question = subject.asked.question.text,
                  .name_space = std::string(context.policy.name_space)};
}

// Does what the verdict asks for. On the pool.
Result<void> Apply(const RequestContext& context, bool wrong, Reported& reported) {
  const GatewayParts& parts = context.services.parts;
  if (reported.outcome == Outcome::kHit) return wrong ? parts.cache->Erase(reported.entry) : Result<void>();
  // First, and each time: what it counts as is another matter.
  if (wrong) REFLEX_CHECK(parts.semantic->Block(reported.scope, reported.question, reported.entry, reported.canonical));
  const bool named = reported.request_id.empty();
  // A pair can be named again and again, so praise for it counts for nothing; a request counts once.
  reported.counted = named ? wrong : context.services.semantic_hits.TakeReport(reported.request_id);
  if (reported.counted) parts.semantic->Report(reported.name_space, wrong);
  return {};
}

std::string FeedbackPage(const Reported& reported, bool wrong) {
  const bool exact = reported.outcome == Outcome::kHit;
  std::string out = "{\"verdict\":\"";
  out.append(wrong ? "wrong" : "right").append("\",\"hit\":\"").append(Name(reported.outcome)).append("\",\"entry\":\"");
  out.append(base::ToHex(reported.entry)).append("\",\"erased\":").append(exact && wrong ? "true" : "false");
  out.append(",\"counted\":").append(reported.counted ? "true" : "false").append("}");
  return out;
}

http::Task<void> AnswerFeedback(RequestContext& context) {
  const auto body = co_await context.exchange.ReadBody();
  if (!body) co_return co_await SendProblem(context, ProblemFor(body.error(), Side::kClient));
  context.bytes_in = body->size();
  const Result<FeedbackRequest> request = ParseFeedbackRequest(*body);
  if (!request) co_return co_await SendProblem(context, ProblemFor(request.error(), Side::kClient));

  std::optional<Reported> reported;
  ChatSubject subject;
  if (request->entry) {
    if (auto problem = co_await ReadSubject(context, request->body, subject))
      co_return co_await SendProblem(context, std::move(*problem));
  } else {
    if (auto problem = ReadCaller(context)) co_return co_await SendProblem(context, std::move(*problem));
    reported = co_await FindByRequest(context, request->request_id);
    if (!reported) co_return co_await SendProblem(context, UnknownHit());
  }
  Result<void> applied;
  std::optional<Error> undecided;
  std::function<void()> work = [&] {
    if (request->entry) {
      auto pair = FindPair(context, subject, *request->entry);
      if (pair) reported = std::move(*pair);
      if (!pair && pair.error().code == ErrorCode::kBusy) undecided = std::move(pair).error();
    }
    if (reported) applied = Apply(context, request->wrong, *reported);
  };
  if (!co_await RunBorrowing(context.exchange.io(), SemanticPool(context.services.parts), std::move(work))) {
    co_return co_await SendProblem(context, PoolIsFull());
  }
  if (undecided) {
    co_return co_await SendProblem(context, MakeProblem(503, reason::kBusy, "busy", undecided->message + "; try again"));
  }
  if (!reported) co_return co_await SendProblem(context, UnknownHit());
  if (!applied) {
    co_return co_await SendProblem(
        context, MakeProblem(503, reason::kInternal, "store_failed", "the report could not be kept: " + applied.error().message));
  }
  const std::string page = FeedbackPage(*reported, request->wrong);
  const OwnReply reply{.body = page};
  context.reason = {};
  co_await SendOwn(context, reply);
}

}  // namespace

bool IsCallersPath(std::string_view path) { return path == kExplain || path == kFeedback; }

http::Task<void> HandleCallersCall(RequestContext& context) {
  context.outcome = Outcome::kOwn;
  if (context.head().method != "POST") return SendMethodNotAllowed(context, "POST");
  return context.head().path == kExplain ? AnswerExplain(context) : AnswerFeedback(context);
}

}  // namespace reflex::gateway
