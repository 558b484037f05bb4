#include "http/io_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <set>
#include <string>
#include <thread>

namespace reflex::http {
namespace {

using std::chrono::milliseconds;

// A thread that runs, and a way to wait for a coroutine on it.
class Runner {
 public:
  Runner() : thread_([this] { io.Run(); }) {}
  ~Runner() {
    io.Stop();
    thread_.join();
  }
  void Do(std::function<Task<void>()> work) {
    std::promise<void> done;
    io.Post([&] { io.Spawn(Finish(work, done)); });
    done.get_future().get();
  }
  IoThread io;

 private:
  static Task<void> Finish(std::function<Task<void>()>& work, std::promise<void>& done) {
    co_await work();
    done.set_value();
  }
  std::thread thread_;
};

struct Alarm final : Deadline {
  explicit Alarm(std::function<void()> call) : rang(std::move(call)) {}
  void Expire() override { rang(); }
  std::function<void()> rang;
};

TEST(IoThread, SignalWakesItsWaiterFromAnyThread) {
  Runner runner;
  runner.Do([&]() -> Task<void> {
    Signal signal(runner.io);
    std::thread other(signal.Notifier());
    EXPECT_TRUE(co_await signal.Wait());
    other.join();
    signal.Notify();
    signal.Notify();
    EXPECT_TRUE(co_await signal.Wait());  // Kept, several as one.
    const SteadyTime limit = runner.io.now() + milliseconds(1);
    EXPECT_FALSE(co_await signal.Wait(limit));
    EXPECT_FALSE(co_await signal.Wait(SteadyTime{}));
  });
}

TEST(IoThread, ANotifierMayOutliveSignalAndThread) {
  std::function<void()> notify;
  {
    Runner runner;
    runner.Do([&]() -> Task<void> {
      Signal signal(runner.io);
      notify = signal.Notifier();
      co_return;
    });
    notify();
  }
  notify();
}

TEST(IoThread, WaitingCoroutinesDieWithTheThread) {
  const auto held = std::make_shared<int>(1);
  {
    Runner runner;
    std::promise<void> waiting;
    runner.io.Post([&] {
      const auto wait = [](IoThread& io, std::shared_ptr<int>, std::promise<void>& begun) -> Task<void> {
        Signal never(io);
        begun.set_value();
        co_await never.Wait(io.now() + std::chrono::hours(1));
      };
      runner.io.Spawn(wait(runner.io, held, waiting));
    });
    waiting.get_future().get();
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(IoThread, DeadlinesExpireOnceAndMayWithdrawOthers) {
  Runner runner;
  std::promise<void> rang;
  int count = 0;
  std::unique_ptr<Alarm> other;
  Alarm first([&] {
    if (++count > 1) return;
    runner.io.Withdraw(*other);
    other.reset();
    rang.set_value();
  });
  other = std::make_unique<Alarm>([] { ADD_FAILURE() << "withdrawn"; });
  std::promise<void> ended;
  runner.io.Post([&] {
    other->ExpireAt(runner.io.now() + std::chrono::hours(1));
    runner.io.Enroll(*other);
    first.ExpireAt(runner.io.now());
    runner.io.Enroll(first);
  });
  rang.get_future().get();
  runner.io.Post([&] {
    EXPECT_EQ(first.time(), SteadyTime::max());
    runner.io.Withdraw(first);
    ended.set_value();
  });
  ended.get_future().get();
  EXPECT_EQ(count, 1);
}

TEST(IoThread, RunsOnThePoolAndComesBack) {
  std::promise<void> gate;
  std::promise<void> held;
  base::WorkerPool pool(1, 1, 0);
  Runner runner;
  runner.Do([&]() -> Task<void> {
    std::thread::id ran;
    EXPECT_TRUE(co_await RunOnPool(runner.io, pool, [&] { ran = std::this_thread::get_id(); }));
    EXPECT_NE(ran, std::this_thread::get_id());
    // One job holds the thread, one the queue: the next is not taken.
    EXPECT_TRUE(pool.Submit([&] {
      held.set_value();
      gate.get_future().get();
    }));
    held.get_future().get();
    EXPECT_TRUE(pool.Submit([] {}));
    EXPECT_FALSE(co_await RunOnPool(runner.io, pool, [] { ADD_FAILURE() << "the pool was full"; }));
    gate.set_value();
  });
}

TEST(IoThread, SleepsAndTellsTheTime) {
  Runner runner;
  runner.Do([&]() -> Task<void> {
    const auto before = std::chrono::steady_clock::now();
    co_await Sleep(runner.io, milliseconds(20));
    EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(20));
    EXPECT_LE(std::chrono::steady_clock::now() - runner.io.now(), milliseconds(1000));
    const std::string date(runner.io.http_date());
    EXPECT_EQ(date.size(), 29u);
    EXPECT_EQ(date[3], ',');
    EXPECT_TRUE(date.ends_with(" GMT"));
    std::set<std::uint64_t> numbers;
    for (int i = 0; i < 1000; ++i) numbers.insert(runner.io.Random());
    EXPECT_EQ(numbers.size(), 1000u);
  });
}

}  // namespace
}  // namespace reflex::http
