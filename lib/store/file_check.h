#pragma once

#include <cstdint>
#include <filesystem>

#include "reflex/result.h"

namespace reflex::store {

// Format number this program writes; docs/store.md lists them.
constexpr std::uint32_t kFormat = 2;
// Names in LMDB's main table: the format number with its complement (4 bytes each) and the tables.
constexpr char kFormatName[] = "reflex.format";
constexpr char kValuesName[] = "values";
constexpr char kKeysName[] = "keys";
constexpr char kExpiryName[] = "expiry";
constexpr char kScopesName[] = "scopes";
constexpr char kVectorsName[] = "vectors";
constexpr char kNotesName[] = "notes";
constexpr char kRulesName[] = "rules";

enum class CheckDepth {
  kHead,   // Meta pages, the main table and the format: microseconds.
  kWhole,  // Every page of every table and the free list: about 1 GB/s when the file is in memory.
};

struct FileReport {
  std::uint32_t format = 0;
  std::uint64_t pages_checked = 0;
};

// Reads an LMDB 0.9 file by itself, every access within bounds, and says whether LMDB can be trusted with it. LMDB follows page
// numbers and offsets without looking at them: one flipped bit there is a crash, an endless loop or another entry's bytes.
//
// kWhole proves: both meta pages are sane; every page reachable from the newest one is inside the file, is what its parent says,
// is reached once and is not in the free list; nodes lie within their page and fill it exactly; keys ascend and stay within
// their parents' bounds; depth and counts of each table are those in its record; the free list is sorted, in range and without
// repeats. It does not read the values: their checksums do that at each Find.
//
// Thread-safe. An I/O error while reading is the operating system's SIGBUS, as it would be under LMDB.
// Returns: kNotFound, kIo, kCorrupt, kNewerFormat; kUnsupported for an LMDB file that is no store of ours or an older format.
Result<FileReport> CheckFile(const std::filesystem::path& path, CheckDepth depth);

}  // namespace reflex::store
