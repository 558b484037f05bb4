// Text of a client keys file, and requests that show what stands in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/client_keys.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = reflex::gateway::ParseClientKeys(text);
  if (table) {
    for (const auto& [digest, group] : *table) Require(group.size() <= 64 && group.find_first_of(" \t\r\n#") == group.npos);
  } else {
    Require(table.error().code == reflex::ErrorCode::kInvalidArgument && table.error().message.starts_with("line "));
  }
  const std::string_view token = reflex::gateway::TokenIn("Authorization", text);
  Require(token.size() + 7 <= text.size() || token.empty());
  std::size_t keys = 0;
  reflex::gateway::VisitQueryKeys(text, [&](std::string_view, std::string_view value) {
    Require(value.find('&') == value.npos);
    ++keys;
  });
  Require(keys <= size / 4 + 1);
  return 0;
}
