#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "http/decode.h"
#include "upstream/upstream.h"

namespace reflex::upstream {

// A client's reply as the gateway sees it. `decode`: takes a content coding off that it knows; `has_body` is false for the reply to
// a HEAD, whose fields tell of a body that does not come. Returns: kInternal.
Result<std::unique_ptr<Reply>> MakeReply(std::unique_ptr<http::ClientReply> reply, bool decode, bool has_body);

}  // namespace reflex::upstream
