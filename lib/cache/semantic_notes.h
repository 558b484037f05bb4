#pragma once

#include <chrono>
#include <string>

#include "base/pace.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::cache {

// Two questions of a scope, by the digests of their canonical texts; in either order the same pair.
struct QuestionPair {
  Digest scope;
  Digest one;
  Digest other;
};

// Pairs of questions whose answers must never serve each other: notes of the store, "semantic/blocked/" and the pair's digest, with
// the key of the entry that was served. Thread-safe as the store is.
class BlockedPairs {
 public:
  // How often at most blocks of entries that are gone are looked for.
  static constexpr std::chrono::minutes kForgetEvery{1};

  // Both outlive the object.
  BlockedPairs(EntryStore& store, Clock& clock) : store_(store), clock_(clock) {}

  // Where the store takes no more notes, blocks of entries that are gone make room first.
  // Returns: as EntryStore::PutNote.
  Result<void> Block(const QuestionPair& pair, const Digest& entry);
  // True also when the store cannot say: a pair that may be blocked is not served.
  bool Has(const QuestionPair& pair) const;

 private:
  static std::string Key(const QuestionPair& pair);
  Result<void> ForgetGone();

  EntryStore& store_;
  Clock& clock_;
  base::Pace forget_pace_{kForgetEvery};
};

}  // namespace reflex::cache
