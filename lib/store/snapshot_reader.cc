#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <zstd.h>

#include "base/digest.h"
#include "base/files.h"
#include "store/bytes.h"
#include "store/limits.h"
#include "store/record.h"
#include "store/snapshot_file.h"
#include "store/snapshot_format.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kEndBytesMax = 1u << 20;
constexpr std::uint64_t kStepRows = 64;

struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

struct SnapshotReader::State {
  std::filesystem::path file;
  int fd = -1;
  std::uint64_t size = 0;
  std::uint64_t at = 0;      // What was read from the front.
  std::uint64_t end_at = 0;  // Where the end begins.
  SnapshotInfo info;
  base::Sha256 whole;
  std::unique_ptr<ZSTD_DCtx, FreeDecompressor> zstd{ZSTD_createDCtx()};
  std::string packed, block;
  ByteReader rows{{}};
  std::uint32_t kind = snapshot::kEntries, rows_left = 0;
  std::uint64_t entries = 0, vectors = 0, notes = 0;
  std::optional<Digest> last_key;
  std::string last_name;
  bool done = false;

  ~State() {
    if (fd >= 0) ::close(fd);
  }

  std::unexpected<Error> Damaged(std::string_view what) const {
    return Fail(ErrorCode::kCorrupt, "the snapshot " + file.string() + " " + std::string(what));
  }
  std::unexpected<Error> With(Error error) const {
    return Fail(error.code, (error.code == ErrorCode::kUnsupported ? "" : "the snapshot ") + file.string() + " " + error.message);
  }
  Result<void> ReadAt(std::uint64_t offset, std::uint64_t bytes, std::string& out) const {
    if (offset > size || bytes > size - offset) return Damaged("is cut off");
    out.resize(bytes);
    for (std::uint64_t got = 0; got < bytes;) {
      const ssize_t read = ::pread(fd, out.data() + got, bytes - got, static_cast<off_t>(offset + got));
      if (read < 0 && errno == EINTR) continue;
      if (read < 0) return std::unexpected(base::FileError("cannot read", file, errno));
      if (read == 0) return Damaged("became shorter while it was read");
      got += static_cast<std::uint64_t>(read);
    }
    return {};
  }
  // The next bytes from the front, into the whole checksum too.
  Result<void> ReadOn(std::uint64_t bytes, std::string& out) {
    REFLEX_CHECK(ReadAt(at, bytes, out));
    at += bytes;
    whole.Update(out);
    return {};
  }
  Result<void> OpenFile(const std::filesystem::path& path);
  Result<void> ReadHead();
  Result<void> ReadEnd();
};

Result<void> SnapshotReader::State::OpenFile(const std::filesystem::path& path) {
  file = path;
  info.name = path.filename().string();
  fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(base::FileError("cannot open", path, errno));
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::unexpected(base::FileError("cannot look at", path, errno));
  if (!S_ISREG(status.st_mode)) return Fail(ErrorCode::kUnsupported, path.string() + " is no file");
  size = static_cast<std::uint64_t>(status.st_size);
  return {};
}

Result<void> SnapshotReader::State::ReadHead() {
  std::string prefix, rest;
  if (size < snapshot::kPrefixBytes) return Fail(ErrorCode::kUnsupported, file.string() + " is no snapshot of Reflex");
  REFLEX_CHECK(ReadOn(snapshot::kPrefixBytes, prefix));
  const auto bytes = snapshot::DecodePrefix(prefix);
  if (!bytes) return With(bytes.error());
  REFLEX_CHECK(ReadOn(*bytes, rest));
  auto head = snapshot::DecodeHead(prefix + rest);
  if (!head) return With(head.error());
  head->name = std::move(info.name);
  info = std::move(*head);
  info.bytes = size;
  return {};
}

Result<void> SnapshotReader::State::ReadEnd() {
  std::string closing, end;
  if (size < at + snapshot::kBlockHeadBytes + snapshot::kClosingBytes) return Damaged("is cut off");
  REFLEX_CHECK(ReadAt(size - snapshot::kClosingBytes, snapshot::kClosingBytes, closing));
  end_at = ByteReader(closing).Number<std::uint64_t>();
  const std::uint64_t end_to = size - sizeof(Digest);
  if (end_at < at || end_at >= end_to || end_to - end_at > kEndBytesMax) return Damaged("is cut off, or damaged in its end");
  REFLEX_CHECK(ReadAt(end_at, end_to - end_at, end));
  if (const auto read = snapshot::DecodeEnd(end, info); !read) return With(read.error());
  return {};
}

SnapshotReader::SnapshotReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SnapshotReader::~SnapshotReader() = default;

