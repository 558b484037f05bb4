#include "gateway/tauq_reply.h"

#include <functional>
#include <utility>

#include "gateway/on_pool.h"
#include "gateway/thread_state.h"
#include "wire/chat_question.h"
#include "wire/chat_tauq.h"

namespace reflex::gateway {
namespace {

// In place where that is quick, else on the pool. False, with nothing done, when the pool is full.
http::Task<bool> RunWhereItFits(RequestContext& context, std::size_t bytes, std::function<void()> work) {
  if (bytes > context.services.options.parse_in_place_bytes_max) {
    co_return co_await RunBorrowing(*context.thread.io, *context.services.parts.pool, std::move(work));
  }
  work();
  co_return true;
}

}  // namespace

http::Task<void> PlanTauq(RequestContext& context, const wire::ChatRequest& request, std::string_view body) {
  if (!context.policy.tauq || request.stream || request.has_tools || request.structured_output || request.choices > 1) co_return;
  wire::ChatQuestion question;
  std::function<void()> work = [&question, body] {
    wire::ChatQuestionReader reader;
    question = reader.Read(body, false);
  };
  if (!co_await RunWhereItFits(context, body.size(), std::move(work))) co_return;
  if (question.tools_in_play) co_return;
  context.tauq.wanted = true;
  context.tauq.question = std::move(question.text);
}

http::Task<std::optional<std::string>> TauqReply(RequestContext& context, std::string_view answer, bool own) {
  std::optional<std::string> reply;
  if (!context.tauq.wanted) co_return reply;
  std::function<void()> work = [&reply, &context, answer, own] {
    reply = wire::WithTauqContent(answer, own ? std::string_view(context.tauq.question) : std::string_view());
  };
  static_cast<void>(co_await RunWhereItFits(context, answer.size(), std::move(work)));
  context.tauq.sent = reply.has_value();
  co_return reply;
}

void AddFormat(const RequestContext& context, ReplyFields& out) {
  if (context.tauq.sent) {
    out.Add("X-Reflex-Format", "tauq");
  } else if (context.policy.says_format) {
    out.Add("X-Reflex-Format", "json");
  }
}

}  // namespace reflex::gateway
