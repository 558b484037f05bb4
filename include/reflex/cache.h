#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {

/// Bounds of the memory tier. Both hold at once; an entry larger than a shard's share of `bytes` stays out of memory.
struct MemoryOptions {
  std::uint64_t bytes = 64ull << 20;
  std::uint64_t entries = 10'000;
  /// Power of two; one lock each. Fewer are used when the bounds are small.
  std::uint32_t shards = 16;
  /// How old a copy of a shared store's entry may become (EntryStore::IsShared) before the store is asked again, whatever it told
  /// meanwhile; 0: memory holds none, and every look-up asks the store. Without meaning for other stores.
  std::chrono::milliseconds shared_ttl{60'000};
};

struct CacheStats {
  std::uint64_t memory_entries = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_evictions = 0;
  std::uint64_t memory_hits = 0;
  std::uint64_t store_hits = 0;
  std::uint64_t store_failures = 0;  ///< Calls for look-ups that the store failed: each was a miss for all its keys.
  StoreStats store;
};

/// The cache's tiers as one. Thread-safe. Never blocks on anything but the store's own disk; a store that fails is a miss.
///
/// Use: FindInMemory; when null and has_store(), FindInStore (on a worker thread unless StoreFindsInPlace()); when null,
/// ask the provider, remembering `epoch()` from before the call; then Insert with that epoch.
class Cache {
 public:
  /// `store` may be null (memory only). `clock` and `logger` outlive the cache.
  static Result<std::unique_ptr<Cache>> Create(const MemoryOptions& options, std::unique_ptr<EntryStore> store, Clock& clock,
                                               Logger& logger);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /// The entry or null, under one shard's lock. May have expired: compare expires_ms.
  EntryPtr FindInMemory(const Digest& key);

  bool has_store() const;
  /// The store, or null. The cache owns it.
  EntryStore* store();
  bool StoreFindsInPlace() const;

  /// Looks in the store and keeps what it finds in memory. Null on a miss or a store failure (counted, and logged once a second).
  EntryPtr FindInStore(const Digest& key);
  /// The same for many keys in one call of the store: what was found, in the order of the keys, null for a miss. At most
  /// EntryStore::kKeysMax keys. Returns the store's error (also counted and logged): a miss for every key.
  Result<std::vector<EntryPtr>> FindManyInStore(std::span<const Digest> keys);

  /// Grows with every purge or erase. An answer asked for before a purge must not be stored after it.
  std::uint64_t epoch() const;

  /// Memory at once, store through its queue. Returns false, storing nothing, if a purge happened since `epoch`.
  /// A store that is full or broken still leaves the entry in memory and is counted there.
  bool Insert(EntryPtr entry, std::uint64_t epoch);

  /// Removes one entry everywhere. Returns: kIo, kUnavailable from the store (memory is already clean).
  Result<void> Erase(const Digest& key);
  /// Removes everything, everywhere.
  Result<void> Clear();
  /// Removes what the rule names: memory at once, the store by a rule that look-ups obey at once. `removed` is called once, from
  /// any thread, with how many the store (or, without one, memory) lost.
  Result<void> Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed);
  /// Removes what `condemn` asks for, in memory and in the store. Returns how many the store (or, without one, memory) lost.
  Result<std::uint64_t> EraseIf(const EntryStore::Condemn& condemn);

  /// Commits what the store has queued.
  Result<void> Flush(std::chrono::milliseconds limit);

  CacheStats Stats() const;
  StoreHealth Health() const;

 private:
  struct Parts;
  explicit Cache(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace reflex
