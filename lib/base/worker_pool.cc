#include "base/worker_pool.h"

#include <sys/resource.h>

#include <utility>

namespace reflex::base {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queue_limit, int nice) : queue_limit_(queue_limit) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, nice] { Run(nice); });
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::Submit(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_limit_) return false;
    queue_.push_back(std::move(work));
  }
  changed_.NotifyOne();
  return true;
}

std::size_t WorkerPool::QueueLength() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void WorkerPool::Run(int nice) {
  // On Linux PRIO_PROCESS with 0 is the calling thread. Failing to become nicer is harmless.
  if (nice != 0) (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + nice);
  for (;;) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace reflex::base
