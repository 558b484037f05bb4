#include "store/space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <limits>

namespace reflex::store {
namespace {

constexpr std::uint64_t kShrinkPages = 1024;

}  // namespace

Space ComputeSpace(const PageCounts& pages, std::uint64_t limit_bytes, std::uint64_t growable_bytes) {
  const std::uint64_t limit_pages = limit_bytes / pages.page_bytes;
  const std::uint64_t file_max = limit_pages + limit_pages / 100 * 28;
  const std::uint64_t growable = growable_bytes / pages.page_bytes;
  const std::uint64_t to_file_max = file_max > pages.file ? file_max - pages.file : 0;
  Space space;
  space.disk_low = growable < to_file_max;
  space.live_target_pages = limit_pages / 100 * 94;
  if (space.disk_low) {
    // Within the file as it is: what eviction frees is used again without growing.
    space.live_target_pages = std::min(space.live_target_pages, (pages.file + growable) / 10 * 8);
  }
  space.usable_pages = pages.reusable + std::min(to_file_max, growable);
  // The limit was lowered: removing writes before it frees.
  if (pages.live > limit_pages) space.usable_pages = std::max(space.usable_pages, std::min(kShrinkPages, growable));
  return space;
}

std::uint64_t GrowableBytes(const std::filesystem::path& folder, std::uint32_t free_percent) {
  struct statvfs status{};
  if (::statvfs(folder.c_str(), &status) != 0 || status.f_blocks == 0) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t floor = status.f_blocks / 100 * free_percent + status.f_blocks % 100 * free_percent / 100;
  const std::uint64_t available = status.f_bavail;
  return available > floor ? (available - floor) * status.f_frsize : 0;
}

}  // namespace reflex::store
