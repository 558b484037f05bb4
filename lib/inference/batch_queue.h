#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "reflex/result.h"

namespace reflex::inference {

// One text in pieces, and what came of it.
struct BatchJob {
  std::vector<std::int32_t> tokens;
  // Pieces from here on are the second text of a pair; 0: one text.
  std::uint32_t second_begins = 0;
  // Set by the runner.
  std::vector<float> output;
  std::optional<Error> error;
};

// Lets callers share a few contexts, without a thread of its own: a caller that finds a context free takes what waits, up to the
// limits of a batch and in the order of arrival, and runs it; the others wait until theirs was run, or lead the next batch. The
// lock is never held while a batch runs. Thread-safe.
class BatchQueue {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::size_t contexts = 1;          // Batches at the same time.
    std::size_t waiting_max = 64;      // Jobs that wait; those in a running batch do not count.
    std::size_t batch_tokens_max = 1;  // A single job may be larger.
    std::size_t batch_jobs_max = 1;
  };
  // Runs a batch in context `context` (0 to contexts - 1) and sets each job's output or error. Never called for one context by two
  // threads at once. It may give up after `until`, when nobody waits any more.
  using Run = std::function<void(std::size_t context, std::span<BatchJob* const> batch, Clock::time_point until)>;

  BatchQueue(Limits limits, Run run);
  // Calls that wait end with kCancelled; returns when the last call has left.
  ~BatchQueue();
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  // Runs one job and returns its output. REQUIRES: tokens are not empty.
  // Returns: kBusy when waiting_max jobs wait; kTimeout when `limit` passed, whether the job waited or ran; the runner's error;
  // kCancelled.
  Result<std::vector<float>> Submit(BatchJob job, std::chrono::nanoseconds limit) EXCLUDES(mutex_);

  std::size_t waiting() const EXCLUDES(mutex_);

 private:
  // Shared by its caller and the leader of its batch, so that a caller may leave while it runs.
  struct Entry {
    BatchJob job;
    Clock::time_point until;
    enum class State : std::uint8_t { kWaiting, kRunning, kDone, kLeft } state = State::kWaiting;
  };

  void Lead() REQUIRES(mutex_);
  std::vector<std::shared_ptr<Entry>> TakeBatch() REQUIRES(mutex_);
  void Leave(const std::shared_ptr<Entry>& entry) REQUIRES(mutex_);

  const Limits limits_;
  const Run run_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<std::shared_ptr<Entry>> waiting_ GUARDED_BY(mutex_);
  std::vector<std::size_t> free_contexts_ GUARDED_BY(mutex_);
  std::size_t callers_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace reflex::inference
