#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "gateway/activity.h"
#include "reflex/clock.h"

namespace reflex::app {

// Tells when nothing was asked of the program for a while. It looks from outside, so that requests take no time for it: what
// happened between two looks counts as having ended at the second. Not thread-safe.
class IdleWatch {
 public:
  // Every argument outlives the watch. `limit`: above 0.
  IdleWatch(std::function<gateway::ActivityCount()> activity, Clock& clock, std::chrono::milliseconds limit);

  // To be called about each second. True while nothing runs and nothing began for `limit` or longer.
  bool Look();
  // True if anything began since the last look: what was started because of it is to be given up.
  bool Stirred() const { return activity_() != seen_; }
  // The time begins anew.
  void Restart();

 private:
  const std::function<gateway::ActivityCount()> activity_;
  Clock& clock_;
  const std::int64_t limit_ns_;
  gateway::ActivityCount seen_;
  std::int64_t quiet_since_ns_;
};

}  // namespace reflex::app
