#pragma once

#include <string_view>

#include "gateway/context.h"
#include "http/task.h"

namespace reflex::gateway {

// /v1/reflex/explain and /v1/reflex/feedback: calls about a chat request for whoever may make that request, inside the tenant of
// the credentials they come with. They need what chat needs (a client key where those are asked for), no admin token, and are
// served where chat is.
bool IsCallersPath(std::string_view path);

// Answers one (docs/admin.md); always sends a reply. REQUIRES: IsCallersPath(path) and Admit(context) had no problem.
http::Task<void> HandleCallersCall(RequestContext& context);

}  // namespace reflex::gateway
