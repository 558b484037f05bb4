#pragma once

#include "gateway/context.h"
#include "http/exchange.h"
#include "reflex/types.h"

namespace reflex::gateway {

// Plain hits for the same bytes again (repeats.h): no head, JSON, digest or coroutine, only the look-up and the reply. Every
// look-up is made anew, so an erased, purged or expired entry is not served. What depends on more than the bytes is not remembered:
// replies with CORS fields, and callers with client keys, which may be taken away.

// Handler::AnswerKnown for chat: counts and logs the request as any other.
bool AnswerRepeat(http::ReadyExchange& exchange, const Services& services, ThreadState& thread);

// After a plain hit for `key` was decided on and before its reply.
void RememberRepeat(const RequestContext& context, const Digest& key);

}  // namespace reflex::gateway
