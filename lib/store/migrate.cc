#include "store/migrate.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace reflex::store {
namespace {

// A slice is asked for in one round trip, so it is cut by the size that entries turn out to have.
constexpr std::size_t kSliceFirst = 256;
constexpr std::size_t kSliceMax = 1'024;
constexpr std::uint64_t kSliceBytes = 4u << 20;
// The target works off what was put while the next slices are read, so it is not waited for after each: a commit to a disk may take
// as long as reading thousands. So much may be lost by a cut.
constexpr std::uint64_t kCommitEntries = 8'192;
constexpr std::int64_t kCommitNs = 250'000'000;
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

// All of the source, each entry once: a store that is in use may show one twice. In order of key, as B-trees like it.
Result<std::vector<Listed>> ListAll(EntryStore& from) {
  std::vector<Listed> all;
  // The walk over all heads that every store has; it condemns none.
  REFLEX_CHECK(from.EraseIf([&](const Entry& head) {
    all.push_back({head.key, head.created_ms});
    return false;
  }));
  std::ranges::sort(all, {}, &Listed::key);
  const auto twice = std::ranges::unique(all, {}, &Listed::key);
  all.erase(twice.begin(), twice.end());
  return all;
}

class Migrator {
 public:
  Migrator(EntryStore& from, EntryStore& to, const Clock& clock) : from_(from), to_(to), clock_(clock) {}

  // Queues what the target lacks of these.
  Result<void> CopySlice(std::span<const Listed> slice);
  Result<void> CopyNotes();
  // True for the first slice and from then on whenever enough entries or time came together.
  bool IsDue() const { return queued_.looked - done_.looked >= kCommitEntries || clock_.SteadyNs() - committed_ns_ >= kCommitNs; }
  // From now on what was queued is done.
  Result<void> Commit();

  std::size_t slice() const { return slice_; }
  const Migration& done() const { return done_; }
  void SetTotal(std::uint64_t total) { queued_.total = done_.total = total; }

 private:
  Result<void> CopyEntries(const std::vector<Digest>& missing, std::vector<Digest>& with_vectors);
  Result<void> CopyVectors(std::span<const Digest> keys);

  EntryStore& from_;
  EntryStore& to_;
  const Clock& clock_;
  std::size_t slice_ = kSliceFirst;
  Migration queued_, done_;
  std::int64_t committed_ns_ = clock_.SteadyNs() - kCommitNs;
};

Result<void> Migrator::CopySlice(std::span<const Listed> slice) {
  std::vector<Digest> keys, missing, half_there;
  for (const Listed& listed : slice) keys.push_back(listed.key);
  REFLEX_TRY(const std::vector<EntryPtr> there, to_.FindHeads(keys));
  for (std::size_t i = 0; i < slice.size(); ++i) {
    if (there[i] == nullptr || there[i]->created_ms < slice[i].created_ms) {
      missing.push_back(keys[i]);
      continue;
    }
    ++queued_.present;
    // A cut may have come between an entry and its vector. One that is newer there is the target's own.
    if (there[i]->scope != Digest{} && there[i]->created_ms == slice[i].created_ms) half_there.push_back(keys[i]);
  }
  std::vector<Digest> with_vectors;
  REFLEX_CHECK(CopyEntries(missing, with_vectors));
  REFLEX_TRY(const std::vector<std::string> kept, to_.FindVectors(half_there));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i].empty()) with_vectors.push_back(half_there[i]);
  }
  // After all entries, not between them: a store takes changes of one key in separate round trips.
  REFLEX_CHECK(CopyVectors(with_vectors));
  queued_.looked += slice.size();
  return {};
}

Result<void> Migrator::CopyEntries(const std::vector<Digest>& missing, std::vector<Digest>& with_vectors) {
  REFLEX_TRY(const std::vector<EntryPtr> entries, from_.FindMany(missing));
  std::uint64_t bytes = 0;
  for (const EntryPtr& entry : entries) {
    if (entry == nullptr || entry->expires_ms <= clock_.WallMs()) {
      ++queued_.gone;
      continue;
    }
    bytes += entry->MemoryBytes();
    const auto put = WithRoom(to_, [&] { return to_.Put(entry); });
    if (!put && put.error().code == ErrorCode::kTooLarge) {
      ++queued_.too_large;
      continue;
    }
    REFLEX_CHECK(put);
    ++queued_.copied;
    if (entry->scope != Digest{}) with_vectors.push_back(entry->key);
  }
  if (bytes > 0) slice_ = std::clamp<std::size_t>(kSliceBytes * entries.size() / bytes, 1, kSliceMax);
  return {};
}

Result<void> Migrator::CopyVectors(std::span<const Digest> keys) {
  REFLEX_TRY(std::vector<std::string> vectors, from_.FindVectors(keys));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (vectors[i].empty()) continue;
    REFLEX_CHECK(WithRoom(to_, [&] { return to_.PutVector(keys[i], vectors[i]); }));
    ++queued_.vectors;
  }
  return {};
}

Result<void> Migrator::CopyNotes() {
  std::vector<std::pair<std::string, std::string>> notes;
  REFLEX_CHECK(from_.VisitNotes("", [&](std::string_view key, std::string_view value) {
    notes.emplace_back(key, value);
    return true;
  }));
  for (const auto& [key, value] : notes) {
    REFLEX_CHECK(WithRoom(to_, [&] { return to_.PutNote(key, value); }));
    ++queued_.notes;
  }
  return {};
}

Result<void> Migrator::Commit() {
  REFLEX_CHECK(to_.Flush(kCommit));
  done_ = queued_;
  committed_ns_ = clock_.SteadyNs();
  return {};
}

}  // namespace

Result<Migration> Migrate(EntryStore& from, EntryStore& to, const Clock& clock, const std::function<bool(const Migration&)>& show) {
  REFLEX_TRY(const std::vector<Listed> all, ListAll(from));
  Migrator migrator(from, to, clock);
  migrator.SetTotal(all.size());
  std::span<const Listed> rest = all;
  while (!rest.empty()) {
    const std::size_t count = std::min(migrator.slice(), rest.size());
    REFLEX_CHECK(migrator.CopySlice(rest.first(count)));
    rest = rest.subspan(count);
    if (!migrator.IsDue() && !rest.empty()) continue;
    REFLEX_CHECK(migrator.Commit());
    if (!show(migrator.done())) return migrator.done();
  }
  REFLEX_CHECK(migrator.CopyNotes());
  REFLEX_CHECK(migrator.Commit());
  (void)show(migrator.done());
  return migrator.done();
}

}  // namespace reflex::store