const SnapshotInfo& SnapshotReader::info() const { return state_->info; }

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::Open(const std::filesystem::path& file) {
  auto state = std::make_unique<State>();
  REFLEX_CHECK(state->OpenFile(file));
  REFLEX_CHECK(state->ReadHead());
  REFLEX_CHECK(state->ReadEnd());
  return std::unique_ptr<SnapshotReader>(new SnapshotReader(std::move(state)));
}

// False at the end of the blocks.
Result<bool> SnapshotReader::NextBlock() {
  State& state = *state_;
  if (state.at == state.end_at) return false;
  std::string bytes;
  REFLEX_CHECK(state.ReadOn(snapshot::kBlockHeadBytes, bytes));
  const auto head = snapshot::DecodeBlockHead(bytes);
  if (!head || head->kind < state.kind || head->kind == snapshot::kEnd || head->rows == 0 ||
      state.at + head->packed_bytes > state.end_at) {
    return state.Damaged("is damaged at the head of a block");
  }
  REFLEX_CHECK(state.ReadOn(head->packed_bytes, state.packed));
  if (Checksum(state.packed) != head->checksum) return state.Damaged("is damaged within a block");
  if (ZSTD_getFrameContentSize(state.packed.data(), state.packed.size()) != head->bytes) {
    return state.Damaged("has a block of another size than it says");
  }
  state.block.resize(head->bytes);
  const std::size_t size =
      ZSTD_decompressDCtx(state.zstd.get(), state.block.data(), state.block.size(), state.packed.data(), state.packed.size());
  if (ZSTD_isError(size) || size != head->bytes) return state.Damaged("has a block that does not unpack");
  state.rows = ByteReader(state.block);
  state.kind = head->kind;
  state.rows_left = head->rows;
  return true;
}

Result<void> SnapshotReader::CheckEnd() {
  State& state = *state_;
  if (state.entries != state.info.entries || state.vectors != state.info.vectors || state.notes != state.info.notes) {
    return state.Damaged("holds another number of rows than it says");
  }
  std::string bytes;
  REFLEX_CHECK(state.ReadOn(state.size - sizeof(Digest) - state.at, bytes));
  const Digest whole = state.whole.Finish();
  REFLEX_CHECK(state.ReadAt(state.at, sizeof(Digest), bytes));
  if (DecodeKey(bytes) != whole) return state.Damaged("has a wrong checksum");
  state.done = true;
  return {};
}

Result<std::optional<SnapshotReader::Item>> SnapshotReader::Next() {
  State& state = *state_;
  if (state.done) return std::nullopt;
  if (state.rows_left == 0) {
    if (!state.rows.rest().empty()) return state.Damaged("has a block with more than its rows");
    REFLEX_TRY(const bool more, NextBlock());
    if (!more) {
      REFLEX_CHECK(CheckEnd());
      return std::nullopt;
    }
  }
  --state.rows_left;
  const std::string_view first = state.rows.View(), second = state.rows.View();
  if (!state.rows.ok()) return state.Damaged("has a row that reaches beyond its block");
  Item item;
  item.is_note = state.kind == snapshot::kNotes;
  if (item.is_note) {
    if (!CheckNote(first, second) || (state.notes > 0 && first <= state.last_name)) return state.Damaged("has a note out of order");
    state.last_name = first;
    ++state.notes;
    item.name = first;
    item.text = second;
    return item;
  }
  const auto key = DecodeKey(first);
  if (!key || (state.last_key && *key <= *state.last_key)) return state.Damaged("has an entry out of order");
  if (!CheckVector(second)) return state.Damaged("has a vector that is too large");
  state.last_key = item.key = *key;
  item.row = {first, second};
  ++state.entries;
  state.vectors += second.empty() ? 0 : 1;
  return item;
}

Result<SnapshotInfo> ReadSnapshotInfo(const std::filesystem::path& file) {
  REFLEX_TRY(const auto reader, SnapshotReader::Open(file));
  return reader->info();
}

Result<SnapshotInfo> VerifySnapshot(const std::filesystem::path& file, const SnapshotStep& progress) {
  REFLEX_TRY(const auto reader, SnapshotReader::Open(file));
  std::uint64_t done = 0;
  for (;;) {
    REFLEX_TRY(const auto item, reader->Next());
    if (!item) break;
    if (item->is_note) continue;
    if (!DecodeEntry(item->row.entry)) {
      return Fail(ErrorCode::kCorrupt, "the snapshot " + file.string() + " has an entry that does not parse");
    }
    if (++done % kStepRows == 0 && progress && !progress(done, reader->info().entries)) {
      return Fail(ErrorCode::kCancelled, "the check was given up");
    }
  }
  if (progress) (void)progress(done, reader->info().entries);
  return reader->info();
}

}  // namespace reflex::store
