#include "store/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <lmdb.h>

#include "store/limits.h"
#include "store/pieces.h"
#include "store/values.h"

namespace reflex::store {
namespace {

// The largest value that shares a 4 KiB page with another one of its size: (4096 - 16) / 2 - 2 for the pointer - 8 for the node
// - 8 for the id. One byte more and LMDB gives each value pages of its own, which fragment.
constexpr std::uint64_t kPieceBytes = 2022;
constexpr std::uint64_t kNodeBytes = 8 + 8 + 2;
constexpr std::uint64_t kPageRoom = 4096 - 16;
// A shorter piece would cost more in nodes than it saves in pages.
constexpr std::uint64_t kShortestFill = 128;

int NotFoundIsFine(int code) { return code == MDB_NOTFOUND ? 0 : code; }

// Closes itself; must not outlive the transaction.
class Cursor {
 public:
  Cursor(MDB_txn* txn, Environment::Table table) : code_(mdb_cursor_open(txn, table, &cursor_)) {}
  ~Cursor() {
    if (code_ == 0) mdb_cursor_close(cursor_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  MDB_cursor* get() const { return cursor_; }
  int code() const { return code_; }
  int Get(MDB_val& key, MDB_val& data, MDB_cursor_op op) { return code_ != 0 ? code_ : mdb_cursor_get(cursor_, &key, &data, op); }

 private:
  MDB_cursor* cursor_ = nullptr;
  int code_;
};

}  // namespace

std::uint64_t Batch::FileBytes(std::uint64_t bytes, bool scoped) {
  // Each piece has its node; the rows in the key, expiry and scope tables are 74, 26 and 106 bytes in pages that are two thirds
  // full.
  return bytes + (bytes / kPieceBytes + 2) * kNodeBytes + 150 + (scoped ? 160 : 0);
}

std::uint64_t Batch::RowBytes(std::uint64_t bytes) {
  // Beyond half a page a row has pages of its own.
  return bytes > kPieceBytes ? (bytes / 4096 + 1) * 4096 + 100 : bytes * 3 / 2 + 100;
}

int Batch::FindRecord(const Digest& key, std::optional<KeyRecord>& record) {
  MDB_val name = Value(key), data{};
  const int code = mdb_get(transaction_.txn(), environment_.keys(), &name, &data);
  if (code == 0) record = DecodeKeyRecord(View(data));
  return NotFoundIsFine(code);
}

int Batch::RemovePieces(std::uint64_t first_id, std::uint32_t pieces) {
  for (std::uint64_t id = first_id; id < first_id + pieces; ++id) {
    std::uint64_t name = id;
    MDB_val key = Value(name);
    const int code = mdb_del(transaction_.txn(), environment_.values(), &key, nullptr);
    if (code == MDB_NOTFOUND) return 0;  // Only a damaged record promises more than there is.
    if (code != 0) return code;
  }
  return 0;
}

int Batch::FindPlace(const KeyRecord& record, std::optional<ScopePlace>& place) {
  std::uint64_t id = record.first_id;
  MDB_val name = Value(id), piece{};
  const int code = mdb_get(transaction_.txn(), environment_.values(), &name, &piece);
  if (code == 0) place = DecodeScopePlace(View(piece));
  return NotFoundIsFine(code);
}

void Batch::SetPlace(const Digest& key, const ScopePlace& place, bool there) {
  places_.push_back({EncodeScopeRow(place.scope, place.canonical, key), places_.size(), there});
}

int Batch::Finish() {
  std::ranges::sort(places_, [](const PlaceChange& a, const PlaceChange& b) {
    const int order = a.row.compare(b.row);
    return order != 0 ? order < 0 : a.order < b.order;
  });
  Cursor cursor(transaction_.txn(), environment_.scopes());
  if (places_.empty() || cursor.code() != 0) return cursor.code();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    // Of several changes of one row the last holds.
    if (i + 1 < places_.size() && places_[i + 1].row == places_[i].row) continue;
    MDB_val row = Value(places_[i].row), nothing{};
    int code = 0;
    if (places_[i].there) {
      code = mdb_cursor_put(cursor.get(), &row, &nothing, 0);
    } else {
      code = cursor.Get(row, nothing, MDB_SET);
      if (code == 0) code = mdb_cursor_del(cursor.get(), 0);
      code = NotFoundIsFine(code);
    }
    if (code != 0) return code;
  }
  places_.clear();
  return 0;
}

int Batch::RemoveVector(const Digest& key) {
  MDB_val name = Value(key);
  return NotFoundIsFine(mdb_del(transaction_.txn(), environment_.vectors(), &name, nullptr));
}

int Batch::Remove(const Digest& key, const KeyRecord& record) {
  std::optional<ScopePlace> place;
  if (const int code = FindPlace(record, place); code != 0) return code;
  if (place) {
    removed_.push_back({place->scope, key});
    SetPlace(key, *place, false);
  }
  if (const int code = RemoveVector(key); code != 0) return code;
  return RemoveEntry(key, record);
}

int Batch::RemoveEntry(const Digest& key, const KeyRecord& record) {
  MDB_val name = Value(key);
  if (const int code = NotFoundIsFine(mdb_del(transaction_.txn(), environment_.keys(), &name, nullptr)); code != 0) return code;
  const std::string expiry = EncodeExpiryKey(record.expires_ms, record.first_id);
  MDB_val row = Value(expiry);
  if (const int code = NotFoundIsFine(mdb_del(transaction_.txn(), environment_.expiry(), &row, nullptr)); code != 0) return code;
  if (record.first_id < state_.floor && state_.condemned > 0) --state_.condemned;
  return RemovePieces(record.first_id, record.pieces);
}

std::uint64_t Batch::NextPieceBytes(std::uint64_t left) {
  const bool fill = state_.tail_room >= kNodeBytes + kShortestFill;
  const std::uint64_t bytes = std::min({left, kPieceBytes, fill ? state_.tail_room - kNodeBytes : kPieceBytes});
  const std::uint64_t taken = ((bytes + 1) & ~std::uint64_t{1}) + kNodeBytes;
  state_.tail_room = (fill && taken <= state_.tail_room ? state_.tail_room : kPageRoom) - taken;
  return bytes;
}

int Batch::Append(const Digest& key, std::string_view bytes, std::int64_t expires_ms, std::uint64_t checksum) {
  KeyRecord record;
  record.first_id = state_.next_id;
  record.bytes = static_cast<std::uint32_t>(bytes.size());
  record.expires_ms = expires_ms;
  record.checksum = checksum;
  while (!bytes.empty()) {
    std::uint64_t id = state_.next_id++;
    // The key must be whole in the first piece: eviction reads it there.
    std::uint64_t size = NextPieceBytes(bytes.size());
    MDB_val name = Value(id), data = Value(bytes.substr(0, size));
    if (const int code = mdb_put(transaction_.txn(), environment_.values(), &name, &data, MDB_APPEND); code != 0) return code;
    bytes.remove_prefix(size);
    ++record.pieces;
  }
  const std::string row = EncodeExpiryKey(expires_ms, record.first_id);
  MDB_val expiry = Value(row), nothing{};
  if (const int code = mdb_put(transaction_.txn(), environment_.expiry(), &expiry, &nothing, 0); code != 0) return code;
  const std::string encoded = EncodeKeyRecord(record);
  MDB_val name = Value(key), data = Value(encoded);
  return mdb_put(transaction_.txn(), environment_.keys(), &name, &data, 0);
}

int Batch::Put(const Entry& entry) {
  std::optional<KeyRecord> old;
  if (const int code = FindRecord(entry.key, old); code != 0) return code;
  std::optional<ScopePlace> old_place, place;
  if (HasScope(entry)) place = ScopePlace{entry.scope, entry.canonical};
  if (old) {
    if (const int code = FindPlace(*old, old_place); code != 0) return code;
    // The same question in the same scope keeps its row and its vector.
    const bool stays = old_place == place && old->first_id >= state_.floor;
    if (const int code = stays ? RemoveEntry(entry.key, *old) : Remove(entry.key, *old); code != 0) return code;
    if (!stays) old_place.reset();
  }
  const std::string_view bytes = state_.encoder.Encode(entry);
  if (place && !old_place) SetPlace(entry.key, *place, true);
  return Append(entry.key, bytes, entry.expires_ms, Checksum(bytes));
}

int Batch::Erase(const Digest& key, std::optional<std::uint64_t> checksum) {
  std::optional<KeyRecord> record;
  if (const int code = FindRecord(key, record); code != 0) return code;
  if (record) return checksum && *checksum != record->checksum ? 0 : Remove(key, *record);
  if (checksum && *checksum != 0) return 0;
  // Nothing there, or a record that does not parse: its pieces go when eviction comes to them.
  MDB_val name = Value(key);
  return NotFoundIsFine(mdb_del(transaction_.txn(), environment_.keys(), &name, nullptr));
}

int Batch::Clear() {
  MDB_stat stat;
  if (const int code = mdb_stat(transaction_.txn(), environment_.keys(), &stat); code != 0) return code;
  const int code = PutNumber(transaction_.txn(), environment_.main(), kFloorName, state_.next_id);
  if (code != 0) return code;
  state_.floor = state_.next_id;
  state_.condemned = stat.ms_entries;
  return 0;
}

int Batch::Expire(std::int64_t now_ms, std::uint64_t max) {
  for (std::uint64_t i = 0; i < max; ++i) {
    MDB_val row{}, data{};
    int code = Cursor(transaction_.txn(), environment_.expiry()).Get(row, data, MDB_FIRST);
    if (code != 0) return NotFoundIsFine(code);
    const std::string row_bytes(View(row));
    const auto expiry = DecodeExpiryKey(row_bytes);
    if (expiry && expiry->expires_ms > now_ms) return 0;
    std::optional<KeyRecord> record;
    std::optional<Digest> key;
    if (expiry) {
      std::uint64_t id = expiry->first_id;
      MDB_val name = Value(id), piece{};
      code = mdb_get(transaction_.txn(), environment_.values(), &name, &piece);
      if (code != 0 && code != MDB_NOTFOUND) return code;
      if (code == 0) key = DecodeKey(View(piece));
      if (key) code = FindRecord(*key, record);
      if (code != 0 && code != MDB_NOTFOUND) return code;
    }
    if (record && record->first_id == expiry->first_id && record->expires_ms == expiry->expires_ms) {
      code = Remove(*key, *record);
      counters_.expirations.Add();
    } else {
      MDB_val stray = Value(row_bytes);
      code = NotFoundIsFine(mdb_del(transaction_.txn(), environment_.expiry(), &stray, nullptr));
    }
    if (code != 0) return code;
  }
  return 0;
}

int Batch::FindOldest(Oldest& oldest) {
  MDB_val key{}, data{};
  const int code = Cursor(transaction_.txn(), environment_.values()).Get(key, data, MDB_FIRST);
  if (code != 0) return code;
  std::memcpy(&oldest.id, key.mv_data, sizeof oldest.id);
  const auto owner = DecodeKey(View(data));
  if (!owner) return 0;
  oldest.key = *owner;
  std::optional<KeyRecord> record;
  if (const int found = FindRecord(*owner, record); found != 0) return found;
  if (record && record->first_id == oldest.id) oldest.record = record;
  return 0;
}

int Batch::MoveToNewest(const Oldest& oldest) {
  const KeyRecord& record = *oldest.record;
  std::string bytes;
  bytes.reserve(record.bytes);
  for (std::uint64_t id = oldest.id; id < oldest.id + record.pieces; ++id) {
    std::uint64_t name = id;
    MDB_val key = Value(name), data{};
    const int code = mdb_get(transaction_.txn(), environment_.values(), &key, &data);
    if (code == MDB_NOTFOUND) break;
    if (code != 0) return code;
    bytes.append(View(data));
  }
  // Damaged: a second chance would only carry the damage on.
  if (bytes.size() != record.bytes || Checksum(bytes) != record.checksum) {
    counters_.corrupt_values.Add();
    return Remove(oldest.key, record);
  }
  if (const int code = RemoveEntry(oldest.key, record); code != 0) return code;
  return Append(oldest.key, bytes, record.expires_ms, record.checksum);
}

int Batch::EvictOldest(bool may_spare, Eviction& eviction) {
  eviction = {};
  Oldest oldest;
  if (const int code = FindOldest(oldest); code != 0) return NotFoundIsFine(code);
  eviction.bytes = 1;
  if (!oldest.record) return RemovePieces(oldest.id, 1);
  eviction.bytes = FileBytes(oldest.record->bytes, true);
  const bool read_lately = marks_.TestAndClear(oldest.id);
  eviction.spared = read_lately && may_spare && oldest.id >= state_.floor;
  if (eviction.spared) return MoveToNewest(oldest);
  if (oldest.id >= state_.floor) counters_.evictions.Add();
  return Remove(oldest.key, *oldest.record);
}

int Batch::ReclaimOldest(bool& found) {
  Oldest oldest;
  const int code = FindOldest(oldest);
  found = code == 0 && oldest.id < state_.floor;
  if (!found) return NotFoundIsFine(code);
  return oldest.record ? Remove(oldest.key, *oldest.record) : RemovePieces(oldest.id, 1);
}

int Batch::PutVector(const Digest& key, std::string_view bytes) {
  std::optional<KeyRecord> record;
  if (const int code = FindRecord(key, record); code != 0 || !record || record->first_id < state_.floor) return code;
  MDB_val name = Value(key), data = Value(bytes);
  return mdb_put(transaction_.txn(), environment_.vectors(), &name, &data, 0);
}

int Batch::PutNote(std::string_view key, std::string_view value) {
  const std::string bytes = EncodeNote(key, value);
  MDB_val name = Value(key), data = Value(bytes);
  return mdb_put(transaction_.txn(), environment_.notes(), &name, &data, 0);
}

int Batch::EraseNote(std::string_view key) {
  MDB_val name = Value(key);
  return NotFoundIsFine(mdb_del(transaction_.txn(), environment_.notes(), &name, nullptr));
}

int Batch::PutRule(std::uint64_t number, const StoredRule& rule) {
  const std::string key = EncodeRuleKey(number), bytes = EncodeRule(rule);
  MDB_val name = Value(key), data = Value(bytes);
  return mdb_put(transaction_.txn(), environment_.rules(), &name, &data, 0);
}

int Batch::EraseRule(std::uint64_t number) {
  const std::string key = EncodeRuleKey(number);
  MDB_val name = Value(key);
  return NotFoundIsFine(mdb_del(transaction_.txn(), environment_.rules(), &name, nullptr));
}

int Batch::Sweep(const Slice& slice, const Condemn& condemn, std::uint64_t& position, bool& last) {
  std::vector<std::pair<Digest, KeyRecord>> doomed;
  {
    Cursor values(transaction_.txn(), environment_.values()), heads(transaction_.txn(), environment_.values());
    if (heads.code() != 0) return heads.code();
    position = std::max(slice.position, state_.floor);
    last = false;
    for (std::uint64_t looked = 0; looked < slice.look_max && doomed.size() < slice.remove_max; ++looked) {
      MDB_val id = Value(position), piece{};
      const int code = values.Get(id, piece, MDB_SET_RANGE);
      if (code != 0 && code != MDB_NOTFOUND) return code;
      if (code == 0) std::memcpy(&position, id.mv_data, sizeof position);
      last = code == MDB_NOTFOUND || position >= slice.end;
      if (last) break;
      const auto key = DecodeKey(View(piece));
      std::optional<KeyRecord> record;
      if (key) {
        if (const int found = FindRecord(*key, record); found != 0) return found;
      }
      // A piece that begins no entry is stepped over alone.
      if (!record || record->first_id != position) {
        ++position;
        continue;
      }
      const auto head = ReadHead(heads.get(), *key, *record);
      if (!head || condemn(*head, position)) doomed.emplace_back(*key, *record);
      position += record->pieces;
    }
  }
  for (const auto& [key, record] : doomed) {
    if (const int code = Remove(key, record); code != 0) return code;
  }
  return 0;
}

}  // namespace reflex::store
