#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace reflex::regression {

// A place where two threads must be at once.
class Meeting {
 public:
  // Waits for the other one. False when it does not come: something lets one thread in at a time. Later calls return at once.
  bool Attend() {
    std::unique_lock lock(mutex_);
    if (++present_ >= 2) {
      changed_.notify_all();
      return true;
    }
    if (changed_.wait_for(lock, kLimit, [this] { return present_ >= 2; })) return true;
    missed_ = true;
    return false;
  }
  bool missed() {
    const std::lock_guard lock(mutex_);
    return missed_;
  }

 private:
  static constexpr std::chrono::seconds kLimit{10};
  std::mutex mutex_;
  std::condition_variable changed_;
  int present_ = 0;
  bool missed_ = false;
};

}  // namespace reflex::regression
