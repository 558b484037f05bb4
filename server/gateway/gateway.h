#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "gateway/activity.h"
#include "http/exchange.h"
#include "http/io_thread.h"
#include "reflex/cache.h"
#include "reflex/call_leases.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/semantic_tier.h"
#include "upstream/upstream.h"
#include "wire/chat_reply.h"

namespace reflex::gateway {

// What makes two callers share answers.
enum class TenantFrom : std::uint8_t {
  kCredential,  // Every credential header, each with its name (default).
  kHeader,      // The value of one header that a trusted proxy sets.
  kOne,         // All who may call share.
};

// Who gets Tauq in place of an answer's text.
enum class TauqUse : std::uint8_t {
  kOff,        // Nobody: asking for it is an error.
  kOnRequest,  // Who asks with X-Reflex-Format or Accept (default).
  kAlways,     // Also who does not ask for JSON.
};

// Checks of served semantic hits against the provider, in the background. They cost calls, so they are off
// unless a share is set.
struct AuditOptions {
  double share = 0;               // Of semantic hits, 0 to 1; 0: off.
  std::uint32_t per_minute = 10;  // At most so many audits in any minute; 0: none.
  std::string judge_model;        // Compares the answers in one short call; empty: `compare_answers` does.
};

struct GatewayOptions {
  TenantFrom tenant_from = TenantFrom::kCredential;
  std::string tenant_header;                // For kHeader.
  std::vector<std::string> tenant_headers;  // Further headers that count as credentials.
  std::string tenant_secret;                // 32 bytes; keys the hash of every credential.
  std::vector<std::string> key_headers;     // Further request headers in the exact key.
  std::vector<std::string> cors_origins;    // Allowed Origin values; "*" for any; empty: none.
  std::vector<std::string> hosts;           // Further Host names allowed on our own paths.
  std::string admin_token;
  bool admin_elsewhere = false;                 // /ready, /metrics and admin calls only on the admin listener.
  std::filesystem::path client_keys_file;       // Empty: no client keys.
  bool key_opens_all = false;                   // upstream.key_opens = all
  bool exact_tier = true;                       // REFLEX_TIERS contains l1.
  bool canonical_tier = true;                   // REFLEX_TIERS contains l2; needs l1 and GatewayParts::semantic.
  bool verified_tier = true;                    // REFLEX_TIERS contains l3; needs l2.
  bool semantic_with_tools = false;             // semantic.with_tools: also where tools are offered or were used.
  std::uint64_t question_bytes_max = 16 << 10;  // As SemanticOptions: longer questions are neither looked up nor filed.
  TauqUse tauq = TauqUse::kOnRequest;           // format.tauq
  AuditOptions audits;
  std::chrono::seconds ttl{24 * 3600};
  std::chrono::seconds ttl_max{365 * 24 * 3600};  // Cap of X-Reflex-TTL.
  std::chrono::seconds remote_ttl{300};  // Of answers about content named by address or id, unless X-Reflex-TTL says otherwise.
  wire::StorePolicy store_policy;
  std::uint64_t reply_bytes_max = 8 << 20;  // Stored and shared replies.
  bool finish_abandoned = false;            // The last caller left: finish the call for the cache instead of cancelling it.
  // Where gateways share a store: how long a request waits for the answer to an equal one that another gateway is asking, before it
  // asks itself; 0: not at all. And how long that one may ask before others no longer wait for it; at least 1 ms.
  std::chrono::milliseconds wait_plain{2'000}, wait_stream{200}, lease_life{30'000};
  std::uint64_t repeats_bytes_max = 4 << 20;           // Requests that each I/O thread knows by their bytes; 0: none.
  std::uint64_t parse_in_place_bytes_max = 256 << 10;  // Larger bodies are parsed and hashed on the pool.
};

// One finished request, for the log. Views live during the call.
struct RequestRecord {
  std::string_view method, path, status_name, reason, request_id, upstream_request_id, model, provider, peer, trace_id;
  int status = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::int64_t duration_ns = 0, upstream_ns = 0;  // upstream_ns: until the provider's head; 0 where it was not asked.
  bool stream = false;
};

// Where request lines go. Called on I/O threads, thread-safe, must not block.
class RequestLog {
 public:
  virtual ~RequestLog() = default;
  virtual void Write(const RequestRecord& record) = 0;
};

// What an audit found about a served answer.
enum class AuditVerdict : std::uint8_t { kRight, kWrong, kUndecided };
// Compares the answer that was served with a fresh one, both as text. Thread-safe; called on the worker pool.
using CompareAnswers = std::function<AuditVerdict(std::string_view served, std::string_view fresh)>;

// What /ready says; set by the program's lifecycle, read by any thread. While restoring, chat requests pass through.
class Readiness {
 public:
  enum class State : std::uint8_t { kStarting, kRestoring, kServing, kDraining };
  void Set(State state) { state_.store(state, std::memory_order_release); }
  State Get() const { return state_.load(std::memory_order_acquire); }
  // How much of a restoring is done, 0 to 100.
  void SetPercent(std::uint32_t percent) { percent_.store(percent, std::memory_order_relaxed); }
  std::uint32_t percent() const { return percent_.load(std::memory_order_relaxed); }

 private:
  std::atomic<State> state_{State::kStarting};
  std::atomic<std::uint32_t> percent_{0};
};

// All parts are the program's and outlive the gateway. `upstreams[i]` belongs to `threads[i]`.
struct GatewayParts {
  Cache* cache = nullptr;
  base::WorkerPool* pool = nullptr;
  std::vector<http::IoThread*> threads;
  std::vector<upstream::Upstream*> upstreams;
  base::MetricsRegistry* metrics = nullptr;
  Clock* clock = nullptr;
  Logger* logger = nullptr;
  RequestLog* request_log = nullptr;  // Null: off.
  Readiness* readiness = nullptr;
  CallLeases* leases = nullptr;               // Of a store that gateways share; null: there is none.
  SemanticTier* semantic = nullptr;           // Null: no semantic tiers.
  base::WorkerPool* semantic_pool = nullptr;  // Where its look-ups run, which may wait for a model; null: `pool`.
  CompareAnswers compare_answers = nullptr;   // For audits without a judge model; empty: undecided, every time.
  // Parts beside the store that do not work, a sentence each; empty: none.
  std::function<std::vector<std::string>()> degraded = nullptr;
  // Admin calls about snapshots: save one, list them. Each blocks, runs on `pool` and gives a page of JSON; empty: no store.
  std::function<Result<std::string>()> save_snapshot = nullptr, list_snapshots = nullptr;
  // Loads the named one, "" for the newest.
  std::function<Result<std::string>(std::string_view name)> load_snapshot = nullptr;
  std::function<std::size_t()> model_queue = nullptr;  // Texts that wait for the model, for metrics; empty: no model. Thread-safe.
};

// What Reflex does with a request: the handler of the HTTP server. Thread-safe.
class Gateway : public http::Handler {
 public:
  // Returns: kInvalidArgument (options), kNotFound or kInvalidArgument for the client keys file (message names the line).
  static Result<std::unique_ptr<Gateway>> Create(GatewayOptions options, GatewayParts parts);

  // Reads the client keys file again; on failure the old keys stay.
  virtual Result<void> ReloadClientKeys() = 0;
  // Upstream calls that are running, joined or not; for draining.
  virtual std::size_t flights() const = 0;
  // Of all I/O threads together; from any thread.
  virtual ActivityCount activity() const = 0;
};

}  // namespace reflex::gateway
