#include "gateway/on_pool.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "base/mutex.h"

namespace reflex::gateway {
namespace {

class Lease {
 public:
  // False when the lender is gone.
  bool Begin() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (state_ != State::kQueued) return false;
    state_ = State::kRunning;
    return true;
  }
  void Finish() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    state_ = State::kOver;
    finished_.NotifyAll();
  }
  void TakeBack() EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    while (state_ == State::kRunning) finished_.Wait(mutex_);
    state_ = State::kOver;
  }

 private:
  enum class State : std::uint8_t { kQueued, kRunning, kOver };
  base::Mutex mutex_;
  base::CondVar finished_;
  State state_ GUARDED_BY(mutex_) = State::kQueued;
};

struct Lender {
  std::shared_ptr<Lease> lease = std::make_shared<Lease>();
  ~Lender() { lease->TakeBack(); }
};

}  // namespace

http::Task<bool> RunBorrowing(http::IoThread& io, base::WorkerPool& pool, std::function<void()> work) {
  const Lender lender;
  std::function<void()> leased = [lease = lender.lease, work = std::move(work)] {
    if (!lease->Begin()) return;
    work();
    lease->Finish();
  };
  co_return co_await http::RunOnPool(io, pool, std::move(leased));
}

}  // namespace reflex::gateway
