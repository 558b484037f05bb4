#pragma once

#include <string_view>

#include "gateway/context.h"
#include "http/message.h"
#include "http/task.h"

namespace reflex::gateway {

// POST …/chat/completions, with or without /v1, and under Azure's /openai/deployments/NAME. Compared as sent.
bool IsChatCompletions(const http::RequestHead& head);

// Answers one: from memory or store, by joining a flight or starting one, or by a call of its own where it must not be cached.
// Needs context.provider, which is switched on.
http::Task<void> HandleChat(RequestContext& context);

}  // namespace reflex::gateway
