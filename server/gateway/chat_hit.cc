#include "gateway/chat_hit.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/access.h"
#include "gateway/chat_repeat.h"
#include "gateway/identity.h"
#include "gateway/reply_fields.h"
#include "gateway/reply_head.h"
#include "gateway/tauq_reply.h"
#include "gateway/thread_state.h"
#include "reflex/clock.h"

namespace reflex::gateway {
namespace {

// Of a replay, after the first event: large enough that a write is worth its system call.
constexpr std::size_t kReplayBatchBytes = 16 << 10;

void Note(RequestContext& context, const Entry& entry, Outcome outcome) {
  context.outcome = outcome;
  if (outcome == Outcome::kHit) context.closeness.reset();  // An equal request's answer came while this one looked elsewhere.
  context.reason = {};
  context.forward.reset();
  context.status = 200;
  context.upstream_request_id = entry.upstream_request_id;
  context.saved_input_tokens = entry.usage.input_tokens;
  context.saved_output_tokens = entry.usage.output_tokens;
}

const Closeness* ClosenessOf(const RequestContext& context) { return context.closeness ? &*context.closeness : nullptr; }

// Exact hits alone: the bytes of a semantic one say nothing about the next answer, and its entry has another key. Remembered for
// feedback, and for the same bytes again.
void Remember(RequestContext& context, const Entry& entry, bool plain) {
  context.thread.exact_hits.Add(context.request_id.view(), context.tenant, entry.key);
  if (plain) RememberRepeat(context, entry.key);
}

http::Task<bool> SendPlain(RequestContext& context, EntryPtr kept, Outcome outcome) {
  const Entry& entry = *kept;
  const std::int64_t now_ms = context.services.parts.clock->WallMs();
  const ShortText id = MakeChatId(*context.thread.io);
  ShortText created;
  created.Append(static_cast<std::uint64_t>(now_ms / 1000));
  const auto reply = wire::MakePlainReply(entry.reply, entry.layout, id.view(), created.view());
  if (!reply) co_return false;
  std::string joined;
  if (context.tauq.wanted) {
    for (const std::string_view piece : reply->pieces) joined += piece;
  }
  const std::optional<std::string> tauq = co_await TauqReply(context, joined, false);
  Note(context, entry, outcome);
  if (outcome == Outcome::kHit) Remember(context, entry, !tauq);
  ReplyFields fields;
  AddHit(context.request_id.view(), entry, now_ms, false, outcome, ClosenessOf(context), fields);
  AddFormat(context, fields);
  AppendCorsFields(context, fields);
  const http::ReplyHead head{200, fields.view()};
  const std::string_view whole[] = {tauq ? std::string_view(*tauq) : std::string_view()};
  static_cast<void>(co_await context.exchange.Send(head, tauq ? std::span<const std::string_view>(whole) : reply->pieces));
  co_return true;
}

http::Task<bool> SendEvents(RequestContext& context, EntryPtr kept, const wire::ChatRequest& request, Outcome outcome) {
  const Entry& entry = *kept;
  auto replay = wire::ChatReplay::Create(entry.reply, request, NewIdentity(context));
  if (!replay) co_return false;
  Note(context, entry, outcome);
  if (outcome == Outcome::kHit) Remember(context, entry, false);
  ReplyFields fields;
  AddHit(context.request_id.view(), entry, context.services.parts.clock->WallMs(), true, outcome, ClosenessOf(context), fields);
  AddFormat(context, fields);
  AppendCorsFields(context, fields);
  const http::ReplyHead head{200, fields.view()};
  co_await SendReplay(context.exchange, head, **replay);
  co_return true;
}

}  // namespace

wire::FreshIdentity NewIdentity(const RequestContext& context) {
  return {std::string(MakeChatId(*context.thread.io).view()), context.services.parts.clock->WallMs() / 1000};
}

http::Task<bool> SendHit(RequestContext& context, EntryPtr entry, const wire::ChatRequest& request, Outcome outcome) {
  return request.stream ? SendEvents(context, std::move(entry), request, outcome) : SendPlain(context, std::move(entry), outcome);
}

http::Task<void> SendReplay(http::Exchange& exchange, const http::ReplyHead& head, wire::ChatReplay& replay) {
  if (!co_await exchange.Begin(head, std::nullopt)) co_return;
  std::string events;
  std::size_t wanted = 1;  // The first event leaves alone.
  for (bool more = true; more; wanted = kReplayBatchBytes) {
    events.clear();
    more = replay.Next(wanted, events);
    const std::string_view pieces[] = {events};
    if (!events.empty() && !co_await exchange.Write(pieces)) co_return;
  }
  static_cast<void>(co_await exchange.End());
}

}  // namespace reflex::gateway
