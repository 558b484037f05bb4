#include "app/idle_watch.h"

#include <utility>

namespace reflex::app {

IdleWatch::IdleWatch(std::function<gateway::ActivityCount()> activity, Clock& clock, std::chrono::milliseconds limit)
    : activity_(std::move(activity)),
      clock_(clock),
      limit_ns_(std::chrono::nanoseconds(limit).count()),
      seen_(activity_()),
      quiet_since_ns_(clock.SteadyNs()) {}

bool IdleWatch::Look() {
  const gateway::ActivityCount now = activity_();
  if (now.busy() || now != seen_) Restart();
  seen_ = now;
  return !now.busy() && clock_.SteadyNs() - quiet_since_ns_ >= limit_ns_;
}

void IdleWatch::Restart() { quiet_since_ns_ = clock_.SteadyNs(); }

}  // namespace reflex::app
