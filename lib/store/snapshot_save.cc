#include "store/snapshot_save.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <lmdb.h>

#include "store/pieces.h"
#include "store/record.h"
#include "store/snapshot_file.h"
#include "store/values.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kStepEntries = 32;

std::unexpected<Error> ReadError(int code) { return std::unexpected(LmdbError("cannot read the store", code)); }

// One save; lives as long as its read transaction.
class Save {
 public:
  Save(Environment& environment, const Visibility& visibility, const RuleBook::View& rules, const SnapshotSaving& saving,
       std::int64_t now_ms)
      : environment_(environment), visibility_(visibility), rules_(rules), saving_(saving), now_ms_(now_ms), lease_(environment) {}

  Result<SnapshotInfo> Run();

 private:
  Result<void> Entries();
  Result<void> Notes();
  Result<void> OneEntry(std::string_view name, std::string_view record_bytes);
  Result<std::string_view> VectorOf(std::string_view name);
  void CountVector(std::string_view vector);

  Environment& environment_;
  const Visibility& visibility_;
  const RuleBook::View& rules_;
  const SnapshotSaving& saving_;
  const std::int64_t now_ms_;
  ReadLease lease_;
  std::unique_ptr<SnapshotWriter> writer_;
  SnapshotInfo info_;
  std::string bytes_;
};

Result<SnapshotInfo> Save::Run() {
  if (lease_.error() != 0) return ReadError(lease_.error());
  info_.created_ms = now_ms_;
  info_.program = saving_.program;
  info_.secret_mark = saving_.secret_mark;
  info_.wrapped_secret = saving_.wrapped_secret;
  REFLEX_TRY(writer_, SnapshotWriter::Begin(saving_.file, info_));
  REFLEX_CHECK(Entries());
  REFLEX_CHECK(Notes());
  return writer_->Finish(info_);
}

Result<void> Save::Entries() {
  MDB_stat stat{};
  if (const int code = mdb_stat(lease_.txn(), environment_.keys(), &stat); code != 0) return ReadError(code);
  MDB_cursor* keys = lease_.Cursor(environment_.keys());
  if (keys == nullptr) return ReadError(lease_.error());
  MDB_val name{}, record{};
  int code = mdb_cursor_get(keys, &name, &record, MDB_FIRST);
  std::uint64_t done = 0;
  for (; code == 0; code = mdb_cursor_get(keys, &name, &record, MDB_NEXT)) {
    REFLEX_CHECK(OneEntry(View(name), View(record)));
    const bool told = ++done % kStepEntries == 0 || done == stat.ms_entries;
    if (told && saving_.progress && !saving_.progress(done, stat.ms_entries)) {
      return Fail(ErrorCode::kCancelled, "the snapshot was given up");
    }
  }
  if (code != MDB_NOTFOUND) return ReadError(code);
  return {};
}

Result<void> Save::OneEntry(std::string_view name, std::string_view record_bytes) {
  const auto key = DecodeKey(name);
  const auto record = DecodeKeyRecord(record_bytes);
  if (!key || !record) {
    ++info_.damaged;
    return {};
  }
  if (!visibility_.Visible(record->first_id) || record->expires_ms <= now_ms_) return {};
  bytes_.clear();
  const int code = ReadPieces(lease_.values(), *record, record->bytes, bytes_);
  if (code != 0 && code != MDB_NOTFOUND) return ReadError(code);
  const bool whole = bytes_.size() == record->bytes && Checksum(bytes_) == record->checksum;
  const auto head = whole ? DecodeEntryHead(bytes_) : Fail(ErrorCode::kCorrupt, "");
  if (!head || head->key != *key) {
    ++info_.damaged;
    return {};
  }
  if (rules_.HidesStored(*head, record->first_id)) return {};
  REFLEX_TRY(const std::string_view vector, VectorOf(name));
  CountVector(vector);
  return writer_->AddEntry({bytes_, vector});
}

Result<std::string_view> Save::VectorOf(std::string_view name) {
  MDB_val key = Value(name), data{};
  const int code = mdb_get(lease_.txn(), environment_.vectors(), &key, &data);
  if (code == MDB_NOTFOUND) return std::string_view();
  if (code != 0) return ReadError(code);
  return View(data);
}

void Save::CountVector(std::string_view vector) {
  if (vector.empty()) return;
  SnapshotEmbedder of = saving_.describe ? saving_.describe(vector) : SnapshotEmbedder();
  const auto same = std::ranges::find_if(
      info_.embedders, [&](const SnapshotEmbedder& other) { return other.id == of.id && other.dimension == of.dimension; });
  if (same != info_.embedders.end()) {
    ++same->vectors;
    return;
  }
  of.vectors = 1;
  info_.embedders.push_back(std::move(of));
}

Result<void> Save::Notes() {
  MDB_cursor* notes = lease_.Cursor(environment_.notes());
  if (notes == nullptr) return ReadError(lease_.error());
  MDB_val name{}, data{};
  int code = mdb_cursor_get(notes, &name, &data, MDB_FIRST);
  for (; code == 0; code = mdb_cursor_get(notes, &name, &data, MDB_NEXT)) {
    const auto value = DecodeNote(View(name), View(data));
    if (!value) {
      ++info_.damaged;
      continue;
    }
    REFLEX_CHECK(writer_->AddNote(View(name), *value));
  }
  if (code != MDB_NOTFOUND) return ReadError(code);
  return {};
}

}  // namespace

Result<SnapshotInfo> SaveEnvironment(Environment& environment, const Visibility& visibility, const RuleBook::View& rules,
                                     const SnapshotSaving& saving, std::int64_t now_ms) {
  return Save(environment, visibility, rules, saving, now_ms).Run();
}

}  // namespace reflex::store
