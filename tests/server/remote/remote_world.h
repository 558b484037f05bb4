#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "fakes/kept_log.h"
#include "fakes/manual_clock.h"
#include "http/client.h"
#include "remote/service.h"

namespace reflex::remote {

// What all remote parts need.
struct RemoteWorld {
  std::unique_ptr<Service> Open(const std::string& url, ServiceOptions options = {}) {
    if (options.name.empty()) options.name = "thing";
    options.base = http::ParseBaseUrl(url).value();
    auto service = Service::Create(std::move(options), {line, pool, metrics, clock, log});
    EXPECT_TRUE(service.has_value()) << service.error().message;
    return std::move(*service);
  }
  // The value of a metric's row; -1 where there is none.
  double Metric(const std::string& row) {
    const std::string text = "\n" + metrics.Render();
    const std::size_t at = text.find("\n" + row + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + row.size() + 2));
  }

  // Calls' limits do not look at it; the breaker, retries and expiry do.
  fakes::ManualClock clock;
  fakes::KeptLog log;
  base::MetricsRegistry metrics;
  base::WorkerPool pool{1, 64, 0};
  Line line;
};

inline constexpr std::chrono::milliseconds kPatience{20'000};

}  // namespace reflex::remote
