#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace reflex::store {

// When what was put becomes durable.
enum class CommitMode {
  kEachWrite,  // At once; what queues up meanwhile shares the next commit.
  kInterval,   // After `commit_interval` at the latest.
  kOff,        // Written at each interval, left to the operating system to sync: a power cut may cost the whole store.
};

struct LmdbOptions {
  // Folder of the store; made, with mode 0700, when it is not there. A local file system: LMDB maps the file.
  std::filesystem::path path;
  // Entries in use take at most this much of the file; at least 4 MiB. The file may become 1.3 times as large, its map is twice.
  std::uint64_t limit_bytes = 8ull << 30;
  // The file does not grow into this part of its file system. 0 to 90.
  std::uint32_t free_space_percent = 5;
  CommitMode commit = CommitMode::kInterval;
  // 1 ms to 60 s.
  std::chrono::milliseconds commit_interval{100};
  // What may wait for the writer, both bounds at once. Beyond them entries are not stored, and counted.
  std::uint64_t queue_bytes = 64ull << 20;
  std::uint64_t queue_entries = 65'536;
  // 0 stores as it is, 1 to 19 compress.
  int zstd_level = 0;
  // Larger entries are refused; an eighth of the limit is always the bound.
  std::uint64_t entry_bytes_max = 64ull << 20;
  // Open waits this long for the check of a file that was not closed cleanly; then the check goes on beside a store that has
  // nothing yet.
  std::chrono::milliseconds check_wait{2000};
};

}  // namespace reflex::store
