#include "vector/merge_queue.h"

#include <exception>
#include <utility>

namespace reflex::vector {

void MergeQueue::Push(const std::shared_ptr<Partition>& partition) {
  {
    base::MutexLock lock(mutex_);
    for (const auto& waiting : waiting_) {
      if (!waiting.owner_before(partition) && !partition.owner_before(waiting)) return;
    }
    waiting_.push_back(partition);
  }
  Schedule();
}

void MergeQueue::Schedule() {
  {
    base::MutexLock lock(mutex_);
    if (running_ || (waiting_.empty() && !partition_)) return;
    running_ = true;
    refused_.store(false, std::memory_order_relaxed);
  }
  if (background_([weak = weak_from_this()] {
        if (const auto queue = weak.lock()) queue->RunSlice();
      })) {
    return;
  }
  base::MutexLock lock(mutex_);
  running_ = false;
  refused_.store(true, std::memory_order_relaxed);
}

void MergeQueue::RunSlice() {
  if (partition_ || TakeNext()) {
    bool done = true;
    // Without the memory for lists the codes are read one after the other, as before; the next seal tries again.
    try {
      done = Work();
    } catch (const std::exception&) {
      partition_->DropMerge();
    }
    if (done) {
      merge_.reset();
      if (partition_->NeedsMerge()) {
        base::MutexLock lock(mutex_);
        waiting_.push_back(partition_);
      }
      base::MutexLock lock(mutex_);
      partition_.reset();
    }
  }
  {
    base::MutexLock lock(mutex_);
    running_ = false;
  }
  Schedule();
}

bool MergeQueue::TakeNext() {
  base::MutexLock lock(mutex_);
  while (!waiting_.empty() && !partition_) {
    partition_ = waiting_.front().lock();
    waiting_.pop_front();
  }
  return partition_ != nullptr;
}

// One slice; true when the merge is over.
bool MergeQueue::Work() {
  if (!merge_) {
    merge_ = partition_->StartMerge();
    return merge_ == nullptr;
  }
  if (!merge_->Step(slice_)) return false;
  partition_->FinishMerge(*merge_);
  return true;
}

}  // namespace reflex::vector
