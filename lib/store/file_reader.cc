#include "store/file_reader.h"

#include <memory>

#include <lmdb.h>

#include "store/pieces.h"
#include "store/record.h"
#include "store/values.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kHeadsSlice = 256;
constexpr std::uint64_t kRowsSlice = 1024;
constexpr std::uint64_t kNotesSlice = 256;

std::unexpected<Error> ReadError(int code) { return std::unexpected(LmdbError("cannot read the store", code)); }

// Keys sort by their bytes, and a label is their first 8.
std::string LabelBytes(std::uint64_t label) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(label >> shift));
  return bytes;
}

// The first row behind `after`, or the table's first.
int Seek(MDB_cursor* cursor, std::string_view after, MDB_val& key, MDB_val& data) {
  if (after.empty()) return mdb_cursor_get(cursor, &key, &data, MDB_FIRST);
  key = Value(after);
  const int code = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
  return code == 0 && View(key) == after ? mdb_cursor_get(cursor, &key, &data, MDB_NEXT) : code;
}

}  // namespace

int FileReader::FindRecord(ReadLease& lease, Environment& environment, const Digest& key, std::optional<KeyRecord>& record) {
  MDB_val name = Value(key), data{};
  const int code = mdb_get(lease.txn(), environment.keys(), &name, &data);
  if (code == 0) record = DecodeKeyRecord(View(data));
  return code;
}

bool FileReader::IsThere(ReadLease& lease, Environment& environment, const Digest& key) {
  std::optional<KeyRecord> record;
  return FindRecord(lease, environment, key, record) == 0 && record && visibility_.Visible(record->first_id);
}

EntryPtr FileReader::Damaged(const Digest& key, std::uint64_t checksum) {
  counters_.corrupt_values.Add();
  logger_.Log(LogLevel::kWarning, "store_value_damaged action=erase");
  queue_.EraseDamaged(key, checksum);
  return nullptr;
}

Result<EntryPtr> FileReader::Find(Environment& environment, const Digest& key, const RuleBook::View& rules) {
  std::string bytes;
  std::optional<KeyRecord> record;
  {
    ReadLease lease(environment);
    if (lease.error() != 0) return ReadError(lease.error());
    int code = FindRecord(lease, environment, key, record);
    if (code == MDB_NOTFOUND) return EntryPtr();
    if (code != 0) return ReadError(code);
    if (!record) return Damaged(key, 0);
    if (!visibility_.Visible(record->first_id)) return EntryPtr();
    code = ReadPieces(lease.values(), *record, record->bytes, bytes);
    if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  }
  if (bytes.size() != record->bytes || Checksum(bytes) != record->checksum) return Damaged(key, record->checksum);
  auto entry = DecodeEntry(bytes);
  // The checksum covers the key inside; comparing it keeps a damaged key table from answering for another entry.
  if (!entry || entry->key != key) return Damaged(key, record->checksum);
  if (rules.HidesStored(*entry, record->first_id)) return EntryPtr();
  marks_.Set(record->first_id);
  return std::make_shared<const Entry>(std::move(*entry));
}

Result<EntryPtr> FileReader::FindHead(Environment& environment, const Digest& key, const RuleBook::View& rules) {
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  std::optional<KeyRecord> record;
  const int code = FindRecord(lease, environment, key, record);
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  if (!record || !visibility_.Visible(record->first_id)) return EntryPtr();
  auto head = ReadHead(lease.values(), key, *record);
  if (!head || rules.HidesStored(*head, record->first_id)) return EntryPtr();
  return std::make_shared<const Entry>(std::move(*head));
}

Result<EntryPtr> FileReader::FindHeadByLabel(Environment& environment, std::uint64_t label, const RuleBook::View& rules) {
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_cursor* keys = lease.Cursor(environment.keys());
  if (keys == nullptr) return ReadError(lease.error());
  const std::string prefix = LabelBytes(label);
  MDB_val name = Value(prefix), data{};
  int code = mdb_cursor_get(keys, &name, &data, MDB_SET_RANGE);
  for (; code == 0 && View(name).starts_with(prefix); code = mdb_cursor_get(keys, &name, &data, MDB_NEXT)) {
    const auto key = DecodeKey(View(name));
    const auto record = DecodeKeyRecord(View(data));
    if (!key || !record || !visibility_.Visible(record->first_id) || queue_.Pending(*key)) continue;
    auto head = ReadHead(lease.values(), *key, *record);
    if (head && !rules.HidesStored(*head, record->first_id)) return std::make_shared<const Entry>(std::move(*head));
  }
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  return EntryPtr();
}

Result<std::vector<ScopeMember>> FileReader::FindMembers(Environment& environment, const Digest& scope, const Digest* canonical,
                                                         std::size_t limit) {
  std::vector<ScopeMember> members;
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_cursor* rows = lease.Cursor(environment.scopes());
  if (rows == nullptr) return ReadError(lease.error());
  std::string prefix(View(scope));
  if (canonical != nullptr) prefix.append(View(*canonical));
  const bool any_pending = queue_.AnyPending();
  const bool reclaiming = visibility_.reclaiming.load(std::memory_order_acquire);
  MDB_val name = Value(prefix), data{};
  int code = mdb_cursor_get(rows, &name, &data, MDB_SET_RANGE);
  for (; code == 0 && members.size() < limit && View(name).starts_with(prefix);
       code = mdb_cursor_get(rows, &name, &data, MDB_NEXT)) {
    const auto row = DecodeScopeRow(View(name));
    if (!row || (any_pending && queue_.Pending(row->member.key))) continue;
    if (!reclaiming || IsThere(lease, environment, row->member.key)) members.push_back(row->member);
  }
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  // A Clear that came in between hides them all.
  if (!visibility_.FileVisible()) members.clear();
  return members;
}

