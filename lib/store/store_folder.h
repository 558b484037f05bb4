#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "reflex/result.h"

namespace reflex::store {

// The files beside LMDB's own in a store's folder, and what they say about the last process that used it:
//   reflex.lock   locked by the process that has the store open, holds its number
//   opening       stands from open to the first commit, counts the starts that died in between
//   closed        size and times of data.mdb when it was last closed; while they are still true the file needs no check
//   data.mdb.damaged-<seconds>   the file last set aside; only the newest is kept
// Not thread-safe: used by one thread at a time. The lock is held until destruction.
class StoreFolder {
 public:
  // Makes and locks the folder. Returns: kIo, kFull; kBusy when another process has it.
  static Result<StoreFolder> Open(const std::filesystem::path& path);
  ~StoreFolder();
  StoreFolder(StoreFolder&& other) noexcept;
  StoreFolder& operator=(StoreFolder&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path data_file() const { return path_ / "data.mdb"; }
  bool HasData() const;

  // Starts in a row that died between open and first commit.
  int DeadStarts() const;
  // Returns: kIo, kFull.
  Result<void> MarkOpening(int dead_starts);
  void UnmarkOpening();

  bool ClosedCleanly() const;
  // Failing only costs the next start a check.
  void MarkClosed();

  // Moves data.mdb out of the way. Returns its new path, or: kIo.
  Result<std::filesystem::path> SetAside(std::int64_t now_ms);

 private:
  StoreFolder(std::filesystem::path path, int lock);
  std::string DataFileState() const;

  std::filesystem::path path_;
  int lock_;
};

}  // namespace reflex::store
