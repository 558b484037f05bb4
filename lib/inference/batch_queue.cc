#include "inference/batch_queue.h"

#include <algorithm>
#include <string>
#include <utility>

namespace reflex::inference {
namespace {

// A limit beyond any clock means to wait without one.
BatchQueue::Clock::time_point After(std::chrono::nanoseconds limit) {
  constexpr std::chrono::hours kLongest{24 * 365};
  return BatchQueue::Clock::now() + std::min<std::chrono::nanoseconds>(limit, kLongest);
}

}  // namespace

BatchQueue::BatchQueue(Limits limits, Run run) : limits_(limits), run_(std::move(run)) {
  for (std::size_t i = limits_.contexts; i-- > 0;) free_contexts_.push_back(i);
}

BatchQueue::~BatchQueue() {
  base::MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
  while (callers_ > 0) changed_.Wait(mutex_);
}

std::size_t BatchQueue::waiting() const {
  base::MutexLock lock(mutex_);
  return waiting_.size();
}

Result<std::vector<float>> BatchQueue::Submit(BatchJob job, std::chrono::nanoseconds limit) {
  const auto entry = std::make_shared<Entry>();
  entry->job = std::move(job);
  entry->until = After(limit);
  using State = Entry::State;

  base::MutexLock lock(mutex_);
  if (closed_) return Fail(ErrorCode::kCancelled, "the model is being closed");
  if (waiting_.size() >= limits_.waiting_max) {
    return Fail(ErrorCode::kBusy, std::to_string(limits_.waiting_max) + " texts wait for the model already");
  }
  ++callers_;
  waiting_.push_back(entry);
  while (entry->state != State::kDone) {
    const auto now = Clock::now();
    if (now >= entry->until || (closed_ && entry->state == State::kWaiting)) break;
    if (entry->state == State::kWaiting && !free_contexts_.empty()) {
      Lead();
    } else {
      changed_.WaitFor(mutex_, entry->until - now);
    }
  }
  const bool late = Clock::now() >= entry->until;
  const State state = entry->state;
  if (state != State::kDone) Leave(entry);
  // The destructor waits for the last caller, and a context may be free for the next.
  --callers_;
  changed_.NotifyAll();
  if (state == State::kDone && entry->job.error) return std::unexpected(*entry->job.error);
  if (late) return Fail(ErrorCode::kTimeout, "the model had no result within the time limit");
  if (state != State::kDone) return Fail(ErrorCode::kCancelled, "the model is being closed");
  return std::move(entry->job.output);
}

void BatchQueue::Lead() {
  const std::size_t context = free_contexts_.back();
  free_contexts_.pop_back();
  const auto batch = TakeBatch();
  std::vector<BatchJob*> jobs;
  auto until = Clock::time_point::min();
  for (const auto& entry : batch) {
    jobs.push_back(&entry->job);
    until = std::max(until, entry->until);
  }
  // Others find their context, or wait for this batch.
  if (!waiting_.empty()) changed_.NotifyAll();
  mutex_.Unlock();
  run_(context, jobs, until);
  mutex_.Lock();
  for (const auto& entry : batch) {
    if (entry->state == Entry::State::kRunning) entry->state = Entry::State::kDone;
  }
  free_contexts_.push_back(context);
  changed_.NotifyAll();
}

std::vector<std::shared_ptr<BatchQueue::Entry>> BatchQueue::TakeBatch() {
  std::vector<std::shared_ptr<Entry>> batch;
  std::size_t tokens = 0;
  while (!waiting_.empty() && batch.size() < limits_.batch_jobs_max) {
    const std::size_t size = waiting_.front()->job.tokens.size();
    if (!batch.empty() && tokens + size > limits_.batch_tokens_max) break;
    tokens += size;
    waiting_.front()->state = Entry::State::kRunning;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return batch;
}

void BatchQueue::Leave(const std::shared_ptr<Entry>& entry) {
  if (entry->state == Entry::State::kWaiting) std::erase(waiting_, entry);
  entry->state = Entry::State::kLeft;
}

}  // namespace reflex::inference
