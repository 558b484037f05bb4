#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "gateway/context.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/semantic_tier.h"

namespace reflex::gateway {

// Parts of a request's time (reflex_stage_seconds).
enum class Stage : std::uint8_t {
  kKey,           // Body to exact key.
  kLookup,        // Memory and store.
  kSimilar,       // The semantic tiers, the wait for a worker included.
  kUpstreamHead,  // From sending the request to the provider's head.
};
inline constexpr std::size_t kStages = 4;

// How an upstream call failed (reflex_upstream_errors_total).
enum class UpstreamFailure : std::uint8_t { kUnreachable, kTimeout, kProtocol, kTruncated, kStatus429, kStatus4xx, kStatus5xx };
inline constexpr std::size_t kUpstreamFailures = 7;

// How an audit ended (reflex_audits_total).
enum class AuditOutcome : std::uint8_t { kRight, kWrong, kUndecided, kFailed };
inline constexpr std::size_t kAuditOutcomes = 4;

// How a flight got to ask the provider, or came not to, where gateways share a store (reflex_call_leases_total).
enum class LeaseEnd : std::uint8_t {
  kTaken,   // It asked under the lease.
  kAnswer,  // Another gateway's answer came.
  kLimit,   // It waited as long as it may, then asked.
  kBusy,    // No worker was free, or too many wait: it asked at once.
  kFailed,  // The store gave no word: it asked at once.
  kLeft,    // Its last caller left.
};
inline constexpr std::size_t kLeaseEnds = 6;

// What an operator watches of the gateway and the cache; docs/metrics.md lists every name. Thread-safe; a call is a few relaxed
// atomics. Cache::Stats is asked once a scrape, not once a metric.
class GatewayMetrics {
 public:
  // `registry` and `cache` outlive the object; the registry is not rendered after `cache` is gone.
  // `semantic` may be null; else it outlives the registry's last Render, as `cache` does.
  GatewayMetrics(base::MetricsRegistry& registry, const Cache& cache, Clock& clock, const SemanticTier* semantic = nullptr);

  // Once a request, at its end. FinishRequest (request_log.h) does it.
  void CountRequest(Outcome outcome, int status, std::int64_t duration_ns, std::uint64_t bytes_in, std::uint64_t bytes_out);
  void ObserveStage(Stage stage, std::int64_t nanoseconds) { stages_[static_cast<std::size_t>(stage)]->ObserveNs(nanoseconds); }
  // When the call is joined, not at its end.
  void CountJoined() { joined_.Add(); }
  void CountUpstreamError(UpstreamFailure failure) { upstream_errors_[static_cast<std::size_t>(failure)]->Add(); }
  // The failure that `status` of a provider's reply is, if it is one.
  void CountUpstreamStatus(int status);
  void CountSaved(std::uint64_t input_tokens, std::uint64_t output_tokens);
  // An answer that could have been stored by its request but must not be, or lost to a purge.
  void CountUnstorable() { unstorable_.Add(); }
  // A look-up that found no place in the queue before the store.
  void CountLookupRefused() { lookups_refused_.Add(); }
  // `reason` is one of wire/reason.h.
  void CountSemanticMiss(std::string_view reason);
  // Of the answer served, or of the best that was not. No score: the verifier was not asked.
  void ObserveCloseness(bool hit, double similarity, std::optional<float> score);
  // REQUIRES: there is a semantic tier.
  void CountAudit(AuditOutcome outcome, bool control) {
    audits_[static_cast<std::size_t>(outcome) + (control ? kAuditOutcomes : 0)]->Add();
  }
  // Where there are leases: adds their metrics. Before the first request.
  void AddLeases(base::MetricsRegistry& registry);
  // REQUIRES: AddLeases was called.
  void CountLease(LeaseEnd end) { leases_[static_cast<std::size_t>(end)]->Add(); }
  void FlightStarted() { flights_.Add(1); }
  void FlightEnded() { flights_.Add(-1); }

  // For GET /v1/reflex/stats.
  std::uint64_t requests(Outcome outcome) const { return requests_[static_cast<std::size_t>(outcome)]->Value(); }
  std::uint64_t semantic_misses(std::string_view reason) const;
  std::uint64_t audits(AuditOutcome outcome, bool control) const {
    return audits_[static_cast<std::size_t>(outcome) + (control ? kAuditOutcomes : 0)]->Value();
  }
  std::uint64_t joined() const { return joined_.Value(); }
  std::uint64_t saved_input_tokens() const { return saved_input_.Value(); }
  std::uint64_t saved_output_tokens() const { return saved_output_.Value(); }

 private:
  std::array<base::Counter*, kOutcomes> requests_{};
  std::array<base::Histogram*, kOutcomes> durations_{};
  std::array<base::Counter*, 6> responses_{};  // By status / 100; 0 for what had none.
  std::array<base::Histogram*, kStages> stages_{};
  std::array<base::Counter*, kUpstreamFailures> upstream_errors_{};
  // A distribution over [0, 1], in the form of a Prometheus histogram without its sum.
  static constexpr std::array<double, 14> kShareBounds = {0.1, 0.3,  0.5,  0.6,  0.7,   0.8,   0.85,
                                                          0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1};
  using Shares = std::array<base::Counter*, kShareBounds.size() + 1>;  // The last: all of them.
  static Shares AddShares(base::MetricsRegistry& registry, const std::string& name, const std::string& help,
                          std::string_view label);
  static void Observe(const Shares& shares, double value);
  void AddSemantic(base::MetricsRegistry& registry, const SemanticTier& semantic, Clock& clock);

  std::vector<std::pair<std::string_view, base::Counter*>> semantic_misses_;  // Constant after construction.
  std::array<Shares, 2> similarities_{}, scores_{};                           // Of misses, of hits.
  std::array<base::Counter*, 2 * kAuditOutcomes> audits_{};                   // Of hits, then of controls.
  std::array<base::Counter*, kLeaseEnds> leases_{};
  base::Counter& bytes_in_;
  base::Counter& bytes_out_;
  base::Counter& joined_;
  base::Counter& unstorable_;
  base::Counter& lookups_refused_;
  base::Counter& saved_input_;
  base::Counter& saved_output_;
  base::Gauge& flights_;
};

}  // namespace reflex::gateway
