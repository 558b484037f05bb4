#include "reflex/memory_store.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "store/limits.h"

namespace reflex::store {
namespace {

// Nodes of the tables below for one entry, its place in the order of age and its scope row.
constexpr std::uint64_t kPlaceBytes = 320;
constexpr std::uint64_t kNotePlaceBytes = 96;

using Bytes = std::shared_ptr<const std::string>;

// Sorts as the store's contract wants members: by canonical digest, then key.
struct MemberRow {
  Digest scope, canonical, key;

  friend auto operator<=>(const MemberRow&, const MemberRow&) = default;
};

using Gone = std::vector<std::pair<Digest, Digest>>;  // Scope and key.

}  // namespace

struct MemoryStore::Parts {
  struct Held {
    EntryPtr entry;
    std::uint64_t age = 0;
    Bytes vector;
  };

  explicit Parts(const MemoryStoreOptions& wanted) : options(wanted) {}

  static std::uint64_t BytesOf(const Held& held) {
    return kPlaceBytes + held.entry->MemoryBytes() + (held.vector != nullptr ? held.vector->size() : 0);
  }
  std::map<Digest, Held>::iterator FindLabel(std::uint64_t label) REQUIRES(mutex);
  // Takes the entry out of every table; `gone` gets it unless it is without a scope.
  std::map<Digest, Held>::iterator Drop(std::map<Digest, Held>::iterator at, Gone& gone) REQUIRES(mutex);
  void MakeRoom(std::uint64_t bytes, std::uint64_t entries_more, Gone& gone) REQUIRES(mutex);
  std::uint64_t DropIf(const Condemn& condemn);
  // With no lock held.
  void Tell(const Gone& gone) const {
    if (!on_removed) return;
    for (const auto& [scope, key] : gone) on_removed(scope, key);
  }

