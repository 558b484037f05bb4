#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <zstd.h>

#include "base/digest.h"
#include "base/files.h"
#include "store/bytes.h"
#include "store/record.h"
#include "store/snapshot_file.h"
#include "store/snapshot_format.h"

namespace reflex::store {
namespace {

// Answers shrink by a half to two thirds at several hundred megabytes a second, which a disk hardly exceeds.
constexpr int kZstdLevel = 1;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

Result<void> SyncFolder(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) return std::unexpected(base::FileError("cannot sync", folder, error));
  return {};
}

}  // namespace

struct SnapshotWriter::State {
  std::filesystem::path file, part;
  int fd = -1;
  bool named = false;
  base::Sha256 whole;
  SnapshotInfo info;
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> zstd{ZSTD_createCCtx()};
  std::uint32_t kind = snapshot::kEntries;
  std::uint32_t rows = 0;
  std::string block, packed;

  ~State() {
    if (fd >= 0) ::close(fd);
    std::error_code ignored;
    if (!named) std::filesystem::remove(part, ignored);
  }

  Result<void> Write(std::string_view bytes) {
    whole.Update(bytes);
    info.bytes += bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return std::unexpected(base::FileError("cannot write", part, errno));
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
};

SnapshotWriter::SnapshotWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SnapshotWriter::~SnapshotWriter() = default;

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::Begin(const std::filesystem::path& file, const SnapshotInfo& info) {
  auto state = std::make_unique<State>();
  state->file = file;
  state->part = file;
  state->part += snapshot::kPartSuffix;
  state->info = info;
  state->info.name = file.filename().string();
  state->info.format = kSnapshotFormat;
  state->info.bytes = state->info.entries = state->info.vectors = state->info.notes = 0;
  state->fd = ::open(state->part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (state->fd < 0) return std::unexpected(base::FileError("cannot create", state->part, errno));
  REFLEX_CHECK(state->Write(snapshot::EncodeHead(state->info)));
  return std::unique_ptr<SnapshotWriter>(new SnapshotWriter(std::move(state)));
}

Result<void> SnapshotWriter::WriteBlock() {
  State& state = *state_;
  if (state.rows == 0) return {};
  state.packed.resize(ZSTD_compressBound(state.block.size()));
  const std::size_t size = ZSTD_compressCCtx(state.zstd.get(), state.packed.data(), state.packed.size(), state.block.data(),
                                             state.block.size(), kZstdLevel);
  if (ZSTD_isError(size)) return Fail(ErrorCode::kInternal, std::string("zstd: ") + ZSTD_getErrorName(size));
  state.packed.resize(size);
  const snapshot::BlockHead head{state.kind, state.rows, static_cast<std::uint32_t>(state.block.size()),
                                 static_cast<std::uint32_t>(size), Checksum(state.packed)};
  REFLEX_CHECK(state.Write(snapshot::EncodeBlockHead(head)));
  REFLEX_CHECK(state.Write(state.packed));
  state.block.clear();
  state.rows = 0;
  return {};
}

Result<void> SnapshotWriter::AddEntry(const SnapshotRow& row) {
  AppendText(row.entry, state_->block);
  AppendText(row.vector, state_->block);
  ++state_->rows;
  ++state_->info.entries;
  state_->info.vectors += row.vector.empty() ? 0 : 1;
  if (state_->block.size() < snapshot::kBlockBytes) return {};
  return WriteBlock();
}

Result<void> SnapshotWriter::AddNote(std::string_view key, std::string_view value) {
  if (state_->kind != snapshot::kNotes) {
    REFLEX_CHECK(WriteBlock());
    state_->kind = snapshot::kNotes;
  }
  AppendText(key, state_->block);
  AppendText(value, state_->block);
  ++state_->rows;
  ++state_->info.notes;
  if (state_->block.size() < snapshot::kBlockBytes) return {};
  return WriteBlock();
}

Result<SnapshotInfo> SnapshotWriter::Finish(const SnapshotInfo& info) {
  State& state = *state_;
  REFLEX_CHECK(WriteBlock());
  state.info.damaged = info.damaged;
  state.info.embedders = info.embedders;
  REFLEX_CHECK(state.Write(snapshot::EncodeEnd(state.info, state.info.bytes)));
  const Digest digest = state.whole.Finish();
  REFLEX_CHECK(state.Write({reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()}));
  if (::fsync(state.fd) != 0) return std::unexpected(base::FileError("cannot sync", state.part, errno));
  if (::rename(state.part.c_str(), state.file.c_str()) != 0) {
    return std::unexpected(base::FileError("cannot rename to", state.file, errno));
  }
  state.named = true;
  REFLEX_CHECK(SyncFolder(state.file));
  return state.info;
}

}  // namespace reflex::store
