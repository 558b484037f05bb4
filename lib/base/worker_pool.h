#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace reflex::base {

// A fixed number of threads that run what is submitted, first in first out, from a bounded queue. Thread-safe. The destructor
// runs what is queued, then joins; nothing may be submitted meanwhile.
class WorkerPool {
 public:
  // Both at least 1. `nice` is added to the threads' niceness (Linux: per thread), so that request threads go first.
  WorkerPool(std::size_t threads, std::size_t queue_limit, int nice);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, running nothing, when the queue is full: the caller does without. `work` must not throw.
  bool Submit(std::function<void()> work);

  std::size_t QueueLength() const;
  std::size_t threads() const { return threads_.size(); }
  std::size_t queue_limit() const { return queue_limit_; }

 private:
  void Run(int nice);

  const std::size_t queue_limit_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace reflex::base
