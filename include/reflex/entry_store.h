#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {

/// Counters and sizes of a store; counters grow from the start of the process.
struct StoreStats {
  std::uint64_t entries = 0;
  std::uint64_t used_bytes = 0;  ///< Bytes counted against the limit.
  std::uint64_t limit_bytes = 0;
  std::uint64_t file_bytes = 0;  ///< Size of the file on disk; 0 where there is none.
  std::uint64_t puts = 0;
  std::uint64_t puts_dropped = 0;  ///< Not stored: queue full, map full, disk full, value too large.
  std::uint64_t commits = 0;
  std::uint64_t evictions = 0;
  std::uint64_t expirations = 0;
  std::uint64_t corrupt_values = 0;  ///< Values whose checksum was wrong: each was a miss.
  std::uint64_t write_errors = 0;
  std::uint64_t queue_bytes = 0;  ///< Waiting for the writer.
};

/// What a store is able to do right now, for /ready. `degraded` is empty when all is well, else one sentence.
struct StoreHealth {
  std::string degraded;
};

/// Entries by exact key, durable or not. Safe for concurrent use from any number of threads; synchronous.
///
/// A reader sees either a whole entry or none: a damaged one is a miss (counted). Expired entries may still be returned until
/// they are collected; the caller compares expires_ms with its clock.
class EntryStore {
 public:
  /// Returns true to have the entry erased.
  using Condemn = std::function<bool(const Entry& entry_without_reply)>;

  virtual ~EntryStore() = default;

  /// The entry with this key, or null. Returns: kIo, kUnavailable.
  virtual Result<EntryPtr> Find(const Digest& key) = 0;

  /// True where Find is quick enough to call on an I/O thread (memory, or a file that fits the page cache).
  virtual bool FindsInPlace() const = 0;

  /// Stores or replaces the entry. Durable at the next commit, not at return; visible to Find at once.
  /// Returns: kFull (queue, limit or disk; counted, nothing stored), kTooLarge, kUnavailable.
  virtual Result<void> Put(EntryPtr entry) = 0;

  /// Removes the entry if it exists; no Find that starts after the return yields it.
  virtual Result<void> Erase(const Digest& key) = 0;

  /// Removes every entry; no Find that starts after the return yields one stored before the call. Space is reclaimed behind.
  virtual Result<void> Clear() = 0;

  /// Removes all entries `condemn` asks for, in slices beside other work. Blocks until done. Returns how many.
  virtual Result<std::uint64_t> EraseIf(const Condemn& condemn) = 0;

  /// Commits what is queued, waiting at most `limit`. Returns: kTimeout, kIo, kFull.
  virtual Result<void> Flush(std::chrono::milliseconds limit) = 0;

  virtual StoreStats Stats() const = 0;
  virtual StoreHealth Health() const = 0;
};

}  // namespace reflex
