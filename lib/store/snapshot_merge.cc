#include "store/snapshot_merge.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lmdb.h>

#include "store/batch.h"
#include "store/pieces.h"
#include "store/record.h"
#include "store/values.h"

namespace reflex::store {
namespace {

// Of one transaction.
constexpr std::uint64_t kReadBytes = 8u << 20;
constexpr std::size_t kGoneSlice = 1024;

std::unexpected<Error> MergeError(int code) {
  return std::unexpected(LmdbError("cannot bring over what was stored while the snapshot was loaded", code));
}

struct Kept {
  Entry entry;
  std::string vector;
};

// The entry as it is now; nothing where it is not there, hidden or damaged.
std::optional<Kept> ReadKept(ReadLease& lease, const Environment& from, const Visibility& visibility, const RuleBook::View& rules,
                             const Digest& key) {
  MDB_val name = Value(key), data{};
  if (mdb_get(lease.txn(), from.keys(), &name, &data) != 0) return std::nullopt;
  const auto record = DecodeKeyRecord(View(data));
  if (!record || !visibility.Visible(record->first_id)) return std::nullopt;
  std::string bytes;
  if (ReadPieces(lease.values(), *record, record->bytes, bytes) != 0 || Checksum(bytes) != record->checksum) return std::nullopt;
  auto entry = DecodeEntry(bytes);
  if (!entry || entry->key != key || rules.HidesStored(*entry, record->first_id)) return std::nullopt;
  Kept kept{std::move(*entry), {}};
  if (mdb_get(lease.txn(), from.vectors(), &name, &data) == 0) kept.vector = View(data);
  return kept;
}

int PutKept(Batch& batch, const Kept& kept) {
  const int code = batch.Put(kept.entry);
  return code != 0 || kept.vector.empty() ? code : batch.PutVector(kept.entry.key, kept.vector);
}

// Keys whose first piece has an id from `id` on, about `bytes_max` of them; moves `id` behind them.
Result<std::vector<Digest>> KeysFrom(ReadLease& lease, std::uint64_t& id, bool& last) {
  std::vector<Digest> keys;
  MDB_val name{sizeof id, &id}, piece{};
  int code = mdb_cursor_get(lease.values(), &name, &piece, MDB_SET_RANGE);
  for (std::uint64_t bytes = 0; code == 0 && bytes < kReadBytes; code = mdb_cursor_get(lease.values(), &name, &piece, MDB_NEXT)) {
    std::memcpy(&id, name.mv_data, sizeof id);
    ++id;
    bytes += piece.mv_size;
    // A piece that begins no entry names a key by chance only, and then no record has it.
    if (const auto key = DecodeKey(View(piece))) keys.push_back(*key);
  }
  last = code == MDB_NOTFOUND;
  if (code != 0 && code != MDB_NOTFOUND) return MergeError(code);
  return keys;
}

}  // namespace

Result<std::uint64_t> Merge::Entries(std::uint64_t first_id, const RuleBook::View& rules) {
  std::uint64_t id = first_id;
  for (bool last = false; !last;) {
    ReadLease lease(parts_.from);
    if (lease.error() != 0) return MergeError(lease.error());
    REFLEX_TRY(const std::vector<Digest> keys, KeysFrom(lease, id, last));
    REFLEX_CHECK(Write([&](Batch& batch) {
      for (const Digest& key : keys) {
        const auto kept = ReadKept(lease, parts_.from, parts_.visibility, rules, key);
        if (!kept) continue;
        if (const int code = PutKept(batch, *kept); code != 0) return code;
        ++kept_;
      }
      return 0;
    }));
  }
  return id;
}

Result<void> Merge::Erasures(const std::unordered_set<Digest, DigestHash>& erased, const RuleBook::View& rules) {
  if (erased.empty()) return {};
  ReadLease lease(parts_.from);
  if (lease.error() != 0) return MergeError(lease.error());
  return Write([&](Batch& batch) {
    for (const Digest& key : erased) {
      const auto kept = ReadKept(lease, parts_.from, parts_.visibility, rules, key);
      if (const int code = kept ? PutKept(batch, *kept) : batch.Erase(key, {}); code != 0) return code;
    }
    return 0;
  });
}

Result<void> Merge::Write(const std::function<int(Batch& batch)>& fill) {
  REFLEX_CHECK(parts_.to.Reread());
  WriterState state(parts_.zstd_level);
  state.next_id = parts_.to.next_id();
  WriteTransaction transaction(parts_.to);
  int code = transaction.error();
  if (code != 0) return MergeError(code);
  Batch batch(parts_.to, transaction, state, parts_.counters, parts_.marks);
  code = fill(batch);
  if (code == 0) code = batch.Finish();
  if (code == 0) code = transaction.Commit();
  if (code != 0) return MergeError(code);
  return {};
}

Result<void> Merge::Notes() {
  ReadLease lease(parts_.from);
  if (lease.error() != 0) return MergeError(lease.error());
  MDB_cursor* notes = lease.Cursor(parts_.from.notes());
  if (notes == nullptr) return MergeError(lease.error());
  WriteTransaction transaction(parts_.to);
  if (transaction.error() != 0) return MergeError(transaction.error());
  MDB_val name{}, data{};
  int code = mdb_cursor_get(notes, &name, &data, MDB_FIRST);
  for (; code == 0; code = mdb_cursor_get(notes, &name, &data, MDB_NEXT)) {
    if (!DecodeNote(View(name), View(data))) continue;
    const int put = mdb_put(transaction.txn(), parts_.to.notes(), &name, &data, 0);
    if (put != 0) return MergeError(put);
  }
  if (code != MDB_NOTFOUND) return MergeError(code);
  code = transaction.Commit();
  if (code != 0) return MergeError(code);
  return {};
}

Result<std::uint64_t> NextIdOf(Environment& environment) {
  ReadLease lease(environment);
  if (lease.error() != 0) return MergeError(lease.error());
  MDB_val name{}, piece{};
  const int code = mdb_cursor_get(lease.values(), &name, &piece, MDB_LAST);
  if (code == MDB_NOTFOUND) return 1;
  if (code != 0) return MergeError(code);
  std::uint64_t last;
  std::memcpy(&last, name.mv_data, sizeof last);
  return last + 1;
}

Result<void> TellGone(Environment& before, Environment& now, const EntryStore::OnRemoved& gone) {
  std::string after;
  for (bool last = false; !last;) {
    ReadLease lease(before), present(now);
    if (lease.error() != 0) return MergeError(lease.error());
    if (present.error() != 0) return MergeError(present.error());
    MDB_cursor* rows = lease.Cursor(before.scopes());
    if (rows == nullptr) return MergeError(lease.error());
    MDB_val name = Value(after), data{};
    int code = mdb_cursor_get(rows, &name, &data, after.empty() ? MDB_FIRST : MDB_SET_RANGE);
    if (code == 0 && !after.empty() && View(name) == after) code = mdb_cursor_get(rows, &name, &data, MDB_NEXT);
    for (std::size_t i = 0; code == 0 && i < kGoneSlice; ++i, code = mdb_cursor_get(rows, &name, &data, MDB_NEXT)) {
      after = View(name);
      const auto row = DecodeScopeRow(after);
      // The same key in another scope is a member that is gone as well.
      MDB_val same = Value(after), nothing{};
      if (row && mdb_get(present.txn(), now.scopes(), &same, &nothing) == MDB_NOTFOUND) gone(row->scope, row->member.key);
    }
    last = code != 0;
    if (code != 0 && code != MDB_NOTFOUND) return MergeError(code);
  }
  return {};
}

}  // namespace reflex::store
