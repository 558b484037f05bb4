// Bodies of POST /v1/reflex/purge: what is accepted must say clearly what it erases.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/purge_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = reflex::gateway::ParsePurgeRequest({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const bool conditions = request->model || request->name_space || request->tag || request->older_than_s;
  if (request->all + request->entry.has_value() + conditions != 1) std::abort();
  reflex::Entry entry;
  entry.created_ms = 1'700'000'000'000;
  (void)request->Matches(entry, 1'800'000'000'000);
  return 0;
}
