#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "reflex/clock.h"

namespace reflex::fakes {

// A clock that is moved by hand.
class ManualClock final : public Clock {
 public:
  std::int64_t WallMs() const override { return wall_ms.load(); }
  std::int64_t SteadyNs() const override { return steady_ns.load(); }
  // Both times.
  void Advance(std::chrono::nanoseconds time) {
    steady_ns += time.count();
    wall_ms += std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  }
  std::atomic<std::int64_t> wall_ms{1'800'000'000'000};
  std::atomic<std::int64_t> steady_ns{1'000'000'000};
};

}  // namespace reflex::fakes
