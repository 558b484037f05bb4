#include "gateway/store_lookups.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace reflex::gateway {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Round trips at a time to a store that takes many keys in one.
constexpr std::size_t kRoundTripsMax = 4;
// A call that takes longer waits for its store, which may as well be asked for what has come since. One that does not is soon back
// and takes that with it: on loopback, where a call of 30 keys takes 150 us, one runner with larger calls serves twice as many
// requests as two that wake each other (bench/shared.py rate).
constexpr std::chrono::microseconds kQuickCall{500};

}  // namespace

struct StoreLookups::Waiter {
  Waiter(const Digest& key_to_find, http::IoThread& io, http::Signal& found) : key(key_to_find), home(io), signal(&found) {}

  const Digest key;
  http::IoThread& home;
  http::Signal* signal;  // Thread: home. Null once nobody waits.
  Answer answer;         // The runner's until it hands the waiter back.
};

struct StoreLookups::State : std::enable_shared_from_this<State> {
  using Waiters = std::vector<std::shared_ptr<Waiter>>;

  State(Cache& found_in, base::WorkerPool& run_on)
      : cache(found_in),
        pool(run_on),
        keys_at_once(std::clamp<std::size_t>(cache.store() != nullptr ? cache.store()->KeysAtOnce() : 1, 1, EntryStore::kKeysMax)),
        runners_max(keys_at_once > 1 ? std::min(pool.threads(), kRoundTripsMax) : pool.threads()) {}

  bool Add(std::shared_ptr<Waiter> waiter) EXCLUDES(mutex);
  void Run() EXCLUDES(mutex);
  void Stop() EXCLUDES(mutex);

  bool PassOn() EXCLUDES(mutex);
  bool NeedsRunner() const REQUIRES(mutex);
  Waiters Take(std::size_t count) REQUIRES(mutex);
  bool Submit() {
    return pool.Submit([self = shared_from_this()] { self->Run(); });
  }
  void GiveUpRunner() EXCLUDES(mutex);
  void Look(Waiters waiters) EXCLUDES(mutex);
  static void GiveBack(Waiters waiters, End end);

  Cache& cache;
  base::WorkerPool& pool;
  const std::size_t keys_at_once;
  const std::size_t runners_max;

  base::Mutex mutex;
  base::CondVar ended;
  std::deque<std::shared_ptr<Waiter>> waiting GUARDED_BY(mutex);
  std::size_t coming GUARDED_BY(mutex) = 0;              // Runners that have not begun.
  std::size_t working GUARDED_BY(mutex) = 0;             // And that have.
  SteadyClock::time_point call_began GUARDED_BY(mutex);  // The last one.
  bool stopped GUARDED_BY(mutex) = false;
};

// False, keeping nothing, when too many wait.
bool StoreLookups::State::Add(std::shared_ptr<Waiter> waiter) {
  {
    const base::MutexLock lock(mutex);
    if (stopped || waiting.size() >= pool.queue_limit()) return false;
    waiting.push_back(std::move(waiter));
    if (!NeedsRunner()) return true;
    ++coming;
  }
  if (!Submit()) GiveUpRunner();
  return true;
}

bool StoreLookups::State::NeedsRunner() const {
  // A runner takes all it can when it begins: one that is on its way is enough for so many.
  if (coming + working >= runners_max || waiting.size() <= coming * keys_at_once) return false;
  return keys_at_once == 1 || working == 0 || SteadyClock::now() - call_began > kQuickCall;
}

// The pool is full. Others may have come meanwhile to wait for the runner that is not to be.
void StoreLookups::State::GiveUpRunner() {
  Waiters left;
  {
    const base::MutexLock lock(mutex);
    --coming;
    if (coming + working == 0) left = Take(waiting.size());
  }
  GiveBack(std::move(left), End::kBusy);
}

StoreLookups::State::Waiters StoreLookups::State::Take(std::size_t count) {
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(count, waiting.size()));
  Waiters taken(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
  waiting.erase(waiting.begin(), end);
  return taken;
}

// Goes on until nothing waits. Other work of the pool has its turn after each call of the store.
void StoreLookups::State::Run() {
  {
    const base::MutexLock lock(mutex);
    --coming;
    if (stopped) return;
    ++working;
  }
  while (true) {
    Waiters taken;
    {
      const base::MutexLock lock(mutex);
      if (!stopped) taken = Take(keys_at_once);
      call_began = SteadyClock::now();
      if (taken.empty()) {
        --working;
        ended.NotifyAll();
        return;
      }
    }
    Look(std::move(taken));
    if (pool.QueueLength() > 0 && PassOn()) return;
  }
}

// Goes to the end of the pool's queue; false when it is full.
bool StoreLookups::State::PassOn() {
  {
    const base::MutexLock lock(mutex);
    if (stopped || waiting.empty()) return false;
    ++coming;
  }
  const bool submitted = Submit();
  const base::MutexLock lock(mutex);
  if (!submitted) {
    --coming;
    return false;
  }
  --working;
  ended.NotifyAll();
  return true;
}

void StoreLookups::State::Look(Waiters waiters) {
  std::vector<Digest> keys;
  keys.reserve(waiters.size());
  for (const auto& waiter : waiters) keys.push_back(waiter->key);
  auto found = cache.FindManyInStore(keys);
  if (found) {
    for (std::size_t i = 0; i < waiters.size(); ++i) waiters[i]->answer.entry = std::move((*found)[i]);
    return GiveBack(std::move(waiters), End::kLooked);
  }
  if (keys_at_once > 1) {
    const base::MutexLock lock(mutex);
    Waiters behind = Take(waiting.size());
    waiters.insert(waiters.end(), std::make_move_iterator(behind.begin()), std::make_move_iterator(behind.end()));
  }
  GiveBack(std::move(waiters), End::kFailed);
}

// All of one thread by one hand-over: each wakes the thread.
void StoreLookups::State::GiveBack(Waiters waiters, End end) {
  for (const auto& waiter : waiters) waiter->answer.end = end;
  std::vector<std::pair<http::IoThread*, Waiters>> threads;
  for (auto& waiter : waiters) {
    auto own = std::ranges::find(threads, &waiter->home, &std::pair<http::IoThread*, Waiters>::first);
    if (own == threads.end()) own = threads.insert(own, {&waiter->home, {}});
    own->second.push_back(std::move(waiter));
  }
  for (auto& [home, own] : threads) {
    home->Post([found = std::move(own)] {
      for (const auto& waiter : found) {
        if (waiter->signal != nullptr) waiter->signal->Notify();
      }
    });
  }
}

void StoreLookups::State::Stop() {
  const base::MutexLock lock(mutex);
  stopped = true;
  while (working > 0) ended.Wait(mutex);
  waiting.clear();
}

StoreLookups::StoreLookups(Cache& cache, base::WorkerPool& pool) : state_(std::make_shared<State>(cache, pool)) {}

StoreLookups::~StoreLookups() { state_->Stop(); }

http::Task<StoreLookups::Answer> StoreLookups::Find(http::IoThread& io, Digest key) {
  http::Signal found(io);
  const auto waiter = std::make_shared<Waiter>(key, io, found);
  const struct Leaving {
    Waiter& waiter;
    ~Leaving() { waiter.signal = nullptr; }
  } leaving{*waiter};
  if (!state_->Add(waiter)) co_return Answer{nullptr, End::kBusy};
  static_cast<void>(co_await found.Wait());
  co_return std::move(waiter->answer);
}

}  // namespace reflex::gateway
