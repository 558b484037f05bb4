#include "gateway/chat_subject.h"

#include <functional>
#include <string>
#include <utility>

#include "gateway/chat_key.h"
#include "gateway/on_pool.h"
#include "gateway/policy.h"
#include "gateway/tenant.h"
#include "gateway/thread_state.h"
#include "upstream/upstream.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

// Where such a request would go. Deployments, whose path names the model, cannot be spoken of.
constexpr std::string_view kChatPath = "/v1/chat/completions";

http::Task<Result<wire::ChatRequest>> ReadChat(RequestContext& context, std::string_view body) {
  if (body.size() <= context.services.options.parse_in_place_bytes_max) co_return context.thread.reader.Read(body);
  Result<wire::ChatRequest> read = Fail(ErrorCode::kBusy, std::string(wire::reason::kBusy));
  std::function<void()> work = [&read, body] {
    wire::ChatRequestReader reader;
    read = reader.Read(body);
  };
  static_cast<void>(co_await RunBorrowing(*context.thread.io, *context.services.parts.pool, std::move(work)));
  co_return read;
}

Problem NotChat(const Error& error) {
  return ProblemFor({ErrorCode::kInvalidArgument, "the chat request cannot be read (" + error.message + "); docs/key.md explains"},
                    Side::kClient);
}

}  // namespace

std::optional<Problem> ReadCaller(RequestContext& context) {
  auto policy = ReadPolicy(context.head().headers, context.services.options);
  if (!policy) return ProblemFor(policy.error(), Side::kClient);
  context.policy = std::move(*policy);
  const auto tenant = TenantOf(context);
  if (!tenant) return ProblemFor(tenant.error(), Side::kClient);
  context.tenant = *tenant;
  context.key_path = kChatPath;
  context.provider = upstream::Route(kChatPath, context.head().headers);
  return std::nullopt;
}

http::Task<std::optional<Problem>> ReadSubject(RequestContext& context, std::string_view body, ChatSubject& subject) {
  if (auto problem = ReadCaller(context)) co_return problem;
  const auto& base = context.thread.upstream->providers().base(context.provider);
  if (!base) {
    const Error off{ErrorCode::kNotFound, std::string(upstream::Name(context.provider))};
    co_return ProblemFor(off, Side::kUpstream);
  }
  auto read = co_await ReadChat(context, body);
  if (!read) co_return NotChat(read.error());
  subject.request = std::move(*read);
  subject.key = ExactKey(context, *base, subject.request);
  if (subject.request.web_search) subject.bypass = wire::reason::kWebSearch;
  if (subject.request.store) subject.bypass = wire::reason::kStoreTrue;
  if (!context.policy.read && !context.policy.store) subject.bypass = context.policy.reason;
  subject.asked.question.not_semantic = wire::reason::kTiers;
  if (context.services.parts.semantic != nullptr && context.policy.canonical)
    subject.asked = co_await ReadQuestion(context, body, false);
  co_return std::nullopt;
}

}  // namespace reflex::gateway
