// Bodies of POST /v1/reflex/feedback: what is accepted names one hit, in one way.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/feedback_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = reflex::gateway::ParseFeedbackRequest({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const bool by_entry = request->entry.has_value() && !request->body.empty();
  if (request->request_id.empty() != by_entry) std::abort();
  if (by_entry && (!request->body.starts_with('{') || !request->body.ends_with('}'))) std::abort();
  return 0;
}
