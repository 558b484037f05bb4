#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "http/client.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "remote/service.h"

namespace reflex::remote {

// A clock that stands until it is moved. Calls' limits do not look at it; the breaker, retries and expiry do.
class HandClock final : public Clock {
 public:
  std::int64_t WallMs() const override { return 1'800'000'000'000 + steady_ns_.load() / 1'000'000; }
  std::int64_t SteadyNs() const override { return steady_ns_.load(); }
  void Move(std::chrono::nanoseconds by) { steady_ns_ += by.count(); }

 private:
  std::atomic<std::int64_t> steady_ns_{1};
};

class LinesLog final : public Logger {
 public:
  void Log(LogLevel, std::string_view line) override {
    base::MutexLock lock(mutex_);
    lines_.append(line).append("\n");
  }
  std::string lines() {
    base::MutexLock lock(mutex_);
    return lines_;
  }

 private:
  base::Mutex mutex_;
  std::string lines_ GUARDED_BY(mutex_);
};

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

  HandClock clock;
  LinesLog log;
  base::MetricsRegistry metrics;
  base::WorkerPool pool{1, 64, 0};
  Line line;
};

inline constexpr std::chrono::milliseconds kPatience{20'000};

}  // namespace reflex::remote
