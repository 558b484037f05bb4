#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/worker_pool.h"
#include "http/task.h"

namespace reflex::http {

using SteadyTime = std::chrono::steady_clock::time_point;

// Something with a time limit on one I/O thread. Limits are swept, not timed: Expire is called up to a sweep (200 ms) late, from
// the thread itself. Cheap enough to move at every read: no system call, no heap.
class Deadline {
 public:
  virtual void Expire() = 0;

  // SteadyTime::max() for none. Thread: the I/O thread it is enrolled with.
  void ExpireAt(SteadyTime time) { time_ = time; }
  SteadyTime time() const { return time_; }

 protected:
  Deadline() = default;
  ~Deadline() = default;

 private:
  friend class IoThread;
  SteadyTime time_ = SteadyTime::max();
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
};

// One I/O thread: an io_context that runs on it alone, and what belongs to the thread. Thread: its own, except where noted.
// Coroutines that still wait when it is destroyed are destroyed with it: what their locals refer to outlives the IoThread, or they
// were ended before (Server and Client end theirs).
class IoThread {
 public:
  IoThread();
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Runs until Stop; called once, on the thread that is to be this one.
  void Run();
  // From any thread.
  void Stop();
  // From any thread: true from the start of Run to its return.
  bool running() const;
  // Runs what is ready, without waiting; returns how much that was. Only while Run is not running: for endings.
  std::size_t Poll();
  // From any thread: runs `work` on this one, soon.
  void Post(std::function<void()> work);
  // Starts a coroutine that nobody waits for. It must not throw.
  void Spawn(Task<void> task);

  void Enroll(Deadline& deadline);
  void Withdraw(Deadline& deadline);

  // The time as of the kernel's last tick, up to 4 ms old and without a system call; for deadlines, not for measuring.
  SteadyTime now() const;
  // "Wed, 25 Nov 2026 18:33:20 GMT", at most one second old (RFC 9110 section 5.6.7). Valid until the next call.
  std::string_view http_date() const;

  // The thread's own random numbers: unique identifiers, not secrets. Seeded from the system.
  std::uint64_t Random();

  boost::asio::io_context& context();

 private:
  friend class Signal;
  struct State;
  void StartSweeping();
  void Sweep();
  std::unique_ptr<State> state_;
};

// Something one coroutine waits for and any thread may report. One waiter at a time; a report with no waiter is kept for the next,
// several are kept as one. Not destroyed while another coroutine waits for it; its IoThread outlives it.
class Signal {
 public:
  explicit Signal(IoThread& home);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Thread: home. True when notified, false when `limit` passed first (up to a sweep late, as a Deadline).
  Task<bool> Wait(SteadyTime limit = SteadyTime::max());
  // A handle that may outlive the Signal and be called from any thread; a late call does nothing.
  std::function<void()> Notifier();
  // Thread: home.
  void Notify();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Runs `work` on the pool and resumes on `io` when it is done. False, running nothing, when the pool is full. If the coroutine is
// destroyed meanwhile, `work` still runs: it owns what it uses.
Task<bool> RunOnPool(IoThread& io, base::WorkerPool& pool, std::function<void()> work);

// Returns after `duration`.
Task<void> Sleep(IoThread& io, std::chrono::milliseconds duration);

}  // namespace reflex::http
