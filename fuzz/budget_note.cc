// Notes of the error budget: whatever lies in the store, reading never crashes, and what can be read is written back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "verify/budget_notes.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reflex::verify;
  static const std::vector<Model::Row> table{{0.8, 0.01}, {0.9, 0.004}, {0.95, 0.002}, {0.99, 0.001}};
  static const Ladder ladder = Ladder::Make(table, 0.01);
  std::string text(reinterpret_cast<const char*>(data), size);
  // A fuzzer does not guess a digest: the mark stands for it.
  if (const std::size_t mark = text.find("LADDER"); mark != std::string::npos) text.replace(mark, 6, ladder.fingerprint());
  if (const auto note = ReadEstimate(text, ladder)) {
    Require(note->cells.size() == ladder.size() && note->rung <= ladder.size());
    const std::string written = WriteEstimate(*note, ladder);
    const auto again = ReadEstimate(written, ladder);
    Require(again && WriteEstimate(*again, ladder) == written);
  }
  if (const auto controls = ReadControls(text)) {
    const std::string written = WriteControls(*controls);
    const auto again = ReadControls(written);
    Require(again && WriteControls(*again) == written);
  }
  return 0;
}
