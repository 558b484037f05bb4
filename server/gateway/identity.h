#pragma once

#include <span>
#include <string_view>

#include "gateway/context.h"
#include "http/io_thread.h"
#include "http/message.h"

namespace reflex::gateway {

// "req_" and 32 hexadecimal digits: X-Request-Id of a reply, unique, not secret. No allocation. Thread: `io`.
ShortText MakeRequestId(http::IoThread& io);

// "chatcmpl-" and 29 letters and digits, as a provider names an answer. No allocation. Thread: `io`.
ShortText MakeChatId(http::IoThread& io);

// The trace id of the request's traceparent (W3C Trace Context, section 3.2): 32 lower-case hexadecimal digits, a view into the
// header. "" where the header is missing, given twice or malformed. The header itself goes on as it came.
std::string_view ReadTraceId(std::span<const http::Header> headers);

}  // namespace reflex::gateway
