#include "store/write_queue.h"

#include <algorithm>
#include <utility>

namespace reflex::store {
namespace {

// What an operation costs beside its entry: the queue's place and the pending table's node.
constexpr std::uint64_t kOpBytes = 256;
constexpr std::chrono::seconds kRoomLimit{10};

}  // namespace

WriteQueue::WriteQueue(const Limits& limits) : limits_(limits) {}

std::uint64_t WriteQueue::Bytes(const WriteOp& op) { return kOpBytes + (op.entry != nullptr ? op.entry->MemoryBytes() : 0); }

bool WriteQueue::Reserve(std::uint64_t bytes) {
  const bool bytes_fit = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limits_.bytes;
  const bool count_fits = count_.fetch_add(1, std::memory_order_relaxed) + 1 <= limits_.entries;
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
  Shard& shard = ShardOf(op.key);
  base::MutexLock lock(shard.mutex);
  PendingOp& pending = shard.ops[op.key];
  if (op.order > pending.order) pending = {op.entry, op.order};
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

std::optional<EntryPtr> WriteQueue::Pending(const Digest& key) const {
  const Shard& shard = ShardOf(key);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.ops.find(key);
  if (found == shard.ops.end()) return std::nullopt;
  return found->second.entry;
}

std::vector<EntryPtr> WriteQueue::PendingEntries() const {
  std::vector<EntryPtr> entries;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    for (const auto& [key, op] : shard.ops) {
      if (op.entry != nullptr) entries.push_back(op.entry);
    }
  }
  return entries;
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
    if (stopping_ && queue_.empty()) return false;
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

void WriteQueue::Release(const std::vector<WriteOp>& ops) {
  std::uint64_t bytes = 0;
  for (const WriteOp& op : ops) {
    bytes += Bytes(op);
    if (op.kind != WriteOp::Kind::kPut && op.kind != WriteOp::Kind::kErase) continue;
    Shard& shard = ShardOf(op.key);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.ops.find(op.key);
    if (found != shard.ops.end() && found->second.order == op.order) shard.ops.erase(found);
  }
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  count_.fetch_sub(ops.size(), std::memory_order_relaxed);
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

void WriteQueue::Stop() {
  base::MutexLock lock(mutex_);
  stopping_ = true;
  work_.NotifyAll();
}

}  // namespace reflex::store
