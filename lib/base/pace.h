#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

namespace reflex::base {

// Lets something happen at most once in `every`, by whichever thread comes first. Thread-safe; relaxed, as it orders nothing else.
class Pace {
 public:
  // From `first_ns` on, of a steady clock.
  explicit Pace(std::chrono::nanoseconds every, std::int64_t first_ns = std::numeric_limits<std::int64_t>::min())
      : every_ns_(every.count()), next_ns_(first_ns) {}

  // True for one caller each time.
  bool IsDue(std::int64_t now_ns) {
    std::int64_t next_ns = next_ns_.load(std::memory_order_relaxed);
    return now_ns >= next_ns && next_ns_.compare_exchange_strong(next_ns, now_ns + every_ns_, std::memory_order_relaxed);
  }

 private:
  const std::int64_t every_ns_;
  std::atomic<std::int64_t> next_ns_;
};

}  // namespace reflex::base
