#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/result.h"
#include "reflex/snapshot.h"

// The pieces of a snapshot's file as bytes (docs/snapshots.md). Decoders are safe with any bytes.
namespace reflex::store::snapshot {

constexpr std::string_view kMagic("RXSNAP\r\n", 8);
constexpr std::string_view kPartSuffix = ".part";
constexpr std::uint32_t kEntries = 1, kNotes = 2, kEnd = 3;

// Rows are put together until a block has so much. A block is larger by at most one row.
constexpr std::size_t kBlockBytes = 256u << 10;
constexpr std::uint64_t kBlockBytesMax = (1ull << 30) + (1u << 20);
constexpr std::uint32_t kHeadBytesMax = 1u << 20;
// Magic, version, length of the head.
constexpr std::size_t kPrefixBytes = 16;
constexpr std::size_t kBlockHeadBytes = 32;
// What closes the file: where the end begins, and SHA-256 of all before it.
constexpr std::size_t kClosingBytes = 8 + 32;

// Prefix, head and its checksum.
std::string EncodeHead(const SnapshotInfo& info);
// The length of the head and its checksum, from the prefix. Returns: kUnsupported, kNewerFormat, kCorrupt.
Result<std::uint32_t> DecodePrefix(std::string_view prefix);
// `bytes` from the file's first one to the head's checksum. Returns: kCorrupt.
Result<SnapshotInfo> DecodeHead(std::string_view bytes);

struct BlockHead {
  std::uint32_t kind = 0;
  std::uint32_t rows = 0;
  std::uint32_t bytes = 0;         // Unpacked.
  std::uint32_t packed_bytes = 0;  // As they follow in the file.
  std::uint64_t checksum = 0;      // Of those.
};
std::string EncodeBlockHead(const BlockHead& head);
// Nothing where its own checksum is wrong or a number is impossible.
std::optional<BlockHead> DecodeBlockHead(std::string_view bytes);

// A block head of kind kEnd, the counts, and `at`, the place of its first byte in the file: all but the whole checksum.
std::string EncodeEnd(const SnapshotInfo& info, std::uint64_t at);
// Counts and embedders into `info`. `bytes` from the end's first one up to the whole checksum. Returns: kCorrupt.
Result<void> DecodeEnd(std::string_view bytes, SnapshotInfo& info);

}  // namespace reflex::store::snapshot
