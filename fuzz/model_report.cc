// Answers of the program that looks at a model: what is read is written and read the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "inference/probe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto report = reflex::inference::ParseReport({reinterpret_cast<const char*>(data), size});
  if (!report) return 0;
  // A time is written with three digits and a name on one line, so once through is where it settles.
  const auto once = reflex::inference::ParseReport(reflex::inference::FormatReport(*report));
  if (!once) std::abort();
  const auto twice = reflex::inference::ParseReport(reflex::inference::FormatReport(*once));
  if (!twice || *twice != *once) std::abort();
  return 0;
}
