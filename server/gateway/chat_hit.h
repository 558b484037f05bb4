#pragma once

#include <memory>

#include "gateway/context.h"
#include "http/exchange.h"
#include "http/task.h"
#include "reflex/types.h"
#include "wire/chat_reply.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// Answers from a stored entry, in the form the request asks for: one gathered write that copies nothing of the answer, or a replay
// as a stream. Notes outcome, saved tokens and status. False, with nothing sent, when the entry cannot be replayed: a damaged one.
// REQUIRES: IsHit(outcome); a semantic hit has its closeness in the context.
http::Task<bool> SendHit(RequestContext& context, EntryPtr entry, const wire::ChatRequest& request,
                         Outcome outcome = Outcome::kHit);

// Sends a replay: the first event at once, then larger batches. `head` and what the replay reads from outlive the call.
http::Task<void> SendReplay(http::Exchange& exchange, const http::ReplyHead& head, wire::ChatReplay& replay);

// What is new in a reply made from a stored answer, now.
wire::FreshIdentity NewIdentity(const RequestContext& context);

}  // namespace reflex::gateway
