#include "remote/breaker.h"

#include <algorithm>

namespace reflex::remote {

bool Breaker::Allow() {
  base::MutexLock lock(mutex_);
  if (!open_) return true;
  if (trying_ || clock_.SteadyNs() < until_ns_) return false;
  trying_ = true;
  return true;
}

void Breaker::Succeeded() {
  base::MutexLock lock(mutex_);
  failures_ = 0;
  open_ = trying_ = false;
  pause_ = std::chrono::nanoseconds(0);
}

void Breaker::Failed() {
  base::MutexLock lock(mutex_);
  ++failures_;
  // A call that began before the service was given up says nothing new.
  if (open_ && !trying_) return;
  if (!open_ && failures_ < options_.failures_max) return;
  pause_ = pause_.count() == 0 ? std::chrono::nanoseconds(options_.pause)
                               : std::min<std::chrono::nanoseconds>(pause_ * 2, options_.pause_max);
  until_ns_ = clock_.SteadyNs() + pause_.count();
  open_ = true;
  trying_ = false;
}

void Breaker::Dropped() {
  base::MutexLock lock(mutex_);
  trying_ = false;
}

bool Breaker::open() const {
  base::MutexLock lock(mutex_);
  return open_;
}

}  // namespace reflex::remote
