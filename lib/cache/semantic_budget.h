#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "reflex/semantic_tier.h"
#include "verify/model.h"

namespace reflex::cache {

// Which score suffices in which namespace: the offline table alone. Thread-safe.
class NamespaceBudgets {
 public:
  NamespaceBudgets(const SemanticOptions& options, const verify::Model& model)
      : max_wrong_hits_(options.max_wrong_hits), threshold_(model.ThresholdFor(options.max_wrong_hits)) {}

  double Threshold(std::string_view) const { return threshold_; }
  void CountHit(std::string_view) {}
  void Label(std::string_view, bool, bool) {}
  void Feedback(std::string_view, bool) {}
  std::vector<BudgetView> Busiest(std::size_t limit) const {
    if (limit == 0) return {};
    BudgetView view;
    view.max_wrong_hits = max_wrong_hits_;
    view.threshold = threshold_;
    view.off = threshold_ > 1;
    return {view};
  }

 private:
  const double max_wrong_hits_, threshold_;
};

}  // namespace reflex::cache
