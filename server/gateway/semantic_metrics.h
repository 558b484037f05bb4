#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reflex/semantic_tier.h"

namespace reflex::gateway {

// Namespaces that have rows of their own in /metrics.
inline constexpr std::size_t kShownNamespaces = 50;

// Appends the rows of the error budgets to a page in the Prometheus text format: one for each of the busiest namespaces, the rest
// together as `other`. Apart from the registry, because these labels are no fixed list.
void AppendBudgets(const SemanticTier& tier, std::string& out);

// For /ready: a sentence each, about what the semantic tiers cannot do right now. Empty when all is well.
std::vector<std::string> SemanticNotes(const SemanticTier& tier);

}  // namespace reflex::gateway
