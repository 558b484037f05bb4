#include "redis/store_metrics.h"

#include <cstdint>

namespace reflex::redis {
namespace {

struct Row {
  const char* name;
  const char* help;
  bool counter;
  std::uint64_t (*read)(const ClientStats& stats);
};

constexpr Row kRows[] = {
    {"reflex_shared_store_round_trips_total", "Calls to the shared store that were answered.", true,
     [](const ClientStats& s) { return s.round_trips; }},
    {"reflex_shared_store_failures_total", "Calls to the shared store that got no answer.", true,
     [](const ClientStats& s) { return s.failures; }},
    {"reflex_shared_store_refused_total", "Calls that failed at once because the breaker was open.", true,
     [](const ClientStats& s) { return s.refused; }},
    {"reflex_shared_store_connections_total", "Connections to the shared store that were opened.", true,
     [](const ClientStats& s) { return s.connections; }},
    {"reflex_shared_store_breaker_open", "1 while calls to the shared store fail at once.", false,
     [](const ClientStats& s) { return std::uint64_t{s.open}; }},
};

}  // namespace

void AddStoreMetrics(base::MetricsRegistry& registry, const RedisStore& store) {
  for (const Row& row : kRows) {
    registry.AddCallback(row.name, row.help, {}, row.counter,
                         [&store, read = row.read] { return static_cast<double>(read(store.client_stats())); });
  }
}

}  // namespace reflex::redis
