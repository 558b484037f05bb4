#include "base/metrics.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

TEST(Metrics, RowsOfOneNameShareOneHeader) {
  MetricsRegistry registry;
  Counter& hits = registry.AddCounter("reflex_requests_total", "Requests.", "status=\"hit\"");
  Gauge& open = registry.AddGauge("reflex_connections", "Open connections.");
  Counter& misses = registry.AddCounter("reflex_requests_total", "Requests.", "status=\"miss\"");
  hits.Add();
  misses.Add(41);
  open.Set(3);
  open.Add(-1);
  EXPECT_EQ(registry.Render(),
            "# HELP reflex_requests_total Requests.\n"
            "# TYPE reflex_requests_total counter\n"
            "reflex_requests_total{status=\"hit\"} 1\n"
            "reflex_requests_total{status=\"miss\"} 41\n"
            "# HELP reflex_connections Open connections.\n"
            "# TYPE reflex_connections gauge\n"
            "reflex_connections 2\n");
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  MetricsRegistry registry;
  Histogram& histogram = registry.AddHistogram("reflex_seconds", "Time.", "stage=\"key\"");
  histogram.ObserveNs(50'000);           // On the first bound: inside.
  histogram.ObserveNs(3'000'000);        // 3 ms.
  histogram.ObserveNs(700'000'000'000);  // Beyond the last bound.
  const std::string text = registry.Render();
  EXPECT_NE(text.find("reflex_seconds_bucket{stage=\"key\",le=\"5e-05\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reflex_seconds_bucket{stage=\"key\",le=\"0.0025\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reflex_seconds_bucket{stage=\"key\",le=\"0.005\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reflex_seconds_bucket{stage=\"key\",le=\"600\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reflex_seconds_bucket{stage=\"key\",le=\"+Inf\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reflex_seconds_count{stage=\"key\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reflex_seconds_sum{stage=\"key\"} 700.00305\n"), std::string::npos) << text;
}

TEST(Metrics, CallbacksAreAskedAtEachScrape) {
  MetricsRegistry registry;
  double value = 1;
  registry.AddCallback("reflex_entries", "Entries.", {}, false, [&] { return value; });
  EXPECT_NE(registry.Render().find("reflex_entries 1\n"), std::string::npos);
  value = 2.5;
  EXPECT_NE(registry.Render().find("# TYPE reflex_entries gauge\nreflex_entries 2.5\n"), std::string::npos);
}

TEST(Metrics, CountersLoseNothingAcrossThreads) {
  MetricsRegistry registry;
  Counter& counter = registry.AddCounter("reflex_total", "All.");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round) counter.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.Value(), 40'000u);
}

}  // namespace
}  // namespace reflex::base
