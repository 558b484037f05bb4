#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::redis {

// One change that waits for the server.
struct Change {
  enum class Kind : std::uint8_t {
    kPut,
    kErase,
    kVector,
    kGiveBack,  // A lease, which is no entry: look-ups do not see it.
  };

  Kind kind = Kind::kPut;
  Digest key;
  EntryPtr entry = nullptr;  // kPut.
  std::string vector = {};   // kVector.
  std::string token = {};    // kGiveBack.
  std::uint64_t stamp = 0;   // kPut: the generation known when it was put.
  std::uint64_t order = 0;   // Filled in by the queue.
  std::chrono::steady_clock::time_point queued = {};

  std::uint64_t Bytes() const;
};

// What waits for the server, bounded, and what look-ups must see of it: an entry that was put here is found here at once, an erased
// one is not. Thread-safe. One thread takes.
class WriteQueue {
 public:
  struct Bounds {
    std::uint64_t bytes = 16ull << 20;
    std::uint64_t entries = 10'000;
  };
  explicit WriteQueue(const Bounds& bounds) : bounds_(bounds) {}

  // Returns: kFull.
  Result<void> Add(Change change);

  // Put or erased and not yet in the server; entry null: erased.
  struct Pending {
    EntryPtr entry;
    std::uint64_t stamp = 0;
  };
  std::optional<Pending> Find(const Digest& key) const;
  // The lowest key with this label that was put and waits.
  std::optional<Pending> FindLabel(std::uint64_t label) const;
  // What waits in this scope, and all keys that wait, whose members in the server may be out of date.
  struct PendingScope {
    std::vector<Pending> entries;
    std::vector<Digest> changed;
  };
  PendingScope FindScope(const Digest& scope) const;
  std::vector<std::pair<Digest, Pending>> All() const;
  bool empty() const;
  std::uint64_t bytes() const;

  // ---- For the writer.
  // Waits up to `limit` for changes, then `linger` for more unless someone waits in Flush; gives at most `count`, oldest first, no
  // key twice, but for leases. They stay visible until Done. Empty when stopped or nothing came.
  std::vector<Change> Take(std::size_t count, std::chrono::milliseconds limit, std::chrono::milliseconds linger);
  void Done(const std::vector<Change>& changes);
  // Waits so long, or until Stop.
  void Pause(std::chrono::milliseconds limit);

  // Waits until all that was added before is Done. Returns: kTimeout.
  Result<void> Flush(std::chrono::milliseconds limit);
  void Stop();
  bool stopped() const;

 private:
  struct Seen {
    Pending pending;
    std::uint64_t order = 0;
  };

  const Bounds bounds_;
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  std::deque<Change> waiting_ GUARDED_BY(mutex_);
  std::unordered_map<Digest, Seen, DigestHash> seen_ GUARDED_BY(mutex_);
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t added_ GUARDED_BY(mutex_) = 0;
  std::uint64_t done_ GUARDED_BY(mutex_) = 0;
  int flushing_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace reflex::redis
