#include "http/io_thread.h"

#include <time.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <cstdio>
#include <span>
#include <utility>

#include "base/digest.h"
#include "base/mutex.h"
#include "http/detail/stream.h"

namespace reflex::http {
namespace {

namespace asio = boost::asio;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
constexpr std::chrono::milliseconds kSweepEvery{200};

// A coroutine suspended in a Signal, in its thread's list: nothing else in Asio would destroy it with the thread.
struct Waiter {
  virtual void Drop() = 0;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;

 protected:
  ~Waiter() = default;
};

void FormatHttpDate(std::time_t seconds, std::array<char, 32>& out) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  std::snprintf(out.data(), out.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[tm.tm_wday], tm.tm_mday, kMonths[tm.tm_mon],
                (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

}  // namespace

struct IoThread::State {
  State() : context(1), work(context.get_executor()), sweep_timer(context) {
    base::RandomBytes(std::span(reinterpret_cast<std::uint8_t*>(&random), sizeof random));
  }

  Deadline* first = nullptr;
  Deadline* sweep_next = nullptr;  // Where a running sweep goes on; Withdraw moves it.
  bool sweeping = false;
  Waiter* waiters = nullptr;
  std::time_t date_second = -1;
  std::array<char, 32> date{};
  std::uint64_t random = 0;
  std::atomic<bool> running{false};  // Releases what the thread did to whoever sees false.
  // Destroyed before what is above: coroutines that die with the context withdraw their deadlines.
  asio::io_context context;
  asio::executor_work_guard<Executor> work;
  Timer sweep_timer;
};

IoThread::IoThread() : state_(std::make_unique<State>()) {}

IoThread::~IoThread() {
  while (state_->waiters != nullptr) state_->waiters->Drop();
}

void IoThread::Run() {
  state_->running.store(true, std::memory_order_release);
  state_->context.run();
  state_->running.store(false, std::memory_order_release);
}

bool IoThread::running() const { return state_->running.load(std::memory_order_acquire); }

std::size_t IoThread::Poll() {
  state_->context.restart();
  return state_->context.poll();
}

void IoThread::Stop() { state_->context.stop(); }

void IoThread::Post(std::function<void()> work) { asio::post(state_->context, std::move(work)); }

void IoThread::Spawn(Task<void> task) { asio::co_spawn(state_->context.get_executor(), std::move(task), asio::detached); }

void IoThread::Enroll(Deadline& deadline) {
  assert(deadline.previous_ == nullptr && deadline.next_ == nullptr && state_->first != &deadline);
  deadline.next_ = state_->first;
  if (deadline.next_ != nullptr) deadline.next_->previous_ = &deadline;
  state_->first = &deadline;
  if (!state_->sweeping) StartSweeping();
}

void IoThread::Withdraw(Deadline& deadline) {
  if (state_->sweep_next == &deadline) state_->sweep_next = deadline.next_;
  if (deadline.previous_ != nullptr) deadline.previous_->next_ = deadline.next_;
  if (deadline.next_ != nullptr) deadline.next_->previous_ = deadline.previous_;
  if (state_->first == &deadline) state_->first = deadline.next_;
  deadline.previous_ = deadline.next_ = nullptr;
}

void IoThread::StartSweeping() {
  state_->sweeping = true;
  state_->sweep_timer.expires_after(kSweepEvery);
  state_->sweep_timer.async_wait([this](boost::system::error_code error) {
    if (!error) Sweep();
  });
}

void IoThread::Sweep() {
  const SteadyTime time = now();
  for (Deadline* deadline = state_->first; deadline != nullptr; deadline = state_->sweep_next) {
    state_->sweep_next = deadline->next_;
    if (deadline->time_ > time) continue;
    deadline->time_ = SteadyTime::max();
    deadline->Expire();
  }
  state_->sweep_next = nullptr;
  state_->sweeping = false;
  if (state_->first != nullptr) StartSweeping();
}

SteadyTime IoThread::now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);  // The same time line as std::chrono::steady_clock.
  return SteadyTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

std::string_view IoThread::http_date() const {
  timespec time{};
  clock_gettime(CLOCK_REALTIME_COARSE, &time);
  if (time.tv_sec != state_->date_second) {
    state_->date_second = time.tv_sec;
    FormatHttpDate(time.tv_sec, state_->date);
  }
  return std::string_view(state_->date.data(), 29);
}

// SplitMix64 (Steele, Lea and Flood, 2014).
std::uint64_t IoThread::Random() {
  std::uint64_t z = state_->random += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

asio::io_context& IoThread::context() { return state_->context; }

struct Signal::State final : Deadline, Waiter, std::enable_shared_from_this<Signal::State> {
  explicit State(IoThread& io) : thread(io), home(&io) {}

  void Expire() override { Resume(false); }
  void Drop() override { TakeHandler(); }  // Destroys it, and the coroutine with it.

  void Suspend(SteadyTime limit, std::move_only_function<void(bool)> resume) {
    assert(!handler && "one waiter at a time");
    handler = std::move(resume);
    next = thread.state_->waiters;
    if (next != nullptr) next->previous = this;
    thread.state_->waiters = this;
    limited = limit != SteadyTime::max();
    if (!limited) return;
    ExpireAt(limit);
    thread.Enroll(*this);
  }

  std::move_only_function<void(bool)> TakeHandler() {
    if (limited) thread.Withdraw(*this);
    limited = false;
    Waiter* after = Waiter::next;
    if (previous != nullptr) previous->next = after;
    if (after != nullptr) after->previous = previous;
    if (thread.state_->waiters == this) thread.state_->waiters = after;
    previous = Waiter::next = nullptr;
    return std::exchange(handler, nullptr);
  }

  // Through the queue: whoever notifies is not to find the waiter's code running inside its own.
  void Resume(bool told) {
    asio::post(thread.context(), [resume = TakeHandler(), told]() mutable { resume(told); });
  }

  void Notify() {
    if (handler) {
      Resume(true);
    } else {
      notified = true;
    }
  }

  void NotifyFromAnyThread() EXCLUDES(mutex) {
    base::MutexLock lock(mutex);
    if (home == nullptr || posted) return;
    posted = true;
    home->Post([self = shared_from_this()] {
      {
        base::MutexLock relock(self->mutex);
        self->posted = false;
        if (self->home == nullptr) return;
      }
      self->Notify();
    });
  }

  using Waiter::next;
  using Waiter::previous;
  IoThread& thread;  // The fields below, up to the mutex, are its own.
  bool notified = false;
  bool limited = false;
  std::move_only_function<void(bool)> handler;
  base::Mutex mutex;
  IoThread* home GUARDED_BY(mutex);  // Null once the Signal is gone.
  bool posted GUARDED_BY(mutex) = false;
};

Signal::Signal(IoThread& home) : state_(std::make_shared<State>(home)) {}

Signal::~Signal() {
  if (state_->handler) state_->TakeHandler();
  base::MutexLock lock(state_->mutex);
  state_->home = nullptr;
}

Task<bool> Signal::Wait(SteadyTime limit) {
  if (std::exchange(state_->notified, false)) co_return true;
  if (limit != SteadyTime::max() && limit <= state_->thread.now()) co_return false;
  auto initiate = [state = state_.get(), limit](auto handler) { state->Suspend(limit, std::move(handler)); };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(bool)>(initiate, kAwait);
}

std::function<void()> Signal::Notifier() {
  return [state = state_] { state->NotifyFromAnyThread(); };
}

void Signal::Notify() { state_->Notify(); }

Task<bool> RunOnPool(IoThread& io, base::WorkerPool& pool, std::function<void()> work) {
  Signal done(io);
  std::function<void()> job = [work = std::move(work), notify = done.Notifier()] {
    work();
    notify();
  };
  if (!pool.Submit(std::move(job))) co_return false;
  co_await done.Wait();
  co_return true;
}

Task<void> Sleep(IoThread& io, std::chrono::milliseconds duration) {
  Timer timer(io.context());
  timer.expires_after(duration);
  co_await timer.async_wait(kAwait);
}

}  // namespace reflex::http
