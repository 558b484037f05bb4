#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  bool opening = false;  ///< Its file is still being read or checked: what it holds is not known yet.
};

/// One entry of a scope.
struct ScopeMember {
  Digest key;
  Digest canonical;

  friend bool operator==(const ScopeMember&, const ScopeMember&) = default;
};

/// What a purge is to remove: entries that were complete at `before_ms` or earlier and meet every condition given.
struct PurgeRule {
  std::int64_t before_ms = 0;  ///< Wall clock; now, or earlier for a purge by age.
  std::optional<std::string> model;
  std::optional<std::string> name_space;
  std::optional<std::string> tag;

  /// True where the entry is to go. Needs created_ms, model, name_space and tags only.
  bool Matches(const Entry& entry) const;
  friend bool operator==(const PurgeRule&, const PurgeRule&) = default;
};

/// What a shared store says of copies of its entries that others keep in memory.
struct StoreNotice {
  enum class Kind : std::uint8_t {
    kEntry,  ///< An entry with this label was stored, replaced or removed, here or elsewhere: a copy may be stale.
    kAll,    ///< All copies may be stale. Also ends kBlind.
    kBlind,  ///< From now on changes elsewhere are not noticed: no copy may be used until kAll.
    kPurge,  ///< Some were purged, here or elsewhere: all copies may be stale, and what was asked for before must not be stored.
  };
  Kind kind = Kind::kAll;
  std::uint64_t label = 0;  ///< kEntry.
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

  /// As Find for each key, in order, in one round trip where the store is remote; at most 1,024 keys. Returns: kIo, kUnavailable,
  /// kTimeout, kInvalidArgument (too many keys).
  static constexpr std::size_t kKeysMax = 1'024;
  virtual Result<std::vector<EntryPtr>> FindMany(std::span<const Digest> keys);
  /// As FindHead for each key; the same bounds and errors.
  virtual Result<std::vector<EntryPtr>> FindHeads(std::span<const Digest> keys);
  /// How many keys one FindMany is best given while more threads than one could ask: kKeysMax where a call is a round trip, 1 where
  /// each key blocks its thread on a disk. 1 to kKeysMax; constant.
  virtual std::size_t KeysAtOnce() const { return 1; }
  /// True where other processes change the store too, so that copies of its entries may become stale. Constant.
  virtual bool IsShared() const { return false; }

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

  // ---- Scopes: which entries may be compared at all. Entries with an all-zero scope are in none. Find, FindHead and
  // FindHeadByLabel obey erasures and purges at once; the look-ups that give keys or vectors obey erasures and Clear, not purges,
  // and a member may go while it is looked at. So a member is a candidate: what FindHead or Find has for it decides.

  /// At most `limit` members of a scope, those with the lowest canonical digests first (so no order a caller may rely on);
  /// committed and pending ones alike. Returns: kIo, kUnavailable.
  virtual Result<std::vector<ScopeMember>> FindScope(const Digest& scope, std::size_t limit) = 0;
  /// The same, but only members with this canonical digest.
  virtual Result<std::vector<Digest>> FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) = 0;
  /// The entry without reply and layout, or null. Its bytes are not checked against the checksum: whoever serves it uses Find.
  virtual Result<EntryPtr> FindHead(const Digest& key) = 0;
  /// The same by label; of several keys with one label, the lowest.
  virtual Result<EntryPtr> FindHeadByLabel(std::uint64_t label) = 0;

  /// Keeps bytes of a vector beside an entry, replacing older ones; they go when the entry goes. At most 256 KiB. Queued like Put.
  /// Nothing is kept where there is no such entry; an entry put again with the same scope and canonical digest keeps its vector.
  /// Found from the next commit on. Returns as Put.
  virtual Result<void> PutVector(const Digest& key, std::string bytes) = 0;
  /// The bytes, or an empty string. Returns: kIo, kUnavailable.
  virtual Result<std::string> FindVector(const Digest& key) = 0;
  /// As FindVector for each key, in order, in one round trip where the store is remote; at most kKeysMax keys. Returns also:
  /// kTimeout, kInvalidArgument (too many keys).
  virtual Result<std::vector<std::string>> FindVectors(std::span<const Digest> keys);
  /// Hands the bytes kept under a label to `read` without copying them; false when there are none.
  virtual bool ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) = 0;
  /// The same for many labels, in as few round trips as there may be; `read` is not called where there are none. At most kKeysMax.
  using ReadVector = std::function<void(std::uint64_t label, std::string_view bytes)>;
  virtual void ReadVectorsByLabel(std::span<const std::uint64_t> labels, const ReadVector& read);

  /// Calls `visit` for every member of every scope, scopes together, in slices beside other work, until it returns false.
  /// Committed ones only. Blocks. Returns: kIo, kUnavailable (also while a file is still being checked: none of it has been seen).
  using VisitMember = std::function<bool(const Digest& scope, const ScopeMember& member)>;
  virtual Result<void> VisitScopes(const VisitMember& visit) = 0;

  /// Called for each entry with a scope that is gone: erased, evicted, expired, purged, replaced by one of another scope. On the
  /// store's own thread or a caller's; must be quick and must not call the store. Set once, before the first use. A queueing store
  /// calls after the commit, and not at all for an entry that is back in the same scope by then.
  using OnRemoved = std::function<void(const Digest& scope, const Digest& key)>;
  virtual void SetOnRemoved(OnRemoved on_removed) = 0;

  /// Called when entries change behind the caller's back, by a store that several processes share; other stores never call. From
  /// the store's own thread; must be quick and must not call the store. Set once, before the first use.
  using OnNotice = std::function<void(const StoreNotice& notice)>;
  virtual void SetOnNotice(OnNotice on_notice);

  /// Removes what was put before the call and meets the rule. Obeyed by Find, FindHead and FindHeadByLabel from the return on, also
  /// after a restart once it was committed; the space comes back behind. `removed`, if given, is called once with the number of
  /// entries that went, from any thread, perhaps before the return; never after an error, nor when the store is destroyed first.
  /// Returns: kFull (more than 1,000 rules at work), kUnavailable, kIo.
  virtual Result<void> Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) = 0;
  /// How many entries the rule would remove now. Blocks. Returns: kIo, kUnavailable.
  virtual Result<std::uint64_t> CountPurge(const PurgeRule& rule) = 0;

  // ---- Notes: small facts that outlive the process, such as pairs that must never match again. Key 1 to 128 bytes, value at most
  // 4 KiB, at most 200,000 of them. Queued like Put; seen by FindNote at once.

  /// Returns: kFull, kTooLarge, kInvalidArgument, kUnavailable.
  virtual Result<void> PutNote(std::string_view key, std::string value) = 0;
  /// The value; kNotFound when there is none. Returns also: kIo, kUnavailable.
  virtual Result<std::string> FindNote(std::string_view key) = 0;
  virtual Result<void> EraseNote(std::string_view key) = 0;
  /// Calls `visit` for every note whose key begins with `prefix`, in order of key, until it returns false.
  using VisitNote = std::function<bool(std::string_view key, std::string_view value)>;
  virtual Result<void> VisitNotes(std::string_view prefix, const VisitNote& visit) = 0;

  virtual StoreStats Stats() const = 0;
  virtual StoreHealth Health() const = 0;

 protected:
  /// kInvalidArgument for more than kKeysMax keys.
  static Result<void> CheckKeys(std::size_t count);
};

}  // namespace reflex
