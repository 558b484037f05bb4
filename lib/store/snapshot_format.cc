#include "store/snapshot_format.h"

#include "store/bytes.h"
#include "store/record.h"
#include "store/snapshot_file.h"

namespace reflex::store::snapshot {
namespace {

// More would be no embedders but damage.
constexpr std::uint32_t kEmbeddersMax = 1024;

}  // namespace

std::string EncodeHead(const SnapshotInfo& info) {
  std::string head;
  AppendLittleEndian(info.created_ms, head);
  AppendDigest(info.secret_mark, head);
  AppendText(info.wrapped_secret, head);
  AppendText(info.program, head);
  std::string bytes(kMagic);
  AppendLittleEndian(kSnapshotFormat, bytes);
  AppendLittleEndian(static_cast<std::uint32_t>(head.size()), bytes);
  bytes += head;
  AppendLittleEndian(Checksum(bytes), bytes);
  return bytes;
}

Result<std::uint32_t> DecodePrefix(std::string_view prefix) {
  if (prefix.size() < kPrefixBytes || !prefix.starts_with(kMagic)) return Fail(ErrorCode::kUnsupported, "is no snapshot of Reflex");
  ByteReader reader(prefix.substr(kMagic.size()));
  const auto version = reader.Number<std::uint32_t>();
  const auto bytes = reader.Number<std::uint32_t>();
  if (version > kSnapshotFormat) {
    return Fail(ErrorCode::kNewerFormat, "was written by a newer Reflex: its format is " + std::to_string(version) +
                                             ", this program reads up to " + std::to_string(kSnapshotFormat));
  }
  if (version == 0 || bytes > kHeadBytesMax) return Fail(ErrorCode::kCorrupt, "is damaged in its first 16 bytes");
  return bytes + static_cast<std::uint32_t>(sizeof(std::uint64_t));
}

Result<SnapshotInfo> DecodeHead(std::string_view bytes) {
  const std::unexpected<Error> damaged = Fail(ErrorCode::kCorrupt, "is damaged in its head");
  if (bytes.size() < kPrefixBytes + sizeof(std::uint64_t)) return damaged;
  const std::string_view content = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  if (ByteReader(bytes.substr(content.size())).Number<std::uint64_t>() != Checksum(content)) return damaged;
  ByteReader reader(content.substr(kPrefixBytes));
  SnapshotInfo info;
  info.format = ByteReader(content.substr(kMagic.size())).Number<std::uint32_t>();
  info.created_ms = reader.Number<std::int64_t>();
  info.secret_mark = reader.ReadDigest();
  info.wrapped_secret = reader.Text();
  info.program = reader.Text();
  if (!reader.ok() || !reader.rest().empty()) return damaged;
  return info;
}

std::string EncodeBlockHead(const BlockHead& head) {
  std::string bytes;
  AppendLittleEndian(head.kind, bytes);
  AppendLittleEndian(head.rows, bytes);
  AppendLittleEndian(head.bytes, bytes);
  AppendLittleEndian(head.packed_bytes, bytes);
  AppendLittleEndian(head.checksum, bytes);
  AppendLittleEndian(Checksum(bytes), bytes);
  return bytes;
}

std::optional<BlockHead> DecodeBlockHead(std::string_view bytes) {
  if (bytes.size() != kBlockHeadBytes) return std::nullopt;
  ByteReader reader(bytes);
  BlockHead head;
  head.kind = reader.Number<std::uint32_t>();
  head.rows = reader.Number<std::uint32_t>();
  head.bytes = reader.Number<std::uint32_t>();
  head.packed_bytes = reader.Number<std::uint32_t>();
  head.checksum = reader.Number<std::uint64_t>();
  if (reader.Number<std::uint64_t>() != Checksum(bytes.substr(0, kBlockHeadBytes - sizeof(std::uint64_t)))) return std::nullopt;
  if (head.kind < kEntries || head.kind > kEnd) return std::nullopt;
  if (head.bytes > kBlockBytesMax || head.packed_bytes > kBlockBytesMax) return std::nullopt;
  return head;
}

std::string EncodeEnd(const SnapshotInfo& info, std::uint64_t at) {
  std::string counts;
  AppendLittleEndian(info.entries, counts);
  AppendLittleEndian(info.vectors, counts);
  AppendLittleEndian(info.notes, counts);
  AppendLittleEndian(info.damaged, counts);
  AppendLittleEndian(static_cast<std::uint32_t>(info.embedders.size()), counts);
  for (const SnapshotEmbedder& embedder : info.embedders) {
    AppendText(embedder.id, counts);
    AppendLittleEndian(embedder.dimension, counts);
    AppendLittleEndian(embedder.vectors, counts);
  }
  const auto size = static_cast<std::uint32_t>(counts.size());
  std::string bytes = EncodeBlockHead({kEnd, 0, size, size, Checksum(counts)}) + counts;
  AppendLittleEndian(at, bytes);
  return bytes;
}

Result<void> DecodeEnd(std::string_view bytes, SnapshotInfo& info) {
  const std::unexpected<Error> damaged = Fail(ErrorCode::kCorrupt, "is damaged in its end");
  if (bytes.size() < kBlockHeadBytes + sizeof(std::uint64_t)) return damaged;
  const auto head = DecodeBlockHead(bytes.substr(0, kBlockHeadBytes));
  const std::string_view counts = bytes.substr(kBlockHeadBytes, bytes.size() - kBlockHeadBytes - sizeof(std::uint64_t));
  if (!head || head->kind != kEnd || head->packed_bytes != counts.size() || head->checksum != Checksum(counts)) return damaged;
  ByteReader reader(counts);
  info.entries = reader.Number<std::uint64_t>();
  info.vectors = reader.Number<std::uint64_t>();
  info.notes = reader.Number<std::uint64_t>();
  info.damaged = reader.Number<std::uint64_t>();
  const auto embedders = reader.Number<std::uint32_t>();
  if (embedders > kEmbeddersMax) return damaged;
  info.embedders.clear();
  for (std::uint32_t i = 0; i < embedders && reader.ok(); ++i) {
    SnapshotEmbedder embedder;
    embedder.id = reader.Text();
    embedder.dimension = reader.Number<std::uint32_t>();
    embedder.vectors = reader.Number<std::uint64_t>();
    info.embedders.push_back(std::move(embedder));
  }
  if (!reader.ok() || !reader.rest().empty()) return damaged;
  return {};
}

}  // namespace reflex::store::snapshot
