#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "base/mutex.h"
#include "vector/partition.h"

namespace reflex::vector {

// Partitions that need a merge, worked off in background jobs: one at a time, a slice each. Thread-safe.
class MergeQueue : public std::enable_shared_from_this<MergeQueue> {
 public:
  using Background = std::function<bool(std::function<void()>)>;

  // `slice`: entries a job inserts.
  MergeQueue(Background background, std::size_t slice) : background_(std::move(background)), slice_(slice) {}

  // A partition twice in the queue is merged once. Held only weakly: one that left the index is forgotten.
  void Push(const std::shared_ptr<Partition>& partition) EXCLUDES(mutex_);
  // Offers the job again if it was refused; a load when there is nothing to do.
  void Kick() {
    if (refused_.load(std::memory_order_relaxed)) Schedule();
  }

 private:
  // Sees to it that a job runs while there is work.
  void Schedule() EXCLUDES(mutex_);
  void RunSlice() EXCLUDES(mutex_);
  bool TakeNext() EXCLUDES(mutex_);
  bool Work();

  const Background background_;
  const std::size_t slice_;
  base::Mutex mutex_;
  std::deque<std::weak_ptr<Partition>> waiting_ GUARDED_BY(mutex_);
  bool running_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> refused_{false};
  // Of the job that runs; handed on from one to the next through the lock.
  std::shared_ptr<Partition> partition_;
  std::unique_ptr<Merge> merge_;
};

}  // namespace reflex::vector