  const MemoryStoreOptions options;
  OnRemoved on_removed;  // Set once, before the first use.
  mutable base::Mutex mutex;
  std::map<Digest, Held> entries GUARDED_BY(mutex);
  std::map<std::uint64_t, Digest> by_age GUARDED_BY(mutex);
  std::set<MemberRow> scopes GUARDED_BY(mutex);
  std::map<std::string, std::string, std::less<>> notes GUARDED_BY(mutex);
  std::uint64_t next_age GUARDED_BY(mutex) = 1;
  std::uint64_t bytes GUARDED_BY(mutex) = 0;
  std::uint64_t note_bytes GUARDED_BY(mutex) = 0;
  StoreStats counted GUARDED_BY(mutex);
};

std::map<Digest, MemoryStore::Parts::Held>::iterator MemoryStore::Parts::FindLabel(std::uint64_t label) {
  Digest low;
  for (std::size_t i = 0; i < 8; ++i) low.bytes[i] = static_cast<std::uint8_t>(label >> (56 - 8 * i));
  const auto found = entries.lower_bound(low);
  return found != entries.end() && LabelOf(found->first) == label ? found : entries.end();
}

std::map<Digest, MemoryStore::Parts::Held>::iterator MemoryStore::Parts::Drop(std::map<Digest, Held>::iterator at, Gone& gone) {
  const Entry& entry = *at->second.entry;
  bytes -= BytesOf(at->second);
  by_age.erase(at->second.age);
  if (HasScope(entry)) {
    scopes.erase({entry.scope, entry.canonical, entry.key});
    gone.emplace_back(entry.scope, entry.key);
  }
  return entries.erase(at);
}

void MemoryStore::Parts::MakeRoom(std::uint64_t bytes_more, std::uint64_t entries_more, Gone& gone) {
  while (!by_age.empty() &&
         (bytes + note_bytes + bytes_more > options.limit_bytes || entries.size() + entries_more > options.entries)) {
    Drop(entries.find(by_age.begin()->second), gone);
    ++counted.evictions;
  }
}

std::uint64_t MemoryStore::Parts::DropIf(const Condemn& condemn) {
  Gone gone;
  std::uint64_t dropped = 0;
  {
    base::MutexLock lock(mutex);
    for (auto at = entries.begin(); at != entries.end();) {
      if (!condemn(*HeadOf(*at->second.entry))) {
        ++at;
        continue;
      }
      at = Drop(at, gone);
      ++dropped;
    }
  }
  Tell(gone);
  return dropped;
}

Result<std::unique_ptr<MemoryStore>> MemoryStore::Create(const MemoryStoreOptions& options) {
  if (options.limit_bytes < 64u << 10) {
    return Fail(ErrorCode::kInvalidArgument,
                "a memory store's limit must be at least 64 KiB, not " + std::to_string(options.limit_bytes) + " bytes");
  }
  if (options.entries == 0) return Fail(ErrorCode::kInvalidArgument, "a memory store must hold at least one entry");
  return std::unique_ptr<MemoryStore>(new MemoryStore(std::make_unique<Parts>(options)));
}

MemoryStore::MemoryStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
MemoryStore::~MemoryStore() = default;

Result<EntryPtr> MemoryStore::Find(const Digest& key) {
  base::MutexLock lock(parts_->mutex);
  const auto found = parts_->entries.find(key);
  return found == parts_->entries.end() ? EntryPtr() : found->second.entry;
}

Result<void> MemoryStore::Put(EntryPtr entry) {
  Gone gone;
  {
    Parts& parts = *parts_;
    base::MutexLock lock(parts.mutex);
    const std::uint64_t size = kPlaceBytes + entry->MemoryBytes();
    if (size > parts.options.limit_bytes / 8) {
      ++parts.counted.puts_dropped;
      return Fail(ErrorCode::kTooLarge, "an entry of " + std::to_string(size) + " bytes is too large for the store");
    }
    Bytes vector;
    if (const auto old = parts.entries.find(entry->key); old != parts.entries.end()) {
      const Entry& before = *old->second.entry;
      // The same question in the same scope keeps its vector, and its place is not lost.
      const bool same = before.scope == entry->scope && before.canonical == entry->canonical;
      if (same) vector = old->second.vector;
      Gone replaced;
      const bool same_scope = before.scope == entry->scope;
      parts.Drop(old, replaced);
      if (!same_scope) gone = std::move(replaced);
    }
    parts.MakeRoom(size + (vector != nullptr ? vector->size() : 0), 1, gone);
    if (HasScope(*entry)) parts.scopes.insert({entry->scope, entry->canonical, entry->key});
    const std::uint64_t age = parts.next_age++;
    parts.by_age.emplace(age, entry->key);
    const Digest key = entry->key;
    const auto [at, added] = parts.entries.emplace(key, Parts::Held{std::move(entry), age, std::move(vector)});
    parts.bytes += Parts::BytesOf(at->second);
    ++parts.counted.puts;
  }
  parts_->Tell(gone);
  return {};
}

Result<void> MemoryStore::Erase(const Digest& key) {
  Gone gone;
  {
    base::MutexLock lock(parts_->mutex);
    if (const auto found = parts_->entries.find(key); found != parts_->entries.end()) parts_->Drop(found, gone);
  }
  parts_->Tell(gone);
  return {};
}

Result<void> MemoryStore::Clear() {
  parts_->DropIf([](const Entry&) { return true; });
  return {};
}

Result<std::uint64_t> MemoryStore::EraseIf(const Condemn& condemn) { return parts_->DropIf(condemn); }

Result<std::vector<ScopeMember>> MemoryStore::FindScope(const Digest& scope, std::size_t limit) {
  std::vector<ScopeMember> members;
  if (scope == Digest{}) return members;
  base::MutexLock lock(parts_->mutex);
  for (auto row = parts_->scopes.lower_bound({scope, {}, {}});
       row != parts_->scopes.end() && row->scope == scope && members.size() < limit; ++row) {
    members.push_back({row->key, row->canonical});
  }
  return members;
}

Result<std::vector<Digest>> MemoryStore::FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) {
  std::vector<Digest> keys;
  if (scope == Digest{}) return keys;
  base::MutexLock lock(parts_->mutex);
  for (auto row = parts_->scopes.lower_bound({scope, canonical, {}});
       row != parts_->scopes.end() && row->scope == scope && row->canonical == canonical && keys.size() < limit; ++row) {
    keys.push_back(row->key);
  }
  return keys;
}

Result<EntryPtr> MemoryStore::FindHead(const Digest& key) {
  REFLEX_TRY(const EntryPtr entry, Find(key));
  return entry != nullptr ? HeadOf(*entry) : EntryPtr();
}

Result<EntryPtr> MemoryStore::FindHeadByLabel(std::uint64_t label) {
  EntryPtr entry;
  {
    base::MutexLock lock(parts_->mutex);
    if (const auto found = parts_->FindLabel(label); found != parts_->entries.end()) entry = found->second.entry;
  }
  return entry != nullptr ? HeadOf(*entry) : EntryPtr();
}

