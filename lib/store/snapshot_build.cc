#include "store/snapshot_build.h"

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <lmdb.h>

#include "base/files.h"
#include "store/limits.h"
#include "store/record.h"
#include "store/snapshot_file.h"
#include "store/space.h"
#include "store/values.h"

namespace reflex::store {
namespace {

// What one transaction appends: its pages wait in memory.
constexpr std::uint64_t kBatchBytes = 32u << 20;
// Rows of the scope table are kept until there are so many, then sorted and put: one pass over its pages for each 100 MB of rows.
constexpr std::size_t kPlacesMax = 1u << 20;
// The largest value that shares a page with another of its size (batch.cc); a page's room, and what a node costs beside its value.
constexpr std::uint64_t kPieceBytes = 2022, kPageRoom = 4096 - 16, kNodeBytes = 18, kShortestFill = 128;
constexpr std::uint64_t kFreeBytesMin = 64u << 20;

std::unexpected<Error> WriteError(int code) { return std::unexpected(LmdbError("cannot write the restored store", code)); }

// One build: transactions one after the other, tables filled by appending.
class Builder {
 public:
  Builder(const SnapshotLoading& loading, const BuildOptions& options, SnapshotLoaded& loaded)
      : loading_(loading), options_(options), loaded_(loaded), next_id_(options.first_id) {}

  Result<void> Run(Environment& environment, SnapshotReader& reader);

 private:
  Result<void> Entry(const SnapshotReader::Item& item);
  Result<void> Note(const SnapshotReader::Item& item);
  int Append(const SnapshotReader::Item& item, std::int64_t expires_ms);
  Result<void> Commit();
  Result<void> PutExpiries();
  Result<void> PutPlaces();
  Result<void> Begin();
  int AppendRow(Environment::Table table, std::string_view key, std::string_view data) {
    MDB_val name = Value(key), value = Value(data);
    return mdb_put(transaction_->txn(), table, &name, &value, MDB_APPEND);
  }

