#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "verify/alignment.h"
#include "verify/features.h"

// The parts of Compare, each filling its own features.
namespace reflex::verify {

constexpr std::size_t FeatureIndex(std::string_view name) {
  for (std::size_t i = 0; i < kFeatures; ++i) {
    if (kFeatureNames[i] == name) return i;
  }
  return kFeatures;  // An index that no array has: a wrong name does not compile.
}

// features["name"] by a name checked at compile time.
template <std::size_t N>
struct FeatureName {
  consteval FeatureName(const char (&name)[N]) { std::copy_n(name, N, text); }
  char text[N];
};
template <FeatureName name>
constexpr std::size_t kFeature = FeatureIndex(std::string_view(name.text));
template <FeatureName name>
float& At(Features& features) {
  static_assert(kFeature<name> < kFeatures);
  return features[kFeature<name>];
}

void MeasureAlignment(const Alignment& alignment, const Embedding& ea, const Embedding& eb, Features& out);
void MeasureOrder(const Alignment& alignment, Features& out);
void MeasureContainment(const Alignment& alignment, Features& out);
void MeasureLeftovers(const Alignment& alignment, Features& out);
void MeasureFacts(const Alignment& alignment, const std::vector<text::Conflict>& conflicts, Features& out);
void MeasureContext(const Alignment& alignment, Features& out);
void MeasureFrame(const Alignment& alignment, Features& out);
void MeasureLists(const Alignment& alignment, Features& out);

// Compare where the conflicts are known.
Features CompareWith(const std::vector<text::Conflict>& conflicts, const Reading& a, const Reading& b, const Embedding& ea,
                     const Embedding& eb);

}  // namespace reflex::verify
