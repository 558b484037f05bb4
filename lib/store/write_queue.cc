#include "store/write_queue.h"

#include <algorithm>
#include <utility>

#include "store/limits.h"

namespace reflex::store {
namespace {

// What an operation costs beside its entry: the queue's place and the pending table's node.
constexpr std::uint64_t kOpBytes = 256;
constexpr std::chrono::seconds kRoomLimit{10};

}  // namespace

WriteQueue::WriteQueue(const Limits& limits) : limits_(limits) {}

std::uint64_t WriteQueue::Bytes(const WriteOp& op) { return kOpBytes + op.entry_bytes + op.name.size() + op.bytes.size(); }

bool WriteQueue::Reserve(std::uint64_t bytes) {
  const bool bytes_fit = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limits_.bytes;
  const bool count_fits = count_.fetch_add(1, std::memory_order_acq_rel) + 1 <= limits_.entries;
  if (bytes_fit && count_fits) return true;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  count_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

Result<void> WriteQueue::WaitForRoom(std::uint64_t bytes) {
  const auto deadline = std::chrono::steady_clock::now() + kRoomLimit;
  while (!Reserve(bytes)) {
    base::MutexLock lock(mutex_);
    flush_to_ = pushed_;
    work_.NotifyOne();
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero())
      return ::reflex::Fail(ErrorCode::kTimeout, "the store's writer is behind: nothing could be erased in 10 s");
    // Bounded because room may have come between the check and the wait.
    done_.WaitFor(mutex_, std::chrono::milliseconds(20));
  }
  return {};
}

void WriteQueue::SetPending(const WriteOp& op) {
  if (op.entry != nullptr && HasScope(*op.entry)) {
    ScopeShard& members = ScopeShardOf(op.entry->scope);
    base::MutexLock lock(members.mutex);
    members.scopes[op.entry->scope].insert({op.entry->canonical, op.key, op.order});
  }
  Shard& shard = ShardOf(op.key);
  base::MutexLock lock(shard.mutex);
  PendingOp& pending = shard.ops[op.key];
  if (op.order > pending.order) pending = {op.entry, op.order};
}

void WriteQueue::SetPendingNote(const WriteOp& op) {
  base::MutexLock lock(notes_mutex_);
  PendingNoteOp& pending = notes_[op.name];
  if (op.order < pending.order) return;
  pending.order = op.order;
  pending.value = op.kind == WriteOp::Kind::kNote ? std::optional(op.bytes) : std::nullopt;
}

void WriteQueue::Push(WriteOp op) {
  base::MutexLock lock(mutex_);
  if (queue_.empty()) oldest_ = std::chrono::steady_clock::now();
  queued_bytes_ += Bytes(op);
  queue_.push_back(std::move(op));
  ++pushed_;
  // The writer sleeps for the interval from the first operation on; only the first and an early end need to wake it.
  if (queue_.size() == 1 || Due()) work_.NotifyOne();
}

Result<void> WriteQueue::Put(EntryPtr entry, std::uint64_t clears) {
  WriteOp op;
  op.key = entry->key;
  op.entry = std::move(entry);
  op.entry_bytes = op.entry->MemoryBytes();
  op.clears = clears;
  if (!Reserve(Bytes(op))) return ::reflex::Fail(ErrorCode::kFull, "the store's queue is full");
  op.order = next_order_.fetch_add(1, std::memory_order_relaxed);
  SetPending(op);
  Push(std::move(op));
  return {};
}

Result<void> WriteQueue::Erase(const Digest& key) {
  REFLEX_CHECK(WaitForRoom(kOpBytes));
  WriteOp op;
  op.kind = WriteOp::Kind::kErase;
  op.key = key;
  op.order = next_order_.fetch_add(1, std::memory_order_relaxed);
  SetPending(op);
  Push(std::move(op));
  return {};
}

Result<void> WriteQueue::EraseSame(const Digest& key, std::uint64_t checksum) {
  REFLEX_CHECK(WaitForRoom(kOpBytes));
  WriteOp op;
  op.kind = WriteOp::Kind::kEraseSame;
  op.key = key;
  op.checksum = checksum;
  Push(std::move(op));
  return {};
}

void WriteQueue::EraseDamaged(const Digest& key, std::uint64_t checksum) {
  if (!Reserve(kOpBytes)) return;
  WriteOp op;
  op.kind = WriteOp::Kind::kEraseSame;
  op.key = key;
  op.checksum = checksum;
  Push(std::move(op));
}

void WriteQueue::Clear(std::uint64_t number) {
  for (Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    shard.ops.clear();
  }
  WriteOp op;
  op.kind = WriteOp::Kind::kClear;
  op.clears = number;
  bytes_.fetch_add(kOpBytes, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  Push(std::move(op));
}

Result<void> WriteQueue::PutVector(const Digest& key, std::string bytes) {
  WriteOp op;
  op.kind = WriteOp::Kind::kVector;
  op.key = key;
  op.bytes = std::move(bytes);
  if (!Reserve(Bytes(op))) return ::reflex::Fail(ErrorCode::kFull, "the store's queue is full");
  Push(std::move(op));
  return {};
}

Result<void> WriteQueue::PutNote(std::string_view key, std::string value) {
  WriteOp op;
  op.kind = WriteOp::Kind::kNote;
  op.name = key;
  op.bytes = std::move(value);
  if (!Reserve(Bytes(op))) return ::reflex::Fail(ErrorCode::kFull, "the store's queue is full");
  op.order = NextOrder();
  SetPendingNote(op);
  Push(std::move(op));
  return {};
}

Result<void> WriteQueue::EraseNote(std::string_view key) {
  WriteOp op;
  op.kind = WriteOp::Kind::kEraseNote;
  op.name = key;
  REFLEX_CHECK(WaitForRoom(Bytes(op)));
  op.order = NextOrder();
  SetPendingNote(op);
  Push(std::move(op));
  return {};
}

void WriteQueue::Purge(std::uint64_t rule, std::uint64_t order) {
  WriteOp op;
  op.kind = WriteOp::Kind::kPurge;
  op.rule = rule;
  op.order = order;
  bytes_.fetch_add(kOpBytes, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_acq_rel);
  Push(std::move(op));
}

std::optional<WriteQueue::PendingOp> WriteQueue::Pending(const Digest& key) const {
  const Shard& shard = ShardOf(key);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.ops.find(key);
  if (found == shard.ops.end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<Digest, WriteQueue::PendingOp>> WriteQueue::PendingByLabel(std::uint64_t label) const {
  std::vector<std::pair<Digest, PendingOp>> found;
  Digest probe;
  for (std::size_t i = 0; i < 8; ++i) probe.bytes[i] = static_cast<std::uint8_t>(label >> (56 - 8 * i));
  const Shard& shard = ShardOf(probe);
  base::MutexLock lock(shard.mutex);
  if (shard.ops.empty()) return found;
  // The table's hash is the label in the machine's order of bytes, so all keys of a label lie in one bucket.
  const std::size_t bucket = shard.ops.bucket(probe);
  for (auto at = shard.ops.begin(bucket); at != shard.ops.end(bucket); ++at) {
    if (LabelOf(at->first) == label) found.emplace_back(*at);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return found;
}

std::vector<ScopeMember> WriteQueue::PendingMembers(const Digest& scope, const Digest* canonical, std::size_t limit) const {
  std::vector<ScopeMember> members;
  const ScopeShard& shard = ScopeShardOf(scope);
  MemberRow from{canonical != nullptr ? *canonical : Digest{}, {}, 0};
  for (bool last = false; !last && members.size() < limit;) {
    // A slice under the lock of the scopes, then each judged under its key's: one lock at a time.
    std::vector<MemberRow> slice;
    {
      base::MutexLock lock(shard.mutex);
      const auto found = shard.scopes.find(scope);
      if (found == shard.scopes.end()) break;
      for (auto row = found->second.lower_bound(from); slice.size() < limit; ++row) {
        last = row == found->second.end() || (canonical != nullptr && row->canonical != *canonical);
        if (last) break;
        slice.push_back(*row);
      }
    }
    for (const MemberRow& row : slice) {
      const auto pending = Pending(row.key);
      if (pending && pending->order == row.order && members.size() < limit) members.push_back({row.key, row.canonical});
    }
    if (slice.empty()) break;
    from = slice.back();
    ++from.order;
  }
  return members;
}

std::optional<std::optional<std::string>> WriteQueue::PendingNote(std::string_view key) const {
  base::MutexLock lock(notes_mutex_);
  const auto found = notes_.find(key);
  if (found == notes_.end()) return std::nullopt;
  return found->second.value;
}

std::map<std::string, std::optional<std::string>> WriteQueue::PendingNotes(std::string_view prefix) const {
  std::map<std::string, std::optional<std::string>> found;
  base::MutexLock lock(notes_mutex_);
  for (auto at = notes_.lower_bound(prefix); at != notes_.end() && at->first.starts_with(prefix); ++at) {
    found.emplace(at->first, at->second.value);
  }
  return found;
}

std::uint64_t WriteQueue::pending_notes() const {
  base::MutexLock lock(notes_mutex_);
  return notes_.size();
}

Result<void> WriteQueue::Flush(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  base::MutexLock lock(mutex_);
  const std::uint64_t target = pushed_;
  const std::uint64_t failures = failures_;
  flush_to_ = std::max(flush_to_, target);
  work_.NotifyOne();
  while (finished_ < target) {
    if (failures_ != failures) return std::unexpected(last_error_);
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return ::reflex::Fail(ErrorCode::kTimeout, "the store did not commit in time");
    done_.WaitFor(mutex_, left);
  }
  if (failures_ != failures) return std::unexpected(last_error_);
  return {};
}

bool WriteQueue::Due() const {
  if (stopping_ || limits_.eager || flush_to_ > finished_) return true;
  return queued_bytes_ >= limits_.bytes / 2 || queue_.size() >= limits_.entries / 2;
}

bool WriteQueue::Wait(std::chrono::milliseconds interval, std::chrono::milliseconds idle) {
  const auto idle_end = std::chrono::steady_clock::now() + idle;
  base::MutexLock lock(mutex_);
  for (;;) {
    if (interrupted_ || (stopping_ && queue_.empty())) return false;
    auto end = idle_end;
    if (!queue_.empty()) {
      if (Due()) return true;
      end = std::min(end, oldest_ + interval);
    }
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return true;
    work_.WaitFor(mutex_, left);
  }
}

std::vector<WriteOp> WriteQueue::Take(std::uint64_t bytes_max) {
  std::vector<WriteOp> ops;
  std::uint64_t bytes = 0;
  base::MutexLock lock(mutex_);
  while (!queue_.empty() && bytes < bytes_max) {
    const std::uint64_t size = Bytes(queue_.front());
    bytes += size;
    queued_bytes_ -= size;
    ops.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return ops;
}

bool WriteQueue::Superseded(const WriteOp& op) const {
  const Shard& shard = ShardOf(op.key);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.ops.find(op.key);
  return found != shard.ops.end() && found->second.order > op.order;
}

void WriteQueue::ReleasePending(const WriteOp& op) {
  if (op.kind == WriteOp::Kind::kNote || op.kind == WriteOp::Kind::kEraseNote) {
    base::MutexLock lock(notes_mutex_);
    const auto found = notes_.find(op.name);
    if (found != notes_.end() && found->second.order == op.order) notes_.erase(found);
    return;
  }
  if (op.kind != WriteOp::Kind::kPut && op.kind != WriteOp::Kind::kErase) return;
  {
    Shard& shard = ShardOf(op.key);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.ops.find(op.key);
    if (found != shard.ops.end() && found->second.order == op.order) shard.ops.erase(found);
  }
  if (op.entry == nullptr || !HasScope(*op.entry)) return;
  ScopeShard& members = ScopeShardOf(op.entry->scope);
  base::MutexLock lock(members.mutex);
  const auto found = members.scopes.find(op.entry->scope);
  if (found == members.scopes.end()) return;
  found->second.erase({op.entry->canonical, op.key, op.order});
  if (found->second.empty()) members.scopes.erase(found);
}

void WriteQueue::Release(const std::vector<WriteOp>& ops) {
  std::uint64_t bytes = 0;
  for (const WriteOp& op : ops) {
    bytes += Bytes(op);
    ReleasePending(op);
  }
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  count_.fetch_sub(ops.size(), std::memory_order_acq_rel);
}

void WriteQueue::Finish(const std::vector<WriteOp>& ops) {
  Release(ops);
  base::MutexLock lock(mutex_);
  finished_ += ops.size();
  done_.NotifyAll();
}

void WriteQueue::Fail(const std::vector<WriteOp>& ops, const Error& error) {
  Release(ops);
  base::MutexLock lock(mutex_);
  finished_ += ops.size();
  ++failures_;
  last_error_ = error;
  flush_to_ = finished_;
  done_.NotifyAll();
}

void WriteQueue::ShowErased(const WriteOp& op, const std::unordered_set<std::uint64_t>& given_up) {
  Shard& shard = ShardOf(op.key);
  base::MutexLock lock(shard.mutex);
  PendingOp& pending = shard.ops[op.key];
  if (op.order > pending.order || given_up.contains(pending.order)) pending = {nullptr, op.order};
}

void WriteQueue::ShowNoteErased(const WriteOp& op, const std::unordered_set<std::uint64_t>& given_up) {
  base::MutexLock lock(notes_mutex_);
  PendingNoteOp& pending = notes_[op.name];
  if (op.order > pending.order || given_up.contains(pending.order)) pending = {std::nullopt, op.order};
}

void WriteQueue::GiveUp(const std::vector<WriteOp>& given_up, const std::vector<WriteOp>& kept, const Error& error) {
  std::unordered_set<std::uint64_t> orders;
  for (const WriteOp& op : given_up) orders.insert(op.order);
  for (const WriteOp& op : kept) {
    if (op.kind == WriteOp::Kind::kErase) ShowErased(op, orders);
    if (op.kind == WriteOp::Kind::kEraseNote) ShowNoteErased(op, orders);
  }
  Fail(given_up, error);
}

void WriteQueue::Stop() {
  base::MutexLock lock(mutex_);
  stopping_ = true;
  work_.NotifyAll();
}

void WriteQueue::Interrupt() {
  base::MutexLock lock(mutex_);
  interrupted_ = true;
  work_.NotifyAll();
}

void WriteQueue::Resume() {
  base::MutexLock lock(mutex_);
  interrupted_ = false;
}

bool WriteQueue::interrupted() {
  base::MutexLock lock(mutex_);
  return interrupted_;
}

}  // namespace reflex::store
