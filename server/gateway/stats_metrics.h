#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/metrics.h"
#include "base/mutex.h"
#include "reflex/clock.h"

namespace reflex::gateway {

// A metric that is one number of a part's Stats().
template <class Stats>
struct StatsMetric {
  const char* name;
  const char* help;
  bool counter;
  std::uint64_t (*read)(const Stats&);
};

// A part's Stats() for all metrics of one scrape: asked for again only when the last answer is older than a moment. Thread-safe.
template <class Part>
class RecentStats {
 public:
  using Stats = decltype(std::declval<const Part&>().Stats());

  // Both outlive the object.
  RecentStats(const Part& part, Clock& clock) : part_(part), clock_(clock) {}

  Stats Get() {
    base::MutexLock lock(mutex_);
    const std::int64_t now = clock_.SteadyNs();
    if (!known_ || now - read_ns_ > kMomentNs) {
      stats_ = part_.Stats();
      read_ns_ = now;
      known_ = true;
    }
    return stats_;
  }

 private:
  static constexpr std::int64_t kMomentNs = 250'000'000;

  const Part& part_;
  Clock& clock_;
  base::Mutex mutex_;
  Stats stats_ GUARDED_BY(mutex_);
  std::int64_t read_ns_ GUARDED_BY(mutex_) = 0;
  bool known_ GUARDED_BY(mutex_) = false;
};

template <class Part>
void AddStatsMetrics(base::MetricsRegistry& registry, std::span<const StatsMetric<typename RecentStats<Part>::Stats>> metrics,
                     const std::shared_ptr<RecentStats<Part>>& stats) {
  for (const auto& metric : metrics) {
    registry.AddCallback(metric.name, metric.help, {}, metric.counter,
                         [stats, read = metric.read] { return static_cast<double>(read(stats->Get())); });
  }
}

}  // namespace reflex::gateway
