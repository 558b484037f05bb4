#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::store {

// One thing for the writer to do.
struct WriteOp {
  enum class Kind { kPut, kErase, kEraseSame, kClear, kVector, kNote, kEraseNote, kPurge };
  Kind kind = Kind::kPut;
  Digest key;
  EntryPtr entry;                 // kPut.
  std::uint64_t entry_bytes = 0;  // Its MemoryBytes(), counted once.
  std::uint64_t checksum = 0;     // kEraseSame: only the stored entry with this checksum.
  std::uint64_t rule = 0;         // kPurge: its id in the RuleBook.
  std::string name;               // kNote, kEraseNote: the note's key.
  std::string bytes;              // kVector, kNote: what is kept.
  std::uint64_t clears = 0;       // kPut: Clears asked for before it. kClear: its own number.
  std::uint64_t order = 0;        // Grows; of two operations on one key the higher one wins.
};

// What waits for the writer, in order, and what readers must see of it already.
//
// Operation: each call queues an operation. Put and Erase also enter the pending table, where Find looks before it looks into the
// file; a Put with a scope the table of pending members; notes a table of their own. The writer's turn is (Wait Take (Finish |
// Fail | GiveUp))*. An operation leaves the pending table and its bytes leave the bound only in these three, when the file shows it
// or never will. Concurrency: thread-safe; Wait, Take and the three are the writer's. One lock is held at a time. Limitations: a
// full queue refuses a Put at once; an Erase waits for room, since it must not be lost.
class WriteQueue {
 public:
  struct Limits {
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    bool eager = false;  // The writer is to begin at once, not after its interval.
  };
  explicit WriteQueue(const Limits& limits);

  // Returns: kFull.
  Result<void> Put(EntryPtr entry, std::uint64_t clears);
  // Returns: kTimeout when the writer made no room within 10 s.
  Result<void> Erase(const Digest& key);
  // For what readers need not see at once. Returns: kTimeout, as Erase.
  Result<void> EraseSame(const Digest& key, std::uint64_t checksum);
  // The same, doing nothing where the queue is full: for an entry found damaged, which the next Find finds again.
  void EraseDamaged(const Digest& key, std::uint64_t checksum);
  // Forgets what entries are pending and queues the Clear with this number.
  void Clear(std::uint64_t number);
  // Returns: kFull.
  Result<void> PutVector(const Digest& key, std::string bytes);
  Result<void> PutNote(std::string_view key, std::string value);
  // Returns: kTimeout, as Erase.
  Result<void> EraseNote(std::string_view key);
  // The place of a purge among the operations, and the purge itself; never refused, RuleBook bounds them.
  std::uint64_t NextOrder() { return next_order_.fetch_add(1, std::memory_order_relaxed); }
  void Purge(std::uint64_t rule, std::uint64_t order);

  // What is pending for a key: nothing; or an entry; or null for an erasure.
  struct PendingOp {
    EntryPtr entry;
    std::uint64_t order = 0;
  };
  std::optional<PendingOp> Pending(const Digest& key) const;
  // The same for all keys with this label, in order of key.
  std::vector<std::pair<Digest, PendingOp>> PendingByLabel(std::uint64_t label) const;
  // Members of a scope that are pending, at most `limit`, those with the lowest canonical digests first; with `canonical`, only
  // that one's.
  std::vector<ScopeMember> PendingMembers(const Digest& scope, const Digest* canonical, std::size_t limit) const;
  // Whether any entry or erasure is pending at all: if not, readers need not ask for each key.
  bool AnyPending() const { return count_.load(std::memory_order_acquire) != 0; }

  // What is pending for a note: nothing; or a value; or an erasure (its value is empty).
  std::optional<std::optional<std::string>> PendingNote(std::string_view key) const;
  std::map<std::string, std::optional<std::string>> PendingNotes(std::string_view prefix) const;
  std::uint64_t pending_notes() const;
  std::vector<EntryPtr> PendingEntries() const;

  // Has the writer begin now, and waits until it has done what was queued before. Returns: kTimeout, or what made it fail.
  Result<void> Flush(std::chrono::milliseconds limit);

