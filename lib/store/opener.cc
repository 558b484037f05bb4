#include "store/opener.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "store/file_check.h"
#include "store/snapshot_build.h"

namespace reflex::store {
namespace {

constexpr int kDeadStartsMax = 2;

Result<void> SetAside(StoreFolder& folder, Clock& clock, Logger& logger, const std::string& reason) {
  REFLEX_TRY(const auto target, folder.SetAside(clock.WallMs()));
  logger.Log(LogLevel::kWarning, "store_set_aside file=" + target.string() + " reason=\"" + reason + "\"");
  return {};
}

// What is wrong with the file, or empty; an error where the start must not go on.
Result<std::string> FindFault(StoreFolder& folder) {
  if (folder.DeadStarts() >= kDeadStartsMax) return "two starts in a row died opening it";
  const auto depth = folder.ClosedCleanly() ? CheckDepth::kHead : CheckDepth::kWhole;
  auto report = CheckFile(folder.data_file(), depth);
  if (report) return std::string();
  const ErrorCode code = report.error().code;
  if (code == ErrorCode::kCorrupt || code == ErrorCode::kUnsupported) return std::move(report.error().message);
  return std::unexpected(std::move(report.error()));
}

}  // namespace

Result<std::unique_ptr<Environment>> OpenEnvironment(const LmdbOptions& options, StoreFolder& folder, Clock& clock,
                                                     Logger& logger) {
  RemoveBuild(options.path);
  int dead_starts = folder.DeadStarts();
  if (folder.HasData()) {
    REFLEX_TRY(const std::string fault, FindFault(folder));
    if (!fault.empty()) {
      REFLEX_CHECK(SetAside(folder, clock, logger, fault));
      dead_starts = 0;
    }
  }
  // A disk too full for the marker is no reason to stop.
  if (auto marked = folder.MarkOpening(dead_starts + 1); !marked) {
    logger.Log(LogLevel::kWarning, "store_marker_failed error=\"" + marked.error().message + "\"");
  }
  // A file from a time of a higher limit needs room to shrink in.
  std::error_code ignored;
  const std::uint64_t file_bytes = folder.HasData() ? std::filesystem::file_size(folder.data_file(), ignored) : 0;
  const std::uint64_t map_bytes = std::max(options.limit_bytes * 2, file_bytes + (64u << 20));
  const Environment::Options how{options.path, map_bytes, options.commit != CommitMode::kOff};
  auto environment = Environment::Open(how);
  if (environment || environment.error().code != ErrorCode::kCorrupt || !folder.HasData()) return environment;
  REFLEX_CHECK(SetAside(folder, clock, logger, environment.error().message));
  return Environment::Open(how);
}

}  // namespace reflex::store
