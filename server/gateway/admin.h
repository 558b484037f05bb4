#pragma once

#include <string_view>

#include "gateway/context.h"
#include "http/task.h"

namespace reflex::gateway {

// /healthz, /ready, /metrics, /v1/reflex and all below it: never forwarded. Compared as sent; no other spelling is ours.
bool IsOwnPath(std::string_view path);

// /healthz, /ready and /metrics: asked by supervisors, so they keep nobody awake.
bool IsProbePath(std::string_view path);

// Answers a request for one of them (docs/admin.md): health, readiness, metrics, the calls of caller_calls.h, and the admin calls
// under /v1/reflex/, which need `Authorization: Bearer <admin token>`. What takes long runs on the worker pool. Sets the context's
// outcome and status; always sends a reply. REQUIRES: IsOwnPath(path) and Admit(context) had no problem.
http::Task<void> HandleOwnPath(RequestContext& context);

}  // namespace reflex::gateway
