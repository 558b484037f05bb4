// Files for `reflex eval`: whatever they hold, they are refused with a message that names the file, or give rows with ids of their
// own.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "app/eval_rows.h"
#include "app/json_page.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

// The first byte picks the kind.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = static_cast<reflex::app::EvalKind>(data[0] % 3);
  const auto rows = reflex::app::ReadEvalRows(kind, "fuzz.jsonl", text);
  if (!rows) {
    Require(rows.error().message.starts_with("fuzz.jsonl") && rows.error().message.find("allowed") != std::string::npos);
  } else {
    Require(!rows->empty());
    std::set<std::string> ids;
    std::size_t line = 0;
    for (const reflex::app::EvalRow& row : *rows) {
      Require(row.line > line && !row.id.empty() && ids.insert(row.id).second);
      line = row.line;
    }
  }
  (void)reflex::app::JsonPage(text);
  return 0;
}
