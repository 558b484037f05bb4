#pragma once

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reflex/entry_store.h"
#include "reflex/memory_store.h"

namespace reflex::fakes {

// A store in memory that fails when it is told to. Thread-safe, as any store.
class FaultyStore : public EntryStore {
 public:
  FaultyStore() {
    auto made = store::MemoryStore::Create({});
    if (!made) std::abort();
    inner_ = std::move(*made);
  }

  // Everything fails: reads and erasures with kIo, puts with kFull.
  std::atomic<bool> broken{false};
  // Erase, EraseIf, Clear and Purge fail with kIo.
  std::atomic<bool> refuses_to_erase{false};
  void Degrade(std::string why) {
    const std::lock_guard lock(mutex_);
    degraded_ = std::move(why);
  }

  Result<EntryPtr> Find(const Digest& key) override {
    if (broken) return ReadError();
    return inner_->Find(key);
  }
  bool FindsInPlace() const override { return true; }
  Result<void> Put(EntryPtr entry) override {
    if (broken) return PutError();
    return inner_->Put(std::move(entry));
  }
  Result<void> Erase(const Digest& key) override {
    if (Refuses()) return ReadError();
    return inner_->Erase(key);
  }
  Result<void> Clear() override {
    if (Refuses()) return ReadError();
    return inner_->Clear();
  }
  Result<std::uint64_t> EraseIf(const Condemn& condemn) override {
    if (Refuses()) return ReadError();
    return inner_->EraseIf(condemn);
  }
  Result<void> Flush(std::chrono::milliseconds limit) override { return inner_->Flush(limit); }
  Result<std::vector<ScopeMember>> FindScope(const Digest& scope, std::size_t limit) override {
    if (broken) return ReadError();
    return inner_->FindScope(scope, limit);
  }
  Result<std::vector<Digest>> FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) override {
    if (broken) return ReadError();
    return inner_->FindCanonical(scope, canonical, limit);
  }
  Result<EntryPtr> FindHead(const Digest& key) override {
    if (broken) return ReadError();
    return inner_->FindHead(key);
  }
  Result<EntryPtr> FindHeadByLabel(std::uint64_t label) override {
    if (broken) return ReadError();
    return inner_->FindHeadByLabel(label);
  }
  Result<void> PutVector(const Digest& key, std::string bytes) override {
    if (broken) return PutError();
    return inner_->PutVector(key, std::move(bytes));
  }
  Result<std::string> FindVector(const Digest& key) override {
    if (broken) return ReadError();
    return inner_->FindVector(key);
  }
  bool ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) override {
    return !broken && inner_->ReadVectorByLabel(label, read);
  }
  Result<void> VisitScopes(const VisitMember& visit) override {
    if (broken) return ReadError();
    return inner_->VisitScopes(visit);
  }
  void SetOnRemoved(OnRemoved on_removed) override { inner_->SetOnRemoved(std::move(on_removed)); }
  Result<void> Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) override {
    if (Refuses()) return ReadError();
    return inner_->Purge(rule, std::move(removed));
  }
  Result<std::uint64_t> CountPurge(const PurgeRule& rule) override {
    if (broken) return ReadError();
    return inner_->CountPurge(rule);
  }
  Result<void> PutNote(std::string_view key, std::string value) override {
    if (broken) return PutError();
    return inner_->PutNote(key, std::move(value));
  }
  Result<std::string> FindNote(std::string_view key) override {
    if (broken) return ReadError();
    return inner_->FindNote(key);
  }
  Result<void> EraseNote(std::string_view key) override {
    if (broken) return ReadError();
    return inner_->EraseNote(key);
  }
  Result<void> VisitNotes(std::string_view prefix, const VisitNote& visit) override {
    if (broken) return ReadError();
    return inner_->VisitNotes(prefix, visit);
  }
  StoreStats Stats() const override { return inner_->Stats(); }
  StoreHealth Health() const override {
    const std::lock_guard lock(mutex_);
    return {.degraded = degraded_};
  }

 private:
  static std::unexpected<Error> ReadError() { return Fail(ErrorCode::kIo, "the disk refuses"); }
  static std::unexpected<Error> PutError() { return Fail(ErrorCode::kFull, "the disk refuses"); }
  bool Refuses() const { return broken || refuses_to_erase; }

  std::unique_ptr<store::MemoryStore> inner_;
  mutable std::mutex mutex_;
  std::string degraded_;
};

}  // namespace reflex::fakes
