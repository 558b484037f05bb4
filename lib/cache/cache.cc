#include "reflex/cache.h"

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/pace.h"
#include "cache/memory_tier.h"

namespace reflex {
namespace {

constexpr std::chrono::seconds kFailureLoggedEvery{1};

}  // namespace

// How a purge and an Insert meet: Insert checks the epoch and stores while it holds the gate shared; a purge first moves the
// epoch on, holding the gate alone for that moment. So each Insert is either done before the purge begins to remove, or refused.
// Finding promotes from store to memory under the same rule. A purge moves the epoch twice, before and after it has cleaned the
// store, and cleans memory last: what a Find took from the store in between is either removed there or not promoted.
struct Cache::Parts {
  Parts(const MemoryOptions& options, std::unique_ptr<EntryStore> entry_store, Clock& time, Logger& log)
      : memory(options),
        clock(time),
        logger(log),
        copies(entry_store != nullptr && entry_store->IsShared()),
        copies_ttl_ns(std::chrono::nanoseconds(options.shared_ttl).count()),
        store(std::move(entry_store)) {}

  // What a shared store tells of changes elsewhere. A copy that was on its way into memory is caught by the count: who puts one
  // there reads the count before it asked the store and again afterwards.
  void Heed(const StoreNotice& notice) {
    if (notice.kind == StoreNotice::Kind::kEntry) {
      ChangesOf(notice.label).fetch_add(1, std::memory_order_acq_rel);
      memory.EraseLabel(notice.label);
      return;
    }
    if (notice.kind == StoreNotice::Kind::kBlind) blind.store(true, std::memory_order_release);
    for (auto& count : changes) count.fetch_add(1, std::memory_order_acq_rel);
    if (notice.kind == StoreNotice::Kind::kPurge) MoveEpoch();
    memory.Clear();
    if (notice.kind == StoreNotice::Kind::kAll) blind.store(false, std::memory_order_release);
  }
  std::atomic<std::uint64_t>& ChangesOf(std::uint64_t label) { return changes[label % changes.size()]; }

  void MoveEpoch() {
    const std::unique_lock lock(gate);
    epoch.fetch_add(1, std::memory_order_release);
  }

  // Memory's entries are copies of what others may change; with a time of 0 there are none.
  bool KeepsNoCopies() const { return copies && copies_ttl_ns == 0; }
  std::int64_t NowNs() const { return copies ? clock.SteadyNs() : 0; }
  std::int64_t ReadFrom(std::int64_t now_ns) const { return copies ? now_ns - copies_ttl_ns : cache::MemoryTier::kAnyAge; }

  // What a look-up has to know from before it asks the store.
  struct Asked {
    std::uint64_t epoch = 0;
    std::uint64_t changes = 0;  // Of the key's label.
    std::int64_t now_ns = 0;
  };
  // Of what the store gave: what is to be served. REQUIRES: the gate held shared, and the epoch still that of `asked`.
  EntryPtr Keep(EntryPtr found, const Asked& asked);
  void CountFailure(const Error& error);

  cache::MemoryTier memory;
  Clock& clock;
  Logger& logger;
  const bool copies;
  const std::int64_t copies_ttl_ns;
  std::shared_mutex gate;
  // Written under the gate; release and acquire for readers outside it.
  std::atomic<std::uint64_t> epoch{1};
  std::array<std::atomic<std::uint64_t>, 256> changes{};  // By label; release and acquire, as said at Heed.
  std::atomic<bool> blind{false};                         // Copies in memory may not be used.
  base::Counter store_hits;
  base::Counter store_failures;
  base::Pace failure_pace{kFailureLoggedEvery};
  const std::unique_ptr<EntryStore> store;  // Last: its threads use what stands above.
};

Result<std::unique_ptr<Cache>> Cache::Create(const MemoryOptions& options, std::unique_ptr<EntryStore> store, Clock& clock,
                                             Logger& logger) {
  if (options.bytes == 0 || options.entries == 0) {
    return Fail(ErrorCode::kInvalidArgument, "the memory tier needs at least one byte and one entry");
  }
  if (options.shards == 0 || (options.shards & (options.shards - 1)) != 0) {
    return Fail(ErrorCode::kInvalidArgument, "memory shards must be a power of two, not " + std::to_string(options.shards));
  }
  if (options.shared_ttl.count() < 0) return Fail(ErrorCode::kInvalidArgument, "copies in memory need an age of 0 ms or more");
  return std::unique_ptr<Cache>(new Cache(std::make_unique<Parts>(options, std::move(store), clock, logger)));
}

Cache::Cache(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  if (parts_->store == nullptr) return;
  parts_->store->SetOnNotice([shared = parts_.get()](const StoreNotice& notice) { shared->Heed(notice); });
}
Cache::~Cache() = default;

EntryPtr Cache::FindInMemory(const Digest& key) {
  if (parts_->blind.load(std::memory_order_acquire) || parts_->KeepsNoCopies()) return nullptr;
  return parts_->memory.Find(key, parts_->ReadFrom(parts_->NowNs()));
}

bool Cache::has_store() const { return parts_->store != nullptr; }
EntryStore* Cache::store() { return parts_->store.get(); }
bool Cache::StoreFindsInPlace() const { return parts_->store != nullptr && parts_->store->FindsInPlace(); }

EntryPtr Cache::Parts::Keep(EntryPtr found, const Asked& asked) {
  store_hits.Add();
  // While no copy may be used, an older one must not stand in for what the store has just said.
  if (KeepsNoCopies() || blind.load(std::memory_order_acquire)) return found;
  const Digest key = found->key;
  EntryPtr entry = memory.InsertIfAbsent(std::move(found), asked.now_ns, ReadFrom(asked.now_ns));
  // Changed elsewhere meanwhile: this answer was right when it was read, but it must not stay.
  if (ChangesOf(LabelOf(key)).load(std::memory_order_acquire) != asked.changes) memory.Erase(key);
  return entry;
}

// A store that is away fails every look-up: one line a second says it.
void Cache::Parts::CountFailure(const Error& error) {
  store_failures.Add();
  if (!failure_pace.IsDue(clock.SteadyNs())) return;
  logger.Log(LogLevel::kWarning, "store_find_failed code=" + std::string(Name(error.code)) + " error=\"" + error.message +
                                     "\" failures=" + std::to_string(store_failures.Value()));
}

EntryPtr Cache::FindInStore(const Digest& key) {
  if (parts_->store == nullptr) return nullptr;
  // Twice at most: after a purge in between, what was found may be what was purged.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::uint64_t changes = parts_->ChangesOf(LabelOf(key)).load(std::memory_order_acquire);
    const Parts::Asked asked{epoch(), changes, parts_->NowNs()};
    auto found = parts_->store->Find(key);
    if (!found) {
      parts_->CountFailure(found.error());
      return nullptr;
    }
    if (*found == nullptr) return nullptr;
    const std::shared_lock lock(parts_->gate);
    if (epoch() == asked.epoch) return parts_->Keep(std::move(*found), asked);
  }
  return nullptr;
}

