#include "store/opener.h"

#include <string>
#include <utility>

#include "store/file_check.h"

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
  const Environment::Options how{options.path, options.limit_bytes * 2, options.commit != CommitMode::kOff};
  auto environment = Environment::Open(how);
  if (environment || environment.error().code != ErrorCode::kCorrupt || !folder.HasData()) return environment;
  REFLEX_CHECK(SetAside(folder, clock, logger, environment.error().message));
  return Environment::Open(how);
}

}  // namespace reflex::store
