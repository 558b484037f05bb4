#include "verify/features.h"

#include <cmath>

#include "verify/measures.h"

namespace reflex::verify {

Features Compare(const Reading& a, const Reading& b, const Embedding& ea, const Embedding& eb) {
  Features features{};
  if (a.words.empty() || b.words.empty()) return features;
  const Alignment alignment(a, b, ea, eb);
  MeasureAlignment(alignment, ea, eb, features);
  MeasureOrder(alignment, features);
  MeasureContainment(alignment, features);
  MeasureLeftovers(alignment, features);
  MeasureFacts(alignment, features);
  MeasureLists(alignment, features);
  for (float& value : features) {
    if (!std::isfinite(value)) value = 0;  // A vector that is no number must not pass for agreement.
  }
  return features;
}

}  // namespace reflex::verify
