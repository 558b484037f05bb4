#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/metrics.h"
#include "gateway/context.h"
#include "reflex/cache.h"
#include "reflex/clock.h"

namespace reflex::gateway {

// Parts of a request's time (reflex_stage_seconds).
enum class Stage : std::uint8_t {
  kKey,           // Body to exact key.
  kLookup,        // Memory and store.
  kUpstreamHead,  // From sending the request to the provider's head.
};
inline constexpr std::size_t kStages = 3;

// How an upstream call failed (reflex_upstream_errors_total).
enum class UpstreamFailure : std::uint8_t { kUnreachable, kTimeout, kProtocol, kTruncated, kStatus429, kStatus4xx, kStatus5xx };
inline constexpr std::size_t kUpstreamFailures = 7;

// What an operator watches of the gateway and the cache; docs/metrics.md lists every name. Thread-safe; a call is a few relaxed
// atomics. Cache::Stats is asked once a scrape, not once a metric.
class GatewayMetrics {
 public:
  // `registry` and `cache` outlive the object; the registry is not rendered after `cache` is gone.
  GatewayMetrics(base::MetricsRegistry& registry, const Cache& cache, Clock& clock);

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
  void FlightStarted() { flights_.Add(1); }
  void FlightEnded() { flights_.Add(-1); }

  // For GET /v1/reflex/stats.
  std::uint64_t requests(Outcome outcome) const { return requests_[static_cast<std::size_t>(outcome)]->Value(); }
  std::uint64_t joined() const { return joined_.Value(); }
  std::uint64_t saved_input_tokens() const { return saved_input_.Value(); }
  std::uint64_t saved_output_tokens() const { return saved_output_.Value(); }

 private:
  static constexpr std::size_t kOutcomes = 6;

  std::array<base::Counter*, kOutcomes> requests_{};
  std::array<base::Histogram*, kOutcomes> durations_{};
  std::array<base::Counter*, 6> responses_{};  // By status / 100; 0 for what had none.
  std::array<base::Histogram*, kStages> stages_{};
  std::array<base::Counter*, kUpstreamFailures> upstream_errors_{};
  base::Counter& bytes_in_;
  base::Counter& bytes_out_;
  base::Counter& joined_;
  base::Counter& unstorable_;
  base::Counter& saved_input_;
  base::Counter& saved_output_;
  base::Gauge& flights_;
};

}  // namespace reflex::gateway
