#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"

namespace reflex::base {

// A number that only grows. Thread-safe: relaxed, because nothing is decided by it.
class Counter {
 public:
  void Add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A number that goes up and down. Thread-safe, relaxed.
class Gauge {
 public:
  void Add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  void Set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::int64_t Value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// How often a duration fell into each of a fixed row of buckets, from 50 microseconds to 600 seconds. Thread-safe, relaxed.
class Histogram {
 public:
  // Upper bounds in seconds, as Prometheus shows them; the last bucket has none.
  static constexpr std::array<double, 18> kBoundsSeconds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                            0.05,    0.1,    0.25,    0.5,    1,     5,      30,    120,  600};
  void ObserveNs(std::int64_t nanoseconds);

  std::uint64_t Bucket(std::size_t index) const { return buckets_[index].load(std::memory_order_relaxed); }
  std::int64_t SumNs() const { return sum_ns_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kBoundsSeconds.size() + 1> buckets_{};
  std::atomic<std::int64_t> sum_ns_{0};
};

// The program's metrics: each room makes its own here and keeps the reference, which lives as long as the registry.
// Thread-safe. Names follow Prometheus: base unit last, counters end in _total; `labels` is the text between the braces, for
// example `status="miss"`, and comes from a fixed list, never from a request. Adding a counter, gauge or histogram again under the
// same name and labels gives the first one, so that parts that exist once a thread count together.
class MetricsRegistry {
 public:
  Counter& AddCounter(std::string name, std::string help, std::string labels = {});
  Gauge& AddGauge(std::string name, std::string help, std::string labels = {});
  Histogram& AddHistogram(std::string name, std::string help, std::string labels = {});
  // A value asked for at each scrape; `read` is called from the scraping thread, must be thread-safe and outlive the registry's
  // last Render. `counter` says how Prometheus is to treat it.
  void AddCallback(std::string name, std::string help, std::string labels, bool counter, std::function<double()> read);

  // Prometheus text format 0.0.4, rows of one name together.
  std::string Render() const;

 private:
  struct Row {
    std::string name, help, labels, type;
    std::function<void(const Row&, std::string&)> render;
    void* metric = nullptr;  // The Counter, Gauge or Histogram, as `type` says; null for a callback.
  };
  void* Find(std::string_view name, std::string_view labels, std::string_view type) const REQUIRES(mutex_);
  void Insert(Row row) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::deque<Counter> counters_ GUARDED_BY(mutex_);
  std::deque<Gauge> gauges_ GUARDED_BY(mutex_);
  std::deque<Histogram> histograms_ GUARDED_BY(mutex_);
  std::vector<Row> rows_ GUARDED_BY(mutex_);
};

}  // namespace reflex::base
