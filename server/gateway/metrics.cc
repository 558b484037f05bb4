#include "gateway/metrics.h"

#include <string>
#include <string_view>

#include "gateway/stats_metrics.h"

namespace reflex::gateway {
namespace {

constexpr std::array<std::string_view, kStages> kStageNames = {"key", "lookup", "similar", "upstream_head"};
constexpr std::array<std::string_view, kUpstreamFailures> kFailureNames = {"unreachable", "timeout",    "protocol",  "truncated",
                                                                           "status_429",  "status_4xx", "status_5xx"};
constexpr std::array<std::string_view, kLeaseEnds> kLeaseEndNames = {"taken", "answer", "limit", "busy", "failed", "left"};
constexpr std::array<std::string_view, 6> kClassNames = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

std::string Label(std::string_view name, std::string_view value) {
  return std::string(name).append("=\"").append(value).append("\"");
}

constexpr StatsMetric<CacheStats> kMemoryMetrics[] = {
    {"reflex_memory_entries", "Entries in the memory tier.", false, [](const CacheStats& s) { return s.memory_entries; }},
    {"reflex_memory_bytes", "Bytes the memory tier's entries occupy.", false, [](const CacheStats& s) { return s.memory_bytes; }},
    {"reflex_memory_evictions_total", "Entries the memory tier gave up for others.", true,
     [](const CacheStats& s) { return s.memory_evictions; }},
    {"reflex_memory_hits_total", "Lookups that found an entry in memory.", true, [](const CacheStats& s) { return s.memory_hits; }},
};

constexpr StatsMetric<CacheStats> kStoreMetrics[] = {
    {"reflex_store_hits_total", "Lookups that found an entry in the store.", true,
     [](const CacheStats& s) { return s.store_hits; }},
    {"reflex_store_entries", "Entries in the store.", false, [](const CacheStats& s) { return s.store.entries; }},
    {"reflex_store_used_bytes", "Bytes counted against the store's limit.", false,
     [](const CacheStats& s) { return s.store.used_bytes; }},
    {"reflex_store_limit_bytes", "The store's limit.", false, [](const CacheStats& s) { return s.store.limit_bytes; }},
    {"reflex_store_file_bytes", "Size of the store's file.", false, [](const CacheStats& s) { return s.store.file_bytes; }},
    {"reflex_store_queue_bytes", "Bytes that wait for the store's writer.", false,
     [](const CacheStats& s) { return s.store.queue_bytes; }},
    {"reflex_store_puts_total", "Entries handed to the store and taken.", true, [](const CacheStats& s) { return s.store.puts; }},
    {"reflex_store_puts_dropped_total", "Entries not stored: queue, map or disk full, or too large.", true,
     [](const CacheStats& s) { return s.store.puts_dropped; }},
    {"reflex_store_commits_total", "Durable commits.", true, [](const CacheStats& s) { return s.store.commits; }},
    {"reflex_store_evictions_total", "Entries the store gave up for others.", true,
     [](const CacheStats& s) { return s.store.evictions; }},
    {"reflex_store_expirations_total", "Entries collected after their time.", true,
     [](const CacheStats& s) { return s.store.expirations; }},
    {"reflex_store_corrupt_values_total", "Values whose checksum was wrong; each was a miss.", true,
     [](const CacheStats& s) { return s.store.corrupt_values; }},
    {"reflex_store_lookup_failures_total", "Calls for look-ups that the store failed; each was a miss for all its keys.", true,
     [](const CacheStats& s) { return s.store_failures; }},
    {"reflex_store_write_errors_total", "Writes or commits that the system refused.", true,
     [](const CacheStats& s) { return s.store.write_errors; }},
};

void AddCacheMetrics(base::MetricsRegistry& registry, const Cache& cache, Clock& clock) {
  const auto stats = std::make_shared<RecentStats<Cache>>(cache, clock);
  AddStatsMetrics<Cache>(registry, kMemoryMetrics, stats);
  if (!cache.has_store()) return;
  AddStatsMetrics<Cache>(registry, kStoreMetrics, stats);
  registry.AddCallback("reflex_store_degraded", "1 while the store cannot do all its work; /ready says why.", {}, false,
                       [&cache] { return cache.Health().degraded.empty() ? 0.0 : 1.0; });
}

}  // namespace

GatewayMetrics::GatewayMetrics(base::MetricsRegistry& registry, const Cache& cache, Clock& clock, const SemanticTier* semantic)
    : bytes_in_(registry.AddCounter("reflex_request_bytes_total", "Body bytes received from clients.")),
      bytes_out_(registry.AddCounter("reflex_reply_bytes_total", "Body bytes sent to clients.")),
      joined_(registry.AddCounter("reflex_joined_requests_total", "Requests that shared another request's upstream call.")),
      unstorable_(registry.AddCounter("reflex_unstorable_answers_total",
                                      "Complete calls whose answer was not kept: not good, too large or purged meanwhile.")),
      lookups_refused_(
          registry.AddCounter("reflex_store_lookups_refused_total",
                              "Look-ups in the store that were not made: too many waited, or the worker pool was full.")),
      saved_input_(registry.AddCounter("reflex_saved_tokens_total", "Tokens of answers served from the cache.", "kind=\"input\"")),
      saved_output_(
          registry.AddCounter("reflex_saved_tokens_total", "Tokens of answers served from the cache.", "kind=\"output\"")),
      flights_(registry.AddGauge("reflex_upstream_calls_running", "Upstream calls of the cached paths that are running.")) {
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    const std::string label = Label("status", Name(static_cast<Outcome>(i)));
    requests_[i] = &registry.AddCounter("reflex_requests_total", "Requests by X-Reflex-Status; own: /healthz and the like.", label);
    durations_[i] = &registry.AddHistogram("reflex_request_seconds", "From the request's head to the reply's last byte.", label);
  }
  for (std::size_t i = 0; i < kClassNames.size(); ++i) {
    responses_[i] =
        &registry.AddCounter("reflex_replies_total", "Replies by the class of their status; none: the client left before.",
                             Label("class", kClassNames[i]));
  }
  for (std::size_t i = 0; i < kStages; ++i) {
    stages_[i] = &registry.AddHistogram("reflex_stage_seconds", "Parts of a request's time.", Label("stage", kStageNames[i]));
  }
  for (std::size_t i = 0; i < kUpstreamFailures; ++i) {
    upstream_errors_[i] =
        &registry.AddCounter("reflex_upstream_errors_total", "Upstream calls that failed or were answered with an error.",
                             Label("kind", kFailureNames[i]));
  }
  AddCacheMetrics(registry, cache, clock);
  if (semantic != nullptr) AddSemantic(registry, *semantic, clock);
}