  const SnapshotLoading& loading_;
  const BuildOptions& options_;
  SnapshotLoaded& loaded_;
  Environment* environment_ = nullptr;
  std::optional<WriteTransaction> transaction_;
  std::uint64_t next_id_;
  std::uint64_t tail_room_ = 0;
  std::uint64_t batch_bytes_ = 0;
  std::uint64_t seen_ = 0;
  bool full_ = false;
  std::vector<std::string> places_;
  std::vector<std::pair<std::int64_t, std::uint64_t>> expiries_;
};

Result<void> Builder::Begin() {
  transaction_.emplace(*environment_);
  if (transaction_->error() != 0) return WriteError(transaction_->error());
  return {};
}

Result<void> Builder::Commit() {
  if (GrowableBytes(options_.folder, options_.free_space_percent) < kFreeBytesMin + batch_bytes_) {
    return Fail(ErrorCode::kFull, "the file system has no room for the restored store beside the present one");
  }
  full_ = transaction_->LivePages() * 4096 > options_.limit_bytes / 10 * 9;
  if (const int code = transaction_->Commit(); code != 0) return WriteError(code);
  batch_bytes_ = 0;
  return Begin();
}

// Fills the tail of the last page, as Batch does.
int Builder::Append(const SnapshotReader::Item& item, std::int64_t expires_ms) {
  std::string_view bytes = item.row.entry;
  KeyRecord record{next_id_, 0, static_cast<std::uint32_t>(bytes.size()), expires_ms, Checksum(bytes)};
  while (!bytes.empty()) {
    const bool fill = tail_room_ >= kNodeBytes + kShortestFill;
    const std::uint64_t size = std::min<std::uint64_t>({bytes.size(), kPieceBytes, fill ? tail_room_ - kNodeBytes : kPieceBytes});
    const std::uint64_t taken = ((size + 1) & ~std::uint64_t{1}) + kNodeBytes;
    tail_room_ = (fill && taken <= tail_room_ ? tail_room_ : kPageRoom) - taken;
    std::uint64_t id = next_id_++;
    MDB_val name = Value(id), data = Value(bytes.substr(0, size));
    if (const int code = mdb_put(transaction_->txn(), environment_->values(), &name, &data, MDB_APPEND); code != 0) return code;
    bytes.remove_prefix(size);
    ++record.pieces;
  }
  expiries_.emplace_back(expires_ms, record.first_id);
  return AppendRow(environment_->keys(), item.row.entry.substr(0, sizeof(Digest)), EncodeKeyRecord(record));
}

Result<void> Builder::Entry(const SnapshotReader::Item& item) {
  const auto head = DecodeEntryHead(item.row.entry);
  if (!head) {
    return Fail(ErrorCode::kCorrupt, "the snapshot " + loading_.file.string() + " has an entry that does not parse");
  }
  ++seen_;
  if (head->expires_ms <= options_.now_ms) {
    ++loaded_.expired;
    return {};
  }
  if (full_) {
    ++loaded_.left_out;
    return {};
  }
  if (const int code = Append(item, head->expires_ms); code != 0) return WriteError(code);
  ++loaded_.entries;
  if (HasScope(*head)) places_.push_back(EncodeScopeRow(head->scope, head->canonical, head->key));
  batch_bytes_ += item.row.entry.size() + item.row.vector.size() + 200;
  if (item.row.vector.empty()) return {};
  if (loading_.keep_vector && !loading_.keep_vector(item.row.vector)) {
    ++loaded_.vectors_dropped;
    return {};
  }
  const int code = AppendRow(environment_->vectors(), item.row.entry.substr(0, sizeof(Digest)), item.row.vector);
  if (code != 0) return WriteError(code);
  ++loaded_.vectors;
  return {};
}

Result<void> Builder::Note(const SnapshotReader::Item& item) {
  if (loaded_.notes >= kNotesMax) return {};
  if (const int code = AppendRow(environment_->notes(), item.name, EncodeNote(item.name, item.text)); code != 0) {
    return WriteError(code);
  }
  ++loaded_.notes;
  batch_bytes_ += item.name.size() + item.text.size() + 100;
  return {};
}

Result<void> Builder::PutPlaces() {
  std::ranges::sort(places_);
  for (std::string& row : places_) {
    MDB_val name = Value(row), nothing{};
    const int code = mdb_put(transaction_->txn(), environment_->scopes(), &name, &nothing, 0);
    if (code != 0) return WriteError(code);
    if ((batch_bytes_ += row.size()) > kBatchBytes) REFLEX_CHECK(Commit());
  }
  places_.clear();
  return {};
}

Result<void> Builder::PutExpiries() {
  std::ranges::sort(expiries_);
  for (const auto& [expires_ms, id] : expiries_) {
    if (const int code = AppendRow(environment_->expiry(), EncodeExpiryKey(expires_ms, id), {}); code != 0) return WriteError(code);
    if ((batch_bytes_ += 32) > kBatchBytes) REFLEX_CHECK(Commit());
  }
  return {};
}

Result<void> Builder::Run(Environment& environment, SnapshotReader& reader) {
  environment_ = &environment;
  REFLEX_CHECK(Begin());
  for (;;) {
    REFLEX_TRY(const auto item, reader.Next());
    if (!item) break;
    REFLEX_CHECK(item->is_note ? Note(*item) : Entry(*item));
    if (places_.size() >= kPlacesMax) REFLEX_CHECK(PutPlaces());
    if (batch_bytes_ >= kBatchBytes) REFLEX_CHECK(Commit());
    if (seen_ % 64 == 0 && loading_.progress && !loading_.progress(seen_, reader.info().entries)) {
      return Fail(ErrorCode::kCancelled, "the load was given up");
    }
  }
  REFLEX_CHECK(PutPlaces());
  REFLEX_CHECK(PutExpiries());
  const int code = PutNumber(transaction_->txn(), environment.main(), kFloorName, options_.first_id);
  if (code != 0) return WriteError(code);
  REFLEX_CHECK(Commit());
  transaction_.reset();
  if (loading_.progress && !loading_.progress(seen_, reader.info().entries)) {
    return Fail(ErrorCode::kCancelled, "the load was given up");
  }
  return {};
}

Result<Built> Build(const SnapshotLoading& loading, const BuildOptions& options) {
  Built built;
  REFLEX_TRY(const auto reader, SnapshotReader::Open(loading.file));
  built.loaded.snapshot = reader->info();
  const auto folder = options.folder / kBuildFolder;
  REFLEX_CHECK(base::MakeDirectory(folder, 0700));
  const std::uint64_t map_bytes = std::max<std::uint64_t>(options.limit_bytes * 2, 64u << 20);
  REFLEX_TRY(built.environment, Environment::Open({folder, map_bytes, false}));
  REFLEX_CHECK(Builder(loading, options, built.loaded).Run(*built.environment, *reader));
  return built;
}

}  // namespace

void RemoveBuild(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder / kBuildFolder, ignored);
}

Result<Built> BuildEnvironment(const SnapshotLoading& loading, const BuildOptions& options) {
  RemoveBuild(options.folder);
  auto built = Build(loading, options);
  if (!built) RemoveBuild(options.folder);
  return built;
}

}  // namespace reflex::store
