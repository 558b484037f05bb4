#pragma once

#include <memory>
#include <string_view>

#include "gateway/context.h"
#include "http/task.h"
#include "reflex/semantic_tier.h"
#include "reflex/types.h"
#include "wire/chat_question.h"

namespace reflex::gateway {

// A request's question on its way through the semantic tiers, after the exact tier had nothing.
struct SemanticQuestion {
  // What is asked; not_semantic is set where the tiers have nothing to do with it.
  wire::ChatQuestion question;
  Digest scope{};  // All zero with question.not_semantic.
  // What the look-up learned, for filing the answer; may be null.
  std::shared_ptr<const SimilarVector> vector{};
};

// Reads the question of `body`, which ChatRequestReader accepted. In place where the body is small, else on the pool; a full pool
// makes it not semantic, reason busy. Call it only where there is a semantic tier and context.policy.canonical holds.
// `counts`: a question that is not semantic is a miss of the request, with that reason.
http::Task<SemanticQuestion> ReadQuestion(RequestContext& context, std::string_view body, bool counts);

// Looks for an answer to other words, on the pool. The entry and its layer, or null and why in context.reason (where the exact tier
// had none to blame) and context.closeness. `asked.vector` gets what was learned. REQUIRES: asked.question.not_semantic is empty.
struct SemanticAnswer {
  EntryPtr entry;
  Outcome outcome = Outcome::kVerified;
};
http::Task<SemanticAnswer> FindSimilar(RequestContext& context, SemanticQuestion& asked);

// What is looked up. Views and references into both, which outlive the query.
SimilarQuery QueryFor(const RequestContext& context, const SemanticQuestion& asked);

// Where they run.
base::WorkerPool& SemanticPool(const GatewayParts& parts);

// X-Reflex-Reason of a miss.
std::string_view ReasonOf(const SimilarFound& found);

}  // namespace reflex::gateway
