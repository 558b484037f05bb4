#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/policy.h"
#include "reflex/semantic_tier.h"
#include "reflex/types.h"

namespace reflex::gateway {

// Everything POST /v1/reflex/explain knows of a request. Views live during the call.
struct ExplainedRequest {
  Digest key;
  std::string_view bypass;   // "" where the cache is asked at all.
  std::string_view refresh;  // Why a new answer is demanded; "" where it is not.
  bool only_if_cached = false;
  EntryPtr exact;                           // Without its reply, perhaps; null: none is stored.
  Freshness freshness = Freshness::kFresh;  // Of `exact`.
  std::int64_t now_ms = 0;
  std::string_view not_semantic;  // "" where the semantic tiers were asked.
  std::string_view question;
  Digest scope;
  const Explanation* semantic = nullptr;  // Null where they were not asked.
  bool empty_scope = false;               // So a request would not look there.
  std::string_view semantic_reason;       // Of a miss.
  std::optional<BudgetView> budget;
};

// The reply's body (docs/admin.md).
std::string ExplainPage(const ExplainedRequest& request);

}  // namespace reflex::gateway