void GatewayMetrics::AddLeases(base::MetricsRegistry& registry) {
  for (std::size_t i = 0; i < kLeaseEnds; ++i) {
    leases_[i] = &registry.AddCounter("reflex_call_leases_total",
                                      "Flights by how they got to ask the provider, where gateways share a store.",
                                      Label("end", kLeaseEndNames[i]));
  }
}

void GatewayMetrics::CountRequest(Outcome outcome, int status, std::int64_t duration_ns, std::uint64_t bytes_in,
                                  std::uint64_t bytes_out) {
  const auto index = static_cast<std::size_t>(outcome);
  requests_[index]->Add();
  durations_[index]->ObserveNs(duration_ns);
  responses_[status >= 100 && status < 600 ? static_cast<std::size_t>(status) / 100 : 0]->Add();
  if (bytes_in != 0) bytes_in_.Add(bytes_in);
  if (bytes_out != 0) bytes_out_.Add(bytes_out);
}

void GatewayMetrics::CountUpstreamStatus(int status) {
  if (status == 429) return CountUpstreamError(UpstreamFailure::kStatus429);
  if (status >= 500) return CountUpstreamError(UpstreamFailure::kStatus5xx);
  if (status >= 400) CountUpstreamError(UpstreamFailure::kStatus4xx);
}

void GatewayMetrics::CountSaved(std::uint64_t input_tokens, std::uint64_t output_tokens) {
  if (input_tokens != 0) saved_input_.Add(input_tokens);
  if (output_tokens != 0) saved_output_.Add(output_tokens);
}

}  // namespace reflex::gateway