Result<FileReader::MemberSlice> FileReader::ReadMembers(Environment& environment, std::string& after) {
  MemberSlice slice;
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_cursor* rows = lease.Cursor(environment.scopes());
  if (rows == nullptr) return ReadError(lease.error());
  const bool reclaiming = visibility_.reclaiming.load(std::memory_order_acquire);
  MDB_val name{}, data{};
  int code = Seek(rows, after, name, data);
  for (std::uint64_t i = 0; code == 0 && i < kRowsSlice; ++i) {
    after = View(name);
    const auto row = DecodeScopeRow(View(name));
    if (row && (!reclaiming || IsThere(lease, environment, row->member.key))) slice.members.emplace_back(row->scope, row->member);
    code = mdb_cursor_get(rows, &name, &data, MDB_NEXT);
  }
  slice.last = code != 0;
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  return slice;
}

Result<std::string> FileReader::FindVector(Environment& environment, const Digest& key) {
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  if (!IsThere(lease, environment, key)) return std::string();
  MDB_val name = Value(key), data{};
  const int code = mdb_get(lease.txn(), environment.vectors(), &name, &data);
  if (code == MDB_NOTFOUND) return std::string();
  if (code != 0) return ReadError(code);
  return std::string(View(data));
}

bool FileReader::ReadVectorByLabel(Environment& environment, std::uint64_t label,
                                   const std::function<void(std::string_view)>& read) {
  ReadLease lease(environment);
  if (lease.error() != 0) return false;
  MDB_cursor* vectors = lease.Cursor(environment.vectors());
  if (vectors == nullptr) return false;
  const std::string prefix = LabelBytes(label);
  MDB_val name = Value(prefix), data{};
  if (mdb_cursor_get(vectors, &name, &data, MDB_SET_RANGE) != 0 || !View(name).starts_with(prefix)) return false;
  if (visibility_.reclaiming.load(std::memory_order_acquire)) {
    const auto key = DecodeKey(View(name));
    if (!key || !IsThere(lease, environment, *key)) return false;
  }
  read(View(data));
  return true;
}

Result<std::optional<std::string>> FileReader::FindNote(Environment& environment, std::string_view key) {
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_val name = Value(key), data{};
  const int code = mdb_get(lease.txn(), environment.notes(), &name, &data);
  if (code == MDB_NOTFOUND) return std::optional<std::string>();
  if (code != 0) return ReadError(code);
  const auto value = DecodeNote(key, View(data));
  if (!value) counters_.corrupt_values.Add();
  return value ? std::optional(std::string(*value)) : std::nullopt;
}

Result<FileReader::NoteSlice> FileReader::ReadNotes(Environment& environment, std::string_view prefix, const std::string& after) {
  NoteSlice slice;
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_cursor* notes = lease.Cursor(environment.notes());
  if (notes == nullptr) return ReadError(lease.error());
  MDB_val name = Value(prefix), data{};
  const bool from_prefix = after.empty() && !prefix.empty();
  int code = from_prefix ? mdb_cursor_get(notes, &name, &data, MDB_SET_RANGE) : Seek(notes, after, name, data);
  while (code == 0 && slice.notes.size() < kNotesSlice && View(name).starts_with(prefix)) {
    const auto value = DecodeNote(View(name), View(data));
    if (value) slice.notes.emplace_back(View(name), *value);
    if (!value) counters_.corrupt_values.Add();
    code = mdb_cursor_get(notes, &name, &data, MDB_NEXT);
  }
  slice.last = code != 0 || !View(name).starts_with(prefix);
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  return slice;
}

Result<void> FileReader::LoadRules(Environment& environment, RuleBook& rules) {
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_cursor* rows = lease.Cursor(environment.rules());
  if (rows == nullptr) return ReadError(lease.error());
  MDB_val name{}, data{};
  int code = mdb_cursor_get(rows, &name, &data, MDB_FIRST);
  for (; code == 0; code = mdb_cursor_get(rows, &name, &data, MDB_NEXT)) {
    const auto number = DecodeRuleKey(View(name));
    const auto stored = DecodeRule(View(data));
    if (number && stored) {
      rules.Load(*number, *stored);
    } else {
      counters_.corrupt_values.Add();
      logger_.Log(LogLevel::kWarning, "store_purge_damaged action=forget");
    }
  }
  if (code != MDB_NOTFOUND) return ReadError(code);
  return {};
}

void FileReader::Collect(ReadLease& lease, const Digest& key, std::string_view record_bytes, Slice& slice) const {
  const auto record = DecodeKeyRecord(record_bytes);
  if (!record) return slice.broken.push_back({key, 0});
  if (!visibility_.Visible(record->first_id)) return;
  auto head = ReadHead(lease.values(), key, *record);
  if (!head) return slice.broken.push_back({key, record->checksum});
  slice.heads.emplace_back(std::move(*head), *record);
}

Result<FileReader::Slice> FileReader::ReadHeads(Environment& environment, std::optional<Digest>& after) {
  Slice slice;
  ReadLease lease(environment);
  if (lease.error() != 0) return ReadError(lease.error());
  MDB_cursor* keys = lease.Cursor(environment.keys());
  if (keys == nullptr) return ReadError(lease.error());
  MDB_val name{}, data{};
  const std::string from(after ? View(*after) : std::string_view());
  int code = Seek(keys, from, name, data);
  for (std::uint64_t i = 0; code == 0 && i < kHeadsSlice; ++i) {
    if (const auto key = DecodeKey(View(name))) {
      after = *key;
      Collect(lease, *key, View(data), slice);
    }
    code = mdb_cursor_get(keys, &name, &data, MDB_NEXT);
  }
  slice.last = code != 0;
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  return slice;
}

}  // namespace reflex::store
