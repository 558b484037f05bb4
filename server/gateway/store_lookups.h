#pragma once

#include <cstdint>
#include <memory>

#include "base/worker_pool.h"
#include "http/io_thread.h"
#include "http/task.h"
#include "reflex/cache.h"
#include "reflex/types.h"

namespace reflex::gateway {

// Look-ups in a store that would hold up an I/O thread. They wait in one queue; a few runners on the worker pool each take what a
// call of the store is best given (EntryStore::KeysAtOnce), so that a store on another machine is asked for all that waits in one
// round trip, and one on a disk by as many threads as there are.
//
// Concurrency: Find on I/O threads; the coroutine may be destroyed while it waits. The destructor waits for runners at work and
// leaves who still waits without an answer: destroy it when no request runs any more. `cache` and `pool` outlive it, as does each
// I/O thread.
class StoreLookups {
 public:
  // As many look-ups wait as tasks may wait for the pool.
  StoreLookups(Cache& cache, base::WorkerPool& pool);
  ~StoreLookups();
  StoreLookups(const StoreLookups&) = delete;
  StoreLookups& operator=(const StoreLookups&) = delete;

  enum class End : std::uint8_t {
    kLooked,
    kBusy,    // Too many wait, or the pool is full: the store was not asked.
    kFailed,  // The store failed; who waited behind such a call is not made to wait again.
  };
  struct Answer {
    EntryPtr entry = nullptr;  // Null: a miss.
    End end = End::kLooked;
  };
  // Thread: io.
  http::Task<Answer> Find(http::IoThread& io, Digest key);

 private:
  struct Waiter;
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace reflex::gateway
