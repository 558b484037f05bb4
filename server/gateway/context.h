#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/cache_status.h"
#include "gateway/gateway.h"
#include "gateway/policy.h"
#include "http/exchange.h"
#include "http/io_thread.h"
#include "reflex/types.h"
#include "upstream/upstream.h"
#include "wire/reason.h"

// What travels with a request through this room, and the order in which the room's parts see it:
//
//   gateway.cc        makes the context: exchange, services, thread, started_ns
//   identity.h        MakeRequestId(io) -> ShortText, MakeChatId(io) -> ShortText, ReadTraceId(headers) -> view or ""
//   access.h          Admit(context) -> std::optional<Problem>: Host, Origin, admin listener, client keys, paths an upstream key
//   opens;
//                     sets key_group. AppendCorsFields(context, out) for every reply.
//   admin.h           IsOwnPath(path) and HandleOwnPath(context): /healthz, /ready, /metrics, /v1/reflex/…
//   tenant.h          TenantOf(context) -> Digest (into context.tenant); policy.h ReadPolicy(headers, options) -> CachePolicy
//   reply_head.h      the header fields of every reply, in reply_fields.h; cache_status.h their texts
//   chat.h            POST …/chat/completions; flight.h its upstream call; pass_through.h everything else
//   tauq_reply.h      a plain answer as Tauq for who asks
//   errors.h          Problem and SendProblem(context, problem): every reply the gateway makes up itself
//   request_log.h     FinishRequest(context): metrics and the log line, once, after the reply
namespace reflex::gateway {

class ClientKeys;      // client_keys.h
class Flights;         // flights.h
class GatewayMetrics;  // metrics.h
class StoreLookups;    // store_lookups.h
class Audits;          // audit.h
class SemanticHits;    // semantic_hits.h
struct ThreadState;    // thread_state.h
class UsageRefusals;   // usage_refusals.h
class TenantHasher;    // tenant.h

// X-Reflex-Status. kHit is of the exact tier, the next two of the semantic ones. kOwn: our own paths, which say healthy, ready and
// so on themselves.
enum class Outcome : std::uint8_t { kHit, kCanonical, kVerified, kMiss, kRefresh, kBypass, kError, kOwn };
inline constexpr std::size_t kOutcomes = 8;
// "hit-l1-exact", "hit-l2-canonical", "hit-l3-verified", "miss", "refresh", "bypass", "error", "own".
std::string_view Name(Outcome outcome);

constexpr bool IsHit(Outcome outcome) {
  return outcome == Outcome::kHit || outcome == Outcome::kCanonical || outcome == Outcome::kVerified;
}

// How close the answer served, or the best that was not, came to the question: X-Reflex-Similarity and X-Reflex-Verify-Score.
struct Closeness {
  float similarity = 0;
  std::optional<float> score;  // None where the verifier was not asked.
};

// Whether the answer leaves as Tauq (tauq_reply.h).
struct TauqPlan {
  bool wanted = false;  // The policy asks for it and the request's form allows it.
  bool sent = false;
  std::string question;  // With `wanted`; "" for one without text.
};

// Text of at most 63 bytes, inside the object: identifiers and numbers for headers without a heap.
struct ShortText {
  static constexpr std::size_t kMax = 63;
  char bytes[kMax] = {};
  std::uint8_t size = 0;

  ShortText() = default;
  explicit ShortText(std::string_view text) { Append(text); }
  std::string_view view() const { return {bytes, size}; }
  bool empty() const { return size == 0; }
  // Drops what does not fit.
  void Append(std::string_view text) {
    const std::size_t n = text.size() < kMax - size ? text.size() : kMax - size;
    std::memcpy(bytes + size, text.data(), n);
    size = static_cast<std::uint8_t>(size + n);
  }
  void Append(std::uint64_t number);
};

// What all requests share. Thread-safe, made by the gateway, outlives every request.
struct Services {
  const GatewayOptions& options;
  const GatewayParts& parts;
  const TenantHasher& tenants;
  ClientKeys& client_keys;
  GatewayMetrics& metrics;
  Flights& flights;
  UsageRefusals& usage_refusals;
  SemanticHits& semantic_hits;
  StoreLookups& store_lookups;
  Audits& audits;
  // Of all I/O threads; each used by its own thread alone, so others only hand work to its `io`.
  const std::vector<std::unique_ptr<ThreadState>>& threads;
};

// One request. Lives in the handler's coroutine, on the exchange's thread.
struct RequestContext {
  http::Exchange& exchange;
  const Services& services;
  ThreadState& thread;          // The I/O thread's own: upstream, parser, hash, scratch.
  std::int64_t started_ns = 0;  // Clock::SteadyNs when the head was complete.

  // Set before the request is dispatched.
  ShortText request_id{};        // Fresh for every reply: X-Request-Id where the upstream sends none, and the log.
  std::string_view trace_id{};   // From traceparent; "" for none. View into the head.
  std::string_view key_group{};  // The group of the client key; "" for none. View into ClientKeys' snapshot held by `keys`.
  std::string_view
      key_token{};  // The token of such a key, so that the tenant leaves it out; "" without a group. View into the head.
  std::shared_ptr<const void> keys{};
  Digest tenant{};
  std::string_view key_path{};  // The path the keys are of, where it is not the request's own: calls about a chat request.
  CachePolicy policy{};

  // Set while it is answered, for headers, metrics and the log.
  Outcome outcome = Outcome::kBypass;
  std::string_view reason{};  // One of wire/reason.h; "" only with a hit.
  int status = 0;
  std::optional<Forward> forward{};      // For Cache-Status: why it was not served from the cache. None: no Cache-Status.
  std::optional<Closeness> closeness{};  // Where the semantic tiers compared something.
  bool collapsed = false;                // Joined another caller's call.
  bool stream = false;
  TauqPlan tauq{};
  upstream::Provider provider = upstream::Provider::kOpenAi;
  std::string model{};
  std::string upstream_request_id{};
  std::uint64_t bytes_in = 0;
  std::int64_t upstream_ns = 0;                                   // Until the provider's head; 0 where it was not asked.
  std::uint64_t saved_input_tokens = 0, saved_output_tokens = 0;  // Of a hit.

  const http::RequestHead& head() const { return exchange.request(); }
};

}  // namespace reflex::gateway
