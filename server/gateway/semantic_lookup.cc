#include "gateway/semantic_lookup.h"

#include <array>
#include <functional>
#include <utility>

#include "gateway/chat_key.h"
#include "gateway/metrics.h"
#include "gateway/on_pool.h"
#include "gateway/policy.h"
#include "gateway/thread_state.h"
#include "reflex/clock.h"
#include "upstream/upstream.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

constexpr std::array kGuardReasons = {reason::kGuardNumbers,        reason::kGuardNegation,  reason::kGuardDirection,
                                      reason::kGuardLanguage,       reason::kGuardEntity,    reason::kGuardQuantifier,
                                      reason::kGuardIdentifier,     reason::kGuardQuotation, reason::kGuardCode,
                                      reason::kGuardOutputLanguage, reason::kGuardTask,      reason::kGuardConstraint,
                                      reason::kGuardOrder,          reason::kGuardAntonym,   reason::kGuardPresent};

std::string_view GuardReason(std::string_view guard) {
  constexpr std::string_view kPrefix = "guard-";
  for (const std::string_view known : kGuardReasons) {
    if (known.substr(kPrefix.size()) == guard) return known;
  }
  return reason::kGuardOther;
}

// A miss keeps what the exact tier said where that is more: that there was an answer, but not for now.
void NoteMiss(std::string_view why, RequestContext& context) {
  if (context.reason.empty() || context.reason == reason::kNoEntry) context.reason = why;
  context.services.metrics.CountSemanticMiss(why);
}

// How close the best candidate came, where there was one.
std::optional<Closeness> ClosenessOf(const SimilarFound& found) {
  if (found.entry == nullptr && found.similarity == 0 && found.score == 0) return std::nullopt;
  if (found.entry != nullptr && found.layer == SimilarLayer::kCanonical) return Closeness{1, std::nullopt};
  return Closeness{found.similarity, found.score};
}

}  // namespace

SimilarQuery QueryFor(const RequestContext& context, const SemanticQuestion& asked) {
  SimilarQuery query;
  query.scope = asked.scope;
  query.question = asked.question.text;
  query.name_space = context.policy.name_space;
  query.verify = context.policy.verified;
  query.usable = [&policy = context.policy, &clock = *context.services.parts.clock](const Entry& entry) {
    return Judge(policy, entry.created_ms, entry.expires_ms, clock.WallMs()) == Freshness::kFresh;
  };
  return query;
}

base::WorkerPool& SemanticPool(const GatewayParts& parts) {
  return parts.semantic_pool != nullptr ? *parts.semantic_pool : *parts.pool;
}

std::string_view ReasonOf(const SimilarFound& found) {
  switch (found.miss) {
    case SimilarMiss::kNoCandidate: return reason::kNoCandidate;
    case SimilarMiss::kGuard: return GuardReason(found.guard);
    case SimilarMiss::kScore: return reason::kScore;
    case SimilarMiss::kPresent: return reason::kPresent;
    case SimilarMiss::kLanguage: return reason::kLanguage;
    case SimilarMiss::kTooLong: return reason::kTooLong;
    case SimilarMiss::kBlocked: return reason::kBlocked;
    case SimilarMiss::kBudget: return reason::kBudget;
    case SimilarMiss::kLoading: return reason::kLoading;
    case SimilarMiss::kBusy: return reason::kBusy;
    case SimilarMiss::kTimeout: return reason::kTimeLimit;
    case SimilarMiss::kFailed: break;
  }
  return reason::kFailed;
}

http::Task<SemanticQuestion> ReadQuestion(RequestContext& context, std::string_view body, bool counts) {
  const GatewayOptions& options = context.services.options;
  SemanticQuestion asked;
  if (body.size() <= options.parse_in_place_bytes_max) {
    asked.question = context.thread.question_reader.Read(body, options.semantic_with_tools);
  } else {
    asked.question.not_semantic = reason::kBusy;
    std::function<void()> work = [&asked, &options, body] {
      wire::ChatQuestionReader reader;
      asked.question = reader.Read(body, options.semantic_with_tools);
    };
    static_cast<void>(co_await RunBorrowing(*context.thread.io, *context.services.parts.pool, std::move(work)));
  }
  if (asked.question.text.size() > options.question_bytes_max) {
    asked.question = {};
    asked.question.not_semantic = reason::kTooLong;
  }
  if (asked.question.not_semantic.empty()) {
    const auto& base = context.thread.upstream->providers().base(context.provider);
    asked.scope = ScopeDigest(context, *base, asked.question.scope_form);
  } else if (counts) {
    NoteMiss(asked.question.not_semantic, context);
  }
  co_return asked;
}

http::Task<SemanticAnswer> FindSimilar(RequestContext& context, SemanticQuestion& asked) {
  SemanticTier& tier = *context.services.parts.semantic;
  if (!tier.LooksWorthwhile(asked.scope)) co_return SemanticAnswer();
  const std::int64_t began_ns = context.services.parts.clock->SteadyNs();
  SimilarFound found;
  found.miss = SimilarMiss::kBusy;  // What a full pool leaves.
  const SimilarQuery query = QueryFor(context, asked);
  std::function<void()> work = [&found, &query, &tier] { found = tier.Find(query); };
  const GatewayParts& parts = context.services.parts;
  base::WorkerPool& pool = SemanticPool(parts);
  static_cast<void>(co_await RunBorrowing(*context.thread.io, pool, std::move(work)));
  context.services.metrics.ObserveStage(Stage::kSimilar, context.services.parts.clock->SteadyNs() - began_ns);
  asked.vector = std::move(found.vector);
  context.closeness = ClosenessOf(found);
  if (context.closeness) {
    context.services.metrics.ObserveCloseness(found.entry != nullptr, context.closeness->similarity, context.closeness->score);
  }
  if (found.entry == nullptr) {
    NoteMiss(ReasonOf(found), context);
    co_return SemanticAnswer();
  }
  const bool canonical = found.layer == SimilarLayer::kCanonical;
  co_return SemanticAnswer{std::move(found.entry), canonical ? Outcome::kCanonical : Outcome::kVerified};
}

}  // namespace reflex::gateway
