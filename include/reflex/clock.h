#pragma once

#include <cstdint>

namespace reflex {

/// Time as the program sees it. Thread-safe. Tests hand in a clock they move by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Milliseconds since 1970-01-01 UTC; may jump when the machine's clock is set.
  virtual std::int64_t WallMs() const = 0;
  /// Nanoseconds that never run backwards, from an arbitrary start.
  virtual std::int64_t SteadyNs() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t WallMs() const override;
  std::int64_t SteadyNs() const override;
};

}  // namespace reflex
