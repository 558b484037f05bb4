#include "inference/batch_queue.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace reflex::inference {
namespace {

using namespace std::chrono_literals;

// A runner that gives back the first token, and holds each batch until it is told to go on.
class Gate {
 public:
  void Run(std::size_t context, std::span<BatchJob* const> batch) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    EXPECT_FALSE(busy_[context]) << "two batches in one context";
    busy_[context] = true;
    sizes_.push_back(batch.size());
    changed_.NotifyAll();
    while (!open_) changed_.Wait(mutex_);
    for (BatchJob* job : batch) job->output = {static_cast<float>(job->tokens.front())};
    busy_[context] = false;
  }
  void Open() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void AwaitBatches(std::size_t count) EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    while (sizes_.size() < count) changed_.Wait(mutex_);
  }
  std::vector<std::size_t> sizes() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return sizes_;
  }
  BatchQueue::Run runner() {
    return [this](std::size_t context, std::span<BatchJob* const> batch, BatchQueue::Clock::time_point) { Run(context, batch); };
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
  bool busy_[8] GUARDED_BY(mutex_) = {};
  std::vector<std::size_t> sizes_ GUARDED_BY(mutex_);
};

BatchJob Job(std::int32_t first, std::size_t tokens = 1) {
  BatchJob job;
  job.tokens.assign(tokens, first);
  return job;
}

void AwaitWaiting(const BatchQueue& queue, std::size_t count) {
  while (queue.waiting() < count) std::this_thread::yield();
}

TEST(BatchQueue, ACallerRunsItsOwnJob) {
  Gate gate;
  gate.Open();
  BatchQueue queue({.contexts = 1, .waiting_max = 1, .batch_tokens_max = 8, .batch_jobs_max = 8}, gate.runner());
  const auto result = queue.Submit(Job(7), 1h);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, std::vector<float>{7});
}

TEST(BatchQueue, WhatWaitsIsRunTogetherUpToTheLimits) {
  Gate gate;
  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  {
    BatchQueue queue({.contexts = 1, .waiting_max = 8, .batch_tokens_max = 10, .batch_jobs_max = 8}, gate.runner());
    const auto call = [&](std::int32_t first) {
      callers.emplace_back(
          [&, first] { right += queue.Submit(Job(first, 4), 1h) == std::vector<float>{static_cast<float>(first)}; });
    };
    call(1);
    gate.AwaitBatches(1);
    for (std::int32_t i = 2; i <= 6; ++i) call(i);
    AwaitWaiting(queue, 5);
    gate.Open();
    for (std::thread& caller : callers) caller.join();
  }
  EXPECT_EQ(right, 6);
  EXPECT_EQ(gate.sizes(), (std::vector<std::size_t>{1, 2, 2, 1}));  // 4 + 4 tokens fit into 10, a third does not.
}

TEST(BatchQueue, OneJobMayBeLargerThanABatch) {
  Gate gate;
  gate.Open();
  BatchQueue queue({.contexts = 1, .waiting_max = 1, .batch_tokens_max = 2, .batch_jobs_max = 8}, gate.runner());
  EXPECT_TRUE(queue.Submit(Job(1, 100), 1h));
}

TEST(BatchQueue, AFullQueueRefuses) {
  Gate gate;
  BatchQueue queue({.contexts = 1, .waiting_max = 1, .batch_tokens_max = 1, .batch_jobs_max = 1}, gate.runner());
  std::thread running([&] { EXPECT_TRUE(queue.Submit(Job(1), 1h)); });
  gate.AwaitBatches(1);
  std::thread waiting([&] { EXPECT_TRUE(queue.Submit(Job(2), 1h)); });
  AwaitWaiting(queue, 1);
  const auto refused = queue.Submit(Job(3), 1h);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  gate.Open();
  running.join();
  waiting.join();
}

TEST(BatchQueue, WhoIsLateInTheQueueLeavesIt) {
  Gate gate;
  BatchQueue queue({.contexts = 1, .waiting_max = 4, .batch_tokens_max = 1, .batch_jobs_max = 1}, gate.runner());
  std::thread running([&] { EXPECT_TRUE(queue.Submit(Job(1), 1h)); });
  gate.AwaitBatches(1);
  const auto late = queue.Submit(Job(2), 1ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(queue.waiting(), 0u);
  gate.Open();
  running.join();
  EXPECT_EQ(gate.sizes().size(), 1u);
}

TEST(BatchQueue, NoTimeAtAllIsATimeout) {
  Gate gate;
  BatchQueue queue({.contexts = 1, .waiting_max = 4, .batch_tokens_max = 1, .batch_jobs_max = 1}, gate.runner());
  for (const auto limit : {0ns, -5ns}) {
    const auto late = queue.Submit(Job(1), limit);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  }
  EXPECT_TRUE(gate.sizes().empty());
}

TEST(BatchQueue, TheRunnersErrorIsTheCallers) {
  BatchQueue queue({.contexts = 1, .waiting_max = 1, .batch_tokens_max = 1, .batch_jobs_max = 1},
                   [](std::size_t, std::span<BatchJob* const> batch, BatchQueue::Clock::time_point) {
                     batch[0]->error = Error{ErrorCode::kInternal, "broken"};
                   });
  const auto result = queue.Submit(Job(1), 1h);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "broken");
}

TEST(BatchQueue, ClosingCancelsThoseWhoWaitAndAwaitsThoseWhoRun) {
  Gate gate;
  auto queue = std::make_unique<BatchQueue>(
      BatchQueue::Limits{.contexts = 1, .waiting_max = 4, .batch_tokens_max = 1, .batch_jobs_max = 1}, gate.runner());
  BatchQueue* raw = queue.get();
  std::atomic<bool> ran = false;
  std::thread running([&] { ran = raw->Submit(Job(1), 1h).has_value(); });
  gate.AwaitBatches(1);
  std::thread waiting([&] {
    const auto cancelled = raw->Submit(Job(2), 1h);
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
    gate.Open();
  });
  AwaitWaiting(*raw, 1);
  queue.reset();
  running.join();
  EXPECT_TRUE(ran);
  waiting.join();
}

TEST(BatchQueue, ManyCallersGetTheirOwn) {
  Gate gate;
  gate.Open();
  BatchQueue queue({.contexts = 3, .waiting_max = 64, .batch_tokens_max = 6, .batch_jobs_max = 4}, gate.runner());
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 200; ++i) {
        const int first = caller * 1000 + i;
        right += queue.Submit(Job(first, 1 + static_cast<std::size_t>(i) % 3), 1h) == std::vector<float>{static_cast<float>(first)};
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 1600);
}

}  // namespace
}  // namespace reflex::inference
