#pragma once

#include <string>
#include <string_view>

#include "reflex/result.h"
#include "verify/budget_evidence.h"

namespace reflex::verify {

// The text form of what BudgetBook keeps; docs/budget.md specifies it.
struct EstimateNote {
  std::string name_space;
  bool shared = false;
  std::size_t rung = 0;
  double counted = 0;
  std::vector<Evidence::Cell> cells;
};

inline constexpr std::string_view kControlsKey = "controls";
inline constexpr std::string_view kSharedKey = "shared";
// The key of a namespace's note.
std::string BudgetKey(std::string_view name_space);

std::string WriteEstimate(const EstimateNote& note, const Ladder& ladder);
// Returns: kCorrupt, kNewerFormat; kInvalidArgument for another ladder.
Result<EstimateNote> ReadEstimate(std::string_view text, const Ladder& ladder);

std::string WriteControls(const Controls& controls);
// Returns: kCorrupt, kNewerFormat.
Result<Controls> ReadControls(std::string_view text);

}  // namespace reflex::verify