Result<void> MemoryStore::PutVector(const Digest& key, std::string bytes) {
  REFLEX_CHECK(CheckVector(bytes));
  Gone gone;
  {
    Parts& parts = *parts_;
    base::MutexLock lock(parts.mutex);
    const auto found = parts.entries.find(key);
    if (found == parts.entries.end()) return {};
    if (bytes.size() > parts.options.limit_bytes / 8) return Fail(ErrorCode::kTooLarge, "the vector is too large for the store");
    parts.bytes -= Parts::BytesOf(found->second);
    found->second.vector = std::make_shared<const std::string>(std::move(bytes));
    parts.bytes += Parts::BytesOf(found->second);
    parts.MakeRoom(0, 0, gone);
  }
  parts_->Tell(gone);
  return {};
}

Result<std::string> MemoryStore::FindVector(const Digest& key) {
  base::MutexLock lock(parts_->mutex);
  const auto found = parts_->entries.find(key);
  return found != parts_->entries.end() && found->second.vector != nullptr ? *found->second.vector : std::string();
}

bool MemoryStore::ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) {
  Bytes bytes;
  {
    base::MutexLock lock(parts_->mutex);
    if (const auto found = parts_->FindLabel(label); found != parts_->entries.end()) bytes = found->second.vector;
  }
  if (bytes == nullptr) return false;
  read(*bytes);
  return true;
}

Result<void> MemoryStore::VisitScopes(const VisitMember& visit) {
  std::vector<MemberRow> rows;
  {
    base::MutexLock lock(parts_->mutex);
    rows.assign(parts_->scopes.begin(), parts_->scopes.end());
  }
  for (const MemberRow& row : rows) {
    if (!visit(row.scope, {row.key, row.canonical})) break;
  }
  return {};
}

void MemoryStore::SetOnRemoved(OnRemoved on_removed) { parts_->on_removed = std::move(on_removed); }

Result<void> MemoryStore::Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) {
  const std::uint64_t dropped = parts_->DropIf([&](const Entry& head) { return rule.Matches(head); });
  if (removed) removed(dropped);
  return {};
}

Result<std::uint64_t> MemoryStore::CountPurge(const PurgeRule& rule) {
  base::MutexLock lock(parts_->mutex);
  return static_cast<std::uint64_t>(std::count_if(parts_->entries.begin(), parts_->entries.end(),
                                                  [&](const auto& item) { return rule.Matches(*item.second.entry); }));
}

Result<void> MemoryStore::PutNote(std::string_view key, std::string value) {
  REFLEX_CHECK(CheckNote(key, value));
  Gone gone;
  {
    Parts& parts = *parts_;
    base::MutexLock lock(parts.mutex);
    const auto found = parts.notes.find(key);
    const std::uint64_t before = found != parts.notes.end() ? found->second.size() : 0;
    const std::uint64_t more = found != parts.notes.end() ? value.size() : kNotePlaceBytes + key.size() + value.size();
    if (found == parts.notes.end() && parts.notes.size() >= kNotesMax) {
      return Fail(ErrorCode::kFull, "the store holds 200,000 notes, the most it may");
    }
    if (parts.note_bytes - before + more > parts.options.limit_bytes / 4) {
      return Fail(ErrorCode::kFull, "the notes take a quarter of the store, the most they may");
    }
    parts.note_bytes += more - before;
    parts.notes.insert_or_assign(std::string(key), std::move(value));
    parts.MakeRoom(0, 0, gone);
  }
  parts_->Tell(gone);
  return {};
}

Result<std::string> MemoryStore::FindNote(std::string_view key) {
  base::MutexLock lock(parts_->mutex);
  const auto found = parts_->notes.find(key);
  if (found == parts_->notes.end()) return Fail(ErrorCode::kNotFound, "there is no such note");
  return found->second;
}

Result<void> MemoryStore::EraseNote(std::string_view key) {
  base::MutexLock lock(parts_->mutex);
  const auto found = parts_->notes.find(key);
  if (found == parts_->notes.end()) return {};
  parts_->note_bytes -= kNotePlaceBytes + found->first.size() + found->second.size();
  parts_->notes.erase(found);
  return {};
}

Result<void> MemoryStore::VisitNotes(std::string_view prefix, const VisitNote& visit) {
  std::vector<std::pair<std::string, std::string>> copies;
  {
    base::MutexLock lock(parts_->mutex);
    for (auto at = parts_->notes.lower_bound(prefix); at != parts_->notes.end() && at->first.starts_with(prefix); ++at) {
      copies.emplace_back(*at);
    }
  }
  for (const auto& [key, value] : copies) {
    if (!visit(key, value)) break;
  }
  return {};
}

StoreStats MemoryStore::Stats() const {
  base::MutexLock lock(parts_->mutex);
  StoreStats stats = parts_->counted;
  stats.entries = parts_->entries.size();
  stats.used_bytes = parts_->bytes + parts_->note_bytes;
  stats.limit_bytes = parts_->options.limit_bytes;
  return stats;
}

}  // namespace reflex::store
