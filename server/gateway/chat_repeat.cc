#include "gateway/chat_repeat.h"

#include <string_view>

#include "gateway/client_keys.h"
#include "gateway/identity.h"
#include "gateway/metrics.h"
#include "gateway/policy.h"
#include "gateway/reply_fields.h"
#include "gateway/reply_head.h"
#include "gateway/request_log.h"
#include "gateway/thread_state.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "wire/chat_reply.h"

namespace reflex::gateway {

bool AnswerRepeat(http::ReadyExchange& exchange, const Services& services, ThreadState& thread) {
  const Repeats::Known* known = thread.repeats.Find(exchange.bytes());
  if (known == nullptr) return false;
  const Clock& clock = *services.parts.clock;
  const std::int64_t started_ns = clock.SteadyNs();
  const EntryPtr entry = services.parts.cache->FindInMemory(known->key);
  const std::int64_t now_ms = clock.WallMs();
  if (entry == nullptr || Judge(known->policy, entry->created_ms, entry->expires_ms, now_ms) != Freshness::kFresh) return false;
  ShortText created;
  created.Append(static_cast<std::uint64_t>(now_ms / 1000));
  const ShortText id = MakeChatId(*thread.io);
  const auto reply = wire::MakePlainReply(entry->reply, entry->layout, id.view(), created.view());
  if (!reply) return false;

  const ShortText request_id = MakeRequestId(*thread.io);
  ReplyFields fields;
  AddHit(request_id.view(), *entry, now_ms, false, Outcome::kHit, nullptr, fields);
  thread.exact_hits.Add(request_id.view(), known->tenant, known->key);
  exchange.SendNow({200, fields.view()}, reply->pieces);
  services.metrics.CountSaved(entry->usage.input_tokens, entry->usage.output_tokens);
  Report(services, Outcome::kHit,
         {.method = "POST",
          .path = known->path,
          .status_name = Name(Outcome::kHit),
          .reason = {},
          .request_id = request_id.view(),
          .upstream_request_id = entry->upstream_request_id,
          .model = known->model,
          .provider = upstream::Name(known->provider),
          .peer = exchange.peer(),
          .trace_id = known->trace_id,
          .status = 200,
          .bytes_in = known->body_bytes,
          .bytes_out = reply->bytes,
          .duration_ns = clock.SteadyNs() - started_ns});
  return true;
}

void RememberRepeat(const RequestContext& context, const Digest& key) {
  const std::string_view bytes = context.exchange.request_bytes();
  if (context.policy.says_format || context.policy.tauq) return;
  if (bytes.empty() || !context.policy.read || !context.head().header("origin").empty() || context.services.client_keys.required())
    return;
  // The same bytes once more, whose answer memory did not have.
  if (const Repeats::Known* const known = context.thread.repeats.Find(bytes); known != nullptr && known->key == key) return;
  context.thread.repeats.Remember({.bytes = {},
                                   .key = key,
                                   .tenant = context.tenant,
                                   .policy = context.policy,
                                   .provider = context.provider,
                                   .model = context.model,
                                   .path = context.head().path,
                                   .trace_id = context.trace_id,
                                   .body_bytes = context.bytes_in},
                                  bytes);
}

}  // namespace reflex::gateway
