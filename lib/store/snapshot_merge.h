#pragma once

#include <cstdint>
#include <functional>
#include <unordered_set>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"
#include "store/counters.h"
#include "store/environment.h"
#include "store/read_marks.h"
#include "store/rules.h"

namespace reflex::store {

class Batch;  // store/batch.h

// What happened to a store while a snapshot was built into the file that is to replace its own: brought over so that it wins.
// The target is nobody else's yet. Not thread-safe.
class Merge {
 public:
  struct Parts {
    Environment& from;
    Environment& to;
    const Visibility& visibility;
    StoreCounters& counters;
    ReadMarks& marks;
    int zstd_level = 0;
  };
  explicit Merge(const Parts& parts) : parts_(parts) {}

  // Entries of `from` with ids of at least `first_id`, with their vectors; those that `rules` hide stay behind. Returns the id to
  // go on from: what `from` gets later has it or a higher one. Returns: kIo, kFull, kCorrupt.
  Result<std::uint64_t> Entries(std::uint64_t first_id, const RuleBook::View& rules);
  // Keys that were erased: they go, unless `from` has them anew.
  Result<void> Erasures(const std::unordered_set<Digest, DigestHash>& erased, const RuleBook::View& rules);
  // All notes of `from`, over those of the same key.
  Result<void> Notes();
  std::uint64_t kept() const { return kept_; }

 private:
  // One transaction of `to`; `fill` returns LMDB's code, and anything but 0 leaves it undone.
  Result<void> Write(const std::function<int(Batch& batch)>& fill);

  Parts parts_;
  std::uint64_t kept_ = 0;
};

// The id that the next entry stored there gets, or a lower one that nothing has. Returns: kIo.
Result<std::uint64_t> NextIdOf(Environment& environment);

// Calls `gone` for each entry with a scope of `before` that `now` does not have.
Result<void> TellGone(Environment& before, Environment& now, const EntryStore::OnRemoved& gone);

}  // namespace reflex::store
