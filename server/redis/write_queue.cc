#include "redis/write_queue.h"

#include <unordered_set>
#include <utility>

namespace reflex::redis {
namespace {

// A change's place in the queue and the table.
constexpr std::uint64_t kPlaceBytes = 256;

}  // namespace

std::uint64_t Change::Bytes() const {
  return kPlaceBytes + vector.size() + token.size() + (entry != nullptr ? entry->MemoryBytes() : 0);
}

Result<void> WriteQueue::Add(Change change) {
  const base::MutexLock lock(mutex_);
  const std::uint64_t size = change.Bytes();
  if (added_ - done_ >= bounds_.entries || bytes_ + size > bounds_.bytes) {
    return Fail(ErrorCode::kFull, "too much waits for the shared store");
  }
  change.order = ++added_;
  change.queued = std::chrono::steady_clock::now();
  bytes_ += size;
  if (change.kind == Change::Kind::kPut || change.kind == Change::Kind::kErase)
    seen_[change.key] = {{change.entry, change.stamp}, change.order};
  waiting_.push_back(std::move(change));
  changed_.NotifyAll();
  return {};
}

std::optional<WriteQueue::Pending> WriteQueue::Find(const Digest& key) const {
  const base::MutexLock lock(mutex_);
  const auto found = seen_.find(key);
  if (found == seen_.end()) return std::nullopt;
  return found->second.pending;
}

std::optional<WriteQueue::Pending> WriteQueue::FindLabel(std::uint64_t label) const {
  const base::MutexLock lock(mutex_);
  std::optional<Pending> lowest;
  for (const auto& [key, seen] : seen_) {
    if (seen.pending.entry == nullptr || LabelOf(key) != label) continue;
    if (!lowest || key < lowest->entry->key) lowest = seen.pending;
  }
  return lowest;
}

WriteQueue::PendingScope WriteQueue::FindScope(const Digest& scope) const {
  PendingScope found;
  const base::MutexLock lock(mutex_);
  for (const auto& [key, seen] : seen_) {
    found.changed.push_back(key);
    if (seen.pending.entry != nullptr && seen.pending.entry->scope == scope) found.entries.push_back(seen.pending);
  }
  return found;
}

std::vector<std::pair<Digest, WriteQueue::Pending>> WriteQueue::All() const {
  std::vector<std::pair<Digest, Pending>> all;
  const base::MutexLock lock(mutex_);
  for (const auto& [key, seen] : seen_) all.emplace_back(key, seen.pending);
  return all;
}

bool WriteQueue::empty() const {
  const base::MutexLock lock(mutex_);
  return added_ == done_;
}

std::uint64_t WriteQueue::bytes() const {
  const base::MutexLock lock(mutex_);
  return bytes_;
}

std::vector<Change> WriteQueue::Take(std::size_t count, std::chrono::milliseconds limit, std::chrono::milliseconds linger) {
  const base::MutexLock lock(mutex_);
  const auto wait_until = [&](std::chrono::milliseconds how_long, const auto& enough) REQUIRES(mutex_) {
    const auto end = std::chrono::steady_clock::now() + how_long;
    while (!stopped_ && !enough()) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= end) break;
      (void)changed_.WaitFor(mutex_, end - now);
    }
  };
  wait_until(limit, [&]() REQUIRES(mutex_) { return !waiting_.empty(); });
  if (waiting_.empty()) return {};
  wait_until(linger, [&]() REQUIRES(mutex_) { return waiting_.size() >= count || flushing_ > 0; });
  std::vector<Change> taken;
  std::unordered_set<Digest, DigestHash> keys;
  const auto may_join = [&](const Change& change) {
    return change.kind == Change::Kind::kGiveBack || keys.insert(change.key).second;
  };
  while (!waiting_.empty() && taken.size() < count && may_join(waiting_.front())) {
    taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return taken;
}

void WriteQueue::Done(const std::vector<Change>& changes) {
  const base::MutexLock lock(mutex_);
  for (const Change& change : changes) {
    bytes_ -= change.Bytes();
    ++done_;
    const auto seen = seen_.find(change.key);
    if (seen != seen_.end() && seen->second.order == change.order) seen_.erase(seen);
  }
  changed_.NotifyAll();
}

void WriteQueue::Pause(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const base::MutexLock lock(mutex_);
  for (auto now = std::chrono::steady_clock::now(); !stopped_ && now < end; now = std::chrono::steady_clock::now()) {
    (void)changed_.WaitFor(mutex_, end - now);
  }
}

Result<void> WriteQueue::Flush(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  const base::MutexLock lock(mutex_);
  const std::uint64_t until = added_;
  ++flushing_;
  changed_.NotifyAll();
  bool late = false;
  while (done_ < until && !late) {
    const auto now = std::chrono::steady_clock::now();
    late = now >= end || stopped_;
    if (!late) (void)changed_.WaitFor(mutex_, end - now);
  }
  --flushing_;
  if (late) return Fail(ErrorCode::kTimeout, "the shared store did not take all that waits in time");
  return {};
}

void WriteQueue::Stop() {
  const base::MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

bool WriteQueue::stopped() const {
  const base::MutexLock lock(mutex_);
  return stopped_;
}

}  // namespace reflex::redis
