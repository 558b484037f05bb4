#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "gateway/reply_fields.h"
#include "http/task.h"
#include "wire/chat_request.h"

// Answers as Tauq for those who ask for it (docs/tauq.md). What is stored and what others get stays JSON.
namespace reflex::gateway {

// Decides whether this request's plain answer leaves as Tauq, once its policy and body were read, and notes it in the context:
// never for a stream, with tools, for structured output or several choices.
http::Task<void> PlanTauq(RequestContext& context, const wire::ChatRequest& request, std::string_view body);

// The reply to send in place of `answer`, a plain answer; nullopt where it is to leave as it is. `own` says that this request's own
// call made the answer: only then does it carry the question. Large answers are encoded on the pool; where that is full they stay.
// Notes in the context what is sent, for AddFormat.
http::Task<std::optional<std::string>> TauqReply(RequestContext& context, std::string_view answer, bool own);

// X-Reflex-Format, where the request named a format or Tauq is sent.
void AddFormat(const RequestContext& context, ReplyFields& out);

}  // namespace reflex::gateway
