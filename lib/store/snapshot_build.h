#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "reflex/result.h"
#include "reflex/snapshot.h"
#include "store/environment.h"
#include "store/opener.h"

namespace reflex::store {

// Where a new file grows, within the store's folder; of no use to anybody once the process is gone.
constexpr const char* kBuildFolder = "loading";

// How a file is built from a snapshot.
struct BuildOptions {
  std::filesystem::path folder;   // Of the store.
  std::uint64_t limit_bytes = 0;  // Of the store; what does not fit into nine tenths of it is left out.
  std::uint32_t free_space_percent = 0;
  std::uint64_t first_id = 1;  // Ids of entries go on from here.
  std::int64_t now_ms = 0;     // What is stale by then is left out.
};

struct Built {
  std::unique_ptr<Environment> environment;  // Of the file in kBuildFolder; not yet synced.
  SnapshotLoaded loaded;
};

// Appends the snapshot, in its order of keys, to a new file of the store's format: no page is written twice. The snapshot was found
// whole when this returns. Not thread-safe: one a folder. Returns: as SnapshotStore::LoadSnapshot; the folder is gone then.
Result<Built> BuildEnvironment(const SnapshotLoading& loading, const BuildOptions& options);

// Removes what a process that died left there. Failing does no harm.
void RemoveBuild(const std::filesystem::path& folder);

}  // namespace reflex::store
