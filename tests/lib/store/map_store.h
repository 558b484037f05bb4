#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "reflex/entry_store.h"

namespace reflex::store {

// The contract in its simplest form: the judge of the real stores, and a store for tests of what uses one.
class MapStore final : public EntryStore {
 public:
  Result<EntryPtr> Find(const Digest& key) override {
    const std::lock_guard lock(mutex_);
    if (broken) return Fail(ErrorCode::kIo, "broken on purpose");
    const auto found = entries_.find(key);
    return found == entries_.end() ? EntryPtr() : found->second;
  }
  bool FindsInPlace() const override { return true; }
  Result<void> Put(EntryPtr entry) override {
    const std::lock_guard lock(mutex_);
    if (broken) return Fail(ErrorCode::kFull, "broken on purpose");
    const Digest key = entry->key;
    entries_[key] = std::move(entry);
    ++puts_;
    return {};
  }
  Result<void> Erase(const Digest& key) override {
    const std::lock_guard lock(mutex_);
    if (broken) return Fail(ErrorCode::kIo, "broken on purpose");
    entries_.erase(key);
    return {};
  }
  Result<void> Clear() override {
    const std::lock_guard lock(mutex_);
    entries_.clear();
    return {};
  }
  Result<std::uint64_t> EraseIf(const Condemn& condemn) override {
    const std::lock_guard lock(mutex_);
    return std::erase_if(entries_, [&](const auto& item) {
      Entry head = *item.second;
      head.reply.clear();
      head.layout.clear();
      return condemn(head);
    });
  }
  Result<void> Flush(std::chrono::milliseconds) override { return {}; }
  StoreStats Stats() const override {
    const std::lock_guard lock(mutex_);
    StoreStats stats;
    stats.entries = entries_.size();
    stats.puts = puts_;
    return stats;
  }
  StoreHealth Health() const override { return {}; }

  std::atomic<bool> broken{false};

 private:
  mutable std::mutex mutex_;
  std::map<Digest, EntryPtr> entries_;
  std::uint64_t puts_ = 0;
};

}  // namespace reflex::store
