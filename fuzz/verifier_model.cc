// The parser of scoring models: any bytes give a model or an error with a message; a model's scores lie between 0 and 1.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "verify/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto model = reflex::verify::ParseModel(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!model) {
    if (model.error().message.empty()) std::abort();
    return 0;
  }
  for (const float value : {0.f, 1.f, -1e30f, 1e30f}) {
    reflex::verify::Features features;
    features.fill(value);
    const double score = model->Score(features);
    if (!(score >= 0 && score <= 1)) std::abort();
  }
  if (!(model->ThresholdFor(0.01) >= 0)) std::abort();
  return 0;
}
