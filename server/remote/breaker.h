#pragma once

#include <chrono>
#include <cstdint>

#include "base/mutex.h"
#include "reflex/clock.h"

namespace reflex::remote {

struct BreakerOptions {
  std::uint32_t failures_max = 5;  // In a row; then calls stop. At least 1.
  // How long they stop: the first time, doubled each time the trial call fails too, up to the second.
  std::chrono::milliseconds pause{500};
  std::chrono::milliseconds pause_max{10'000};
};

// Stops calls to a service that does not answer, so that nobody waits for it, and lets one through now and then to see whether it
// is back. Thread-safe.
//
// Order of calls, as a pattern: (Allow Succeeded | Allow Failed | Allow Dropped)*, where Allow returned true.
class Breaker {
 public:
  // The clock outlives the object.
  Breaker(BreakerOptions options, const Clock& clock) : options_(options), clock_(clock) {}

  // Whether a call may be made now. While calls are stopped and the pause is over, one caller gets true: its call is the trial.
  bool Allow() EXCLUDES(mutex_);
  void Succeeded() EXCLUDES(mutex_);
  void Failed() EXCLUDES(mutex_);
  // The call ended in a way that says nothing of the service: it was cancelled.
  void Dropped() EXCLUDES(mutex_);

  // True while calls are stopped, and until a trial succeeded.
  bool open() const EXCLUDES(mutex_);

 private:
  const BreakerOptions options_;
  const Clock& clock_;
  mutable base::Mutex mutex_;
  std::uint32_t failures_ GUARDED_BY(mutex_) = 0;
  bool open_ GUARDED_BY(mutex_) = false;
  bool trying_ GUARDED_BY(mutex_) = false;
  std::chrono::nanoseconds pause_ GUARDED_BY(mutex_){0};
  std::int64_t until_ns_ GUARDED_BY(mutex_) = 0;
};

}  // namespace reflex::remote
