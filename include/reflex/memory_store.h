#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::store {

/// Bounds of a MemoryStore. Both hold at once.
struct MemoryStoreOptions {
  /// Entries, vectors and notes together; at least 64 KiB. A single entry may take an eighth of it, all notes a quarter.
  std::uint64_t limit_bytes = 64ull << 20;
  /// At least 1.
  std::uint64_t entries = 100'000;
};

/// A small EntryStore in memory, for tests, trials and programs that want scopes and notes without a file. Nothing survives it.
///
/// Operation: everything is done before a call returns; Flush has nothing to do. At its bounds the oldest entry goes. Expired
/// entries go when room is needed or when they are put again. A purge happens within its call, `removed` is called before it
/// returns.
/// Concurrency: all functions from any thread, one lock. OnRemoved and the functions handed to Visit..., ReadVectorByLabel and
/// EraseIf are called on the caller's thread with no lock held, but for EraseIf's.
/// Limitations: the lock makes it a store for thousands of look-ups a second on many cores, not for millions.
class MemoryStore final : public EntryStore {
 public:
  /// Returns: kInvalidArgument for a bound out of range.
  static Result<std::unique_ptr<MemoryStore>> Create(const MemoryStoreOptions& options);
  ~MemoryStore() override;

  Result<EntryPtr> Find(const Digest& key) override;
  bool FindsInPlace() const override { return true; }
  Result<void> Put(EntryPtr entry) override;
  Result<void> Erase(const Digest& key) override;
  Result<void> Clear() override;
  Result<std::uint64_t> EraseIf(const Condemn& condemn) override;
  Result<void> Flush(std::chrono::milliseconds) override { return {}; }
  Result<std::vector<ScopeMember>> FindScope(const Digest& scope, std::size_t limit) override;
  Result<std::vector<Digest>> FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) override;
  Result<EntryPtr> FindHead(const Digest& key) override;
  Result<EntryPtr> FindHeadByLabel(std::uint64_t label) override;
  Result<void> PutVector(const Digest& key, std::string bytes) override;
  Result<std::string> FindVector(const Digest& key) override;
  bool ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) override;
  Result<void> VisitScopes(const VisitMember& visit) override;
  void SetOnRemoved(OnRemoved on_removed) override;
  Result<void> Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) override;
  Result<std::uint64_t> CountPurge(const PurgeRule& rule) override;
  Result<void> PutNote(std::string_view key, std::string value) override;
  Result<std::string> FindNote(std::string_view key) override;
  Result<void> EraseNote(std::string_view key) override;
  Result<void> VisitNotes(std::string_view prefix, const VisitNote& visit) override;
  StoreStats Stats() const override;
  StoreHealth Health() const override { return {}; }

 private:
  struct Parts;
  explicit MemoryStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace reflex::store
