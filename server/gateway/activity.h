#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace reflex::gateway {

// Requests since the start, except health checks and metrics. A request ends with the last byte of its reply, a joined call and an
// upgraded connection too.
struct ActivityCount {
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;

  bool busy() const { return begun != ended; }
  friend bool operator==(const ActivityCount&, const ActivityCount&) = default;
};

// The count of one I/O thread, which alone writes it: a request costs two plain stores and takes no time from a clock.
class alignas(64) Activity {
 public:
  void Begin() { begun_.store(begun_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  void End() { ended_.store(ended_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  // Adds this thread's part; from any thread. Ends are read before beginnings, so that what runs is never taken for ended.
  void AddTo(ActivityCount& count) const {
    count.ended += ended_.load(std::memory_order_acquire);
    count.begun += begun_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<std::uint64_t> begun_{0}, ended_{0};
};

// One request that counts, from its head to its last byte. Holds the count: at the program's end requests may outlive the gateway.
class ActiveRequest {
 public:
  // Null: one that does not count.
  explicit ActiveRequest(std::shared_ptr<Activity> activity) : activity_(std::move(activity)) {
    if (activity_ != nullptr) activity_->Begin();
  }
  ~ActiveRequest() {
    if (activity_ != nullptr) activity_->End();
  }
  ActiveRequest(const ActiveRequest&) = delete;
  ActiveRequest& operator=(const ActiveRequest&) = delete;

 private:
  const std::shared_ptr<Activity> activity_;
};

}  // namespace reflex::gateway
