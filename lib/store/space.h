#pragma once

#include <cstdint>
#include <filesystem>

#include "store/environment.h"

namespace reflex::store {

// What one write transaction may use.
struct Space {
  std::uint64_t live_target_pages = 0;  // Eviction keeps the tables below this.
  std::uint64_t usable_pages = 0;       // Free pages, and what the file may still grow.
  bool disk_low = false;                // The file system's floor, not the limit, decides.
};

// Works out the space from the file's pages, the limit and the file system. The tables may fill 94 % of the limit and the file
// 128 %: between the two lie pages that are free but still seen by a reader, or freed by the last two commits.
Space ComputeSpace(const PageCounts& pages, std::uint64_t limit_bytes, std::uint64_t growable_bytes);

// How far a file in this folder may grow before less than `free_percent` of the file system is left; without a bound where the
// file system does not say.
std::uint64_t GrowableBytes(const std::filesystem::path& folder, std::uint32_t free_percent);

}  // namespace reflex::store
