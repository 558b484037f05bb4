#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::gateway {

// The body of POST /v1/reflex/feedback (docs/admin.md).
struct FeedbackRequest {
  bool wrong = false;           // "verdict":"wrong"; else "right".
  std::string request_id;       // Either this,
  std::optional<Digest> entry;  // or an entry
  std::string body;             // and the chat request it was served to.
};

// Reads {"request":ID,"verdict":V} or {"entry":HEX,"body":{…},"verdict":V}. An unknown member, a wrong type, or neither or both of
// the forms are errors.
// Returns: kInvalidArgument, naming what is wrong and what is allowed.
Result<FeedbackRequest> ParseFeedbackRequest(std::string_view body);

}  // namespace reflex::gateway