  // Returns when there is something to commit (the first waits since `interval`, half of a bound is used, a Flush or Stop was
  // asked for), or after `idle`. False once stopped and empty,
  // or interrupted.
  bool Wait(std::chrono::milliseconds interval, std::chrono::milliseconds idle);
  // The oldest operations, about `bytes_max` of them.
  std::vector<WriteOp> Take(std::uint64_t bytes_max);
  // True when a later Put or Erase of the key made this Put pointless. Never so for an erasure: that Put may be given up.
  bool Superseded(const WriteOp& op) const;
  // These are done.
  void Finish(const std::vector<WriteOp>& ops);
  // The same, and waiting Flushes get the error.
  void Fail(const std::vector<WriteOp>& ops, const Error& error);
  // Wakes waiting Flushes with the error; no operation is done.
  void Fail(const Error& error) { Fail({}, error); }
  // Fail for a commit that is to be tried again with `kept` alone: erasures among them that a Put given up hid are in force again,
  // without a moment in which readers see the file.
  void GiveUp(const std::vector<WriteOp>& given_up, const std::vector<WriteOp>& kept, const Error& error);
  void Stop();
  // Has Wait return false, with operations queued or not, until Resume.
  void Interrupt();
  void Resume();
  bool interrupted();

  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Sorts members as FindScope gives them. A row whose order is not the pending table's was replaced or erased since.
  struct MemberRow {
    Digest canonical, key;
    std::uint64_t order = 0;
    friend auto operator<=>(const MemberRow&, const MemberRow&) = default;
  };
  struct PendingNoteOp {
    std::optional<std::string> value;
    std::uint64_t order = 0;
  };
  struct alignas(64) ScopeShard {
    mutable base::Mutex mutex;
    std::unordered_map<Digest, std::set<MemberRow>, DigestHash> scopes GUARDED_BY(mutex);
  };
  struct alignas(64) Shard {
    mutable base::Mutex mutex;
    std::unordered_map<Digest, PendingOp, DigestHash> ops GUARDED_BY(mutex);
  };

  static std::uint64_t Bytes(const WriteOp& op);
  // By a byte of the label, so that keys with one label share a shard.
  Shard& ShardOf(const Digest& key) { return shards_[key.bytes[7] % shards_.size()]; }
  const Shard& ShardOf(const Digest& key) const { return shards_[key.bytes[7] % shards_.size()]; }
  ScopeShard& ScopeShardOf(const Digest& scope) { return scope_shards_[scope.bytes[31] % scope_shards_.size()]; }
  const ScopeShard& ScopeShardOf(const Digest& scope) const { return scope_shards_[scope.bytes[31] % scope_shards_.size()]; }
  bool Reserve(std::uint64_t bytes);
  Result<void> WaitForRoom(std::uint64_t bytes);
  void SetPending(const WriteOp& op);
  void SetPendingNote(const WriteOp& op);
  // The row is that of an erasure again where its present operation is one of `given_up`.
  void ShowErased(const WriteOp& op, const std::unordered_set<std::uint64_t>& given_up);
  void ShowNoteErased(const WriteOp& op, const std::unordered_set<std::uint64_t>& given_up);
  void ReleasePending(const WriteOp& op);
  void Push(WriteOp op);
  void Release(const std::vector<WriteOp>& ops);
  bool Due() const REQUIRES(mutex_);

  const Limits limits_;
  std::array<Shard, 16> shards_;
  std::array<ScopeShard, 16> scope_shards_;
  mutable base::Mutex notes_mutex_;
  std::map<std::string, PendingNoteOp, std::less<>> notes_ GUARDED_BY(notes_mutex_);
  std::atomic<std::uint64_t> next_order_{1};
  // Of everything not yet finished; bounds, and the count says whether anything is pending.
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> count_{0};

  base::Mutex mutex_;
  base::CondVar work_;
  base::CondVar done_;
  std::deque<WriteOp> queue_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point oldest_ GUARDED_BY(mutex_);
  std::uint64_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t pushed_ GUARDED_BY(mutex_) = 0;
  std::uint64_t finished_ GUARDED_BY(mutex_) = 0;
  std::uint64_t failures_ GUARDED_BY(mutex_) = 0;
  Error last_error_ GUARDED_BY(mutex_);
  std::uint64_t flush_to_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool interrupted_ GUARDED_BY(mutex_) = false;
};

}  // namespace reflex::store
