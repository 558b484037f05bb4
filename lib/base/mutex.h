#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// Clang's thread-safety annotations, empty elsewhere. The tidy preset builds with -Wthread-safety -Werror.
#if defined(__clang__)
#define REFLEX_ANNOTATION(x) __attribute__((x))
#else
#define REFLEX_ANNOTATION(x)
#endif
#define GUARDED_BY(x) REFLEX_ANNOTATION(guarded_by(x))
#define REQUIRES(...) REFLEX_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) REFLEX_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) REFLEX_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) REFLEX_ANNOTATION(release_capability(__VA_ARGS__))
#define CAPABILITY(x) REFLEX_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY REFLEX_ANNOTATION(scoped_lockable)

namespace reflex::base {

// std::mutex that clang's analysis understands.
class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// A condition variable for Mutex. Wait may return early: callers loop on their condition.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // Returns false when `limit` passed without a notification.
  template <class Rep, class Period>
  bool WaitFor(Mutex& mutex, std::chrono::duration<Rep, Period> limit) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool notified = condition_.wait_for(lock, limit) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace reflex::base
