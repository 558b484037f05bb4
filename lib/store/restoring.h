#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/snapshot.h"
#include "reflex/types.h"
#include "store/environment.h"

namespace reflex::store {

// What callers take away while a snapshot is loaded: it must not come back with the snapshot. Thread-safe; costs a load where no
// snapshot is being loaded.
class Restoring {
 public:
  // False when one is at work already.
  bool Begin();
  void End();
  // Before the queue is told.
  void Erased(const Digest& key);
  void Purged(const PurgeRule& rule);
  // Everything, or what nobody can tell from an entry's key: the load then fails with these words.
  void Spoil(std::string reason);

  // The file to swap in waits here for the store's thread.
  struct Taken {
    std::unordered_set<Digest, DigestHash> erased;
    std::vector<PurgeRule> purged;
  };
  // Returns: kCancelled with what spoiled the load; kFull when more was erased than is remembered.
  Result<Taken> Take();

 private:
  std::atomic<bool> active_{false};
  base::Mutex mutex_;
  bool busy_ GUARDED_BY(mutex_) = false;
  bool overflown_ GUARDED_BY(mutex_) = false;
  Taken taken_ GUARDED_BY(mutex_);
  std::string spoiled_ GUARDED_BY(mutex_);
};

// Puts the built file in the place of the store's: synced, renamed, folder synced. Until it returns, whoever opens the folder finds
// the old file whole; from then on the new one. Returns: kIo, kFull.
Result<void> PutInPlace(const std::filesystem::path& folder, Environment& built, bool sync_commits);

}  // namespace reflex::store