Result<std::vector<EntryPtr>> Cache::FindManyInStore(std::span<const Digest> keys) {
  std::vector<Parts::Asked> asked(keys.size());
  // Twice at most, as FindInStore.
  for (int attempt = 0; parts_->store != nullptr && attempt < 2; ++attempt) {
    const std::uint64_t before = epoch();
    const std::int64_t now_ns = parts_->NowNs();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      asked[i] = {before, parts_->ChangesOf(LabelOf(keys[i])).load(std::memory_order_acquire), now_ns};
    }
    auto found = parts_->store->FindMany(keys);
    if (!found) {
      parts_->CountFailure(found.error());
      return found;
    }
    const std::shared_lock lock(parts_->gate);
    if (epoch() != before) continue;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      EntryPtr& entry = (*found)[i];
      if (entry != nullptr) entry = parts_->Keep(std::move(entry), asked[i]);
    }
    return found;
  }
  return std::vector<EntryPtr>(keys.size());
}

std::uint64_t Cache::epoch() const { return parts_->epoch.load(std::memory_order_acquire); }

bool Cache::Insert(EntryPtr entry, std::uint64_t epoch_before) {
  const std::shared_lock lock(parts_->gate);
  if (epoch() != epoch_before) return false;
  if (!parts_->KeepsNoCopies()) parts_->memory.Insert(entry, parts_->NowNs());
  // What the store cannot take is counted there; memory has it.
  if (parts_->store != nullptr) (void)parts_->store->Put(std::move(entry));
  return true;
}

Result<void> Cache::Erase(const Digest& key) {
  parts_->MoveEpoch();
  parts_->memory.Erase(key);
  if (parts_->store == nullptr) return {};
  auto erased = parts_->store->Erase(key);
  parts_->MoveEpoch();
  parts_->memory.Erase(key);
  return erased;
}

Result<void> Cache::Clear() {
  parts_->MoveEpoch();
  parts_->memory.Clear();
  if (parts_->store == nullptr) return {};
  auto cleared = parts_->store->Clear();
  parts_->MoveEpoch();
  parts_->memory.Clear();
  return cleared;
}

Result<void> Cache::Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) {
  const auto matches = [&](const Entry& entry) { return rule.Matches(entry); };
  parts_->MoveEpoch();
  const std::uint64_t in_memory = parts_->memory.EraseIf(matches);
  if (parts_->store == nullptr) {
    if (removed) removed(in_memory);
    return {};
  }
  auto purged = parts_->store->Purge(rule, std::move(removed));
  parts_->MoveEpoch();
  parts_->memory.EraseIf(matches);
  return purged;
}

Result<std::uint64_t> Cache::EraseIf(const EntryStore::Condemn& condemn) {
  parts_->MoveEpoch();
  const std::uint64_t in_memory = parts_->memory.EraseIf(condemn);
  if (parts_->store == nullptr) return in_memory;
  auto erased = parts_->store->EraseIf(condemn);
  parts_->MoveEpoch();
  parts_->memory.EraseIf(condemn);
  return erased;
}

Result<void> Cache::Flush(std::chrono::milliseconds limit) {
  return parts_->store != nullptr ? parts_->store->Flush(limit) : Result<void>();
}

CacheStats Cache::Stats() const {
  const auto memory = parts_->memory.Count();
  CacheStats stats;
  stats.memory_entries = memory.entries;
  stats.memory_bytes = memory.bytes;
  stats.memory_evictions = memory.evictions;
  stats.memory_hits = memory.hits;
  stats.store_hits = parts_->store_hits.Value();
  stats.store_failures = parts_->store_failures.Value();
  if (parts_->store != nullptr) stats.store = parts_->store->Stats();
  return stats;
}

StoreHealth Cache::Health() const { return parts_->store != nullptr ? parts_->store->Health() : StoreHealth(); }

}  // namespace reflex
