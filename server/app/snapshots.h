#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "reflex/snapshot.h"

namespace reflex::app {

struct SnapshotProgress {
  std::uint64_t done = 0, total = 0;  // Entries.
};

// Saves and loads of the running program; one at a time (kBusy). Thread-safe; every call blocks.
class Snapshots {
 public:
  // False: give up (kCancelled).
  using Progress = std::function<bool(SnapshotProgress)>;

  virtual ~Snapshots() = default;
  // Makes a local file, uploads it where the target is not local, and keeps the last N in both places. Returns: kUnavailable when
  // only the upload failed; the local file stays.
  virtual Result<SnapshotInfo> Save(const Progress& progress) = 0;
  // The newest snapshot of the target, or the named one, into the store. Returns: kNotFound: there is none yet.
  virtual Result<SnapshotLoaded> Load(std::string_view name, const Progress& progress) = 0;
  virtual Result<std::vector<SnapshotInfo>> List() = 0;

  // Whether the program must not save by itself: after a restore that failed it holds next to nothing, and its saves would push
  // out the good snapshots. Lasts beyond the process; ends with any save or load that succeeds.
  virtual void HoldSaves(bool hold) = 0;
  virtual bool saves_held() const = 0;
};

}  // namespace reflex::app
