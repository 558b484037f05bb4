#include "verify/features.h"

#include <cmath>

#include "verify/measures.h"

namespace reflex::verify {

Features CompareWith(const std::vector<text::Conflict>& conflicts, const Reading& a, const Reading& b, const Embedding& ea,
                     const Embedding& eb) {
  Features features{};
  if (a.words.empty() || b.words.empty()) return features;
  const Alignment alignment(a, b, ea, eb);
  MeasureAlignment(alignment, ea, eb, features);
  MeasureOrder(alignment, features);
  MeasureContainment(alignment, features);
  MeasureLeftovers(alignment, features);
  MeasureFacts(alignment, conflicts, features);
  MeasureLists(alignment, features);
  MeasureContext(alignment, features);
  MeasureFrame(alignment, features);
  for (float& value : features) {
    if (!std::isfinite(value)) value = 0;  // A vector that is no number must not pass for agreement.
  }
  return features;
}

Features Compare(const Reading& a, const Reading& b, const Embedding& ea, const Embedding& eb) {
  return CompareWith(text::FindConflicts(a, b), a, b, ea, eb);
}

}  // namespace reflex::verify
