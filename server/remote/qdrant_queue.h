#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "reflex/entry_store.h"
#include "remote/qdrant_wire.h"

namespace reflex::remote::qdrant {

// Writes that wait for Qdrant, in order, bounded. Thread-safe, but one batch is taken at a time.
//
// Order of calls of whoever writes, as a pattern: (Take (Done | Back))*
class WriteQueue {
 public:
  using Write = std::variant<Point, PointName, PurgeRule>;
  // Writes of one kind, at least one unless the queue was empty.
  using Batch = std::vector<Write>;

  WriteQueue(std::size_t writes_max, std::uint64_t bytes_max) : writes_max_(writes_max), bytes_max_(bytes_max) {}

  // False, keeping nothing, when it is full; the scope of a lost point is remembered.
  bool Push(Write write) EXCLUDES(mutex_);
  // The first writes that are of one kind, at most `points_max` of them; one purge alone.
  Batch Take(std::size_t points_max) EXCLUDES(mutex_);
  // The batch is written, or `lost`: refused for good.
  void Done(Batch batch, bool lost) EXCLUDES(mutex_);
  // The batch is to be tried again, before all others.
  void Back(Batch batch) EXCLUDES(mutex_);

  // True, once, for a scope of which a point was lost.
  bool TakeLost(const Digest& scope) EXCLUDES(mutex_);

  std::size_t size() const EXCLUDES(mutex_);  // A batch that is being written included.
  std::uint64_t bytes() const EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kLostMax = 65'536;
  void Lose(const Write& write) REQUIRES(mutex_);

  const std::size_t writes_max_;
  const std::uint64_t bytes_max_;
  mutable base::Mutex mutex_;
  std::deque<Write> writes_ GUARDED_BY(mutex_);
  std::size_t taken_ GUARDED_BY(mutex_) = 0;
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::unordered_set<Digest, DigestHash> lost_ GUARDED_BY(mutex_);
};

}  // namespace reflex::remote::qdrant
