#include "store/migrate.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace reflex::store {
namespace {

constexpr std::size_t kSlice = 256;
constexpr std::chrono::milliseconds kCommit{60'000};

struct Listed {
  Digest key;
  std::int64_t created_ms = 0;
};

// A queue that is full empties by a commit; a store that is full does not.
template <class Change>
Result<void> WithRoom(EntryStore& to, const Change& change) {
  Result<void> done = change();
  if (done || done.error().code != ErrorCode::kFull) return done;
  REFLEX_CHECK(to.Flush(kCommit));
  return change();
}

Result<void> CopyOne(EntryStore& from, EntryStore& to, const EntryPtr& entry, Migration& migration) {
  REFLEX_CHECK(WithRoom(to, [&] { return to.Put(entry); }));
  ++migration.copied;
  if (entry->scope == Digest{}) return {};
  REFLEX_TRY(const std::string vector, from.FindVector(entry->key));
  if (vector.empty()) return {};
  REFLEX_CHECK(WithRoom(to, [&] { return to.PutVector(entry->key, vector); }));
  ++migration.vectors;
  return {};
}

Result<void> CopySlice(EntryStore& from, EntryStore& to, std::span<const Listed> slice, std::int64_t now_ms, Migration& migration) {
  std::vector<Digest> keys;
  for (const Listed& listed : slice) keys.push_back(listed.key);
  REFLEX_TRY(const std::vector<EntryPtr> there, to.FindHeads(keys));
  std::vector<Digest> missing;
  for (std::size_t i = 0; i < slice.size(); ++i) {
    if (there[i] != nullptr && there[i]->created_ms >= slice[i].created_ms) {
      ++migration.present;
    } else {
      missing.push_back(keys[i]);
    }
  }
  REFLEX_TRY(const std::vector<EntryPtr> entries, from.FindMany(missing));
  for (const EntryPtr& entry : entries) {
    if (entry == nullptr || entry->expires_ms <= now_ms) {
      ++migration.gone;
      continue;
    }
    REFLEX_CHECK(CopyOne(from, to, entry, migration));
  }
  migration.looked += slice.size();
  // Committed slice by slice, so that what was shown as done is done.
  return to.Flush(kCommit);
}

}  // namespace

Result<Migration> Migrate(EntryStore& from, EntryStore& to, const Clock& clock, const std::function<bool(const Migration&)>& show) {
  std::vector<Listed> all;
  // The walk over all heads that every store has; it condemns none.
  REFLEX_CHECK(from.EraseIf([&](const Entry& head) {
    all.push_back({head.key, head.created_ms});
    return false;
  }));
  Migration migration;
  migration.total = all.size();
  for (std::size_t at = 0; at < all.size(); at += kSlice) {
    const std::size_t count = std::min(kSlice, all.size() - at);
    REFLEX_CHECK(CopySlice(from, to, std::span(all).subspan(at, count), clock.WallMs(), migration));
    if (!show(migration)) return migration;
  }
  std::vector<std::pair<std::string, std::string>> notes;
  REFLEX_CHECK(from.VisitNotes("", [&](std::string_view key, std::string_view value) {
    notes.emplace_back(key, value);
    return true;
  }));
  for (auto& [key, value] : notes) {
    REFLEX_CHECK(WithRoom(to, [&] { return to.PutNote(key, value); }));
    ++migration.notes;
  }
  REFLEX_CHECK(to.Flush(kCommit));
  (void)show(migration);
  return migration;
}

}  // namespace reflex::store
