#include "store/restoring.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/files.h"
#include "store/snapshot_build.h"

namespace reflex::store {
namespace {

// Some tens of megabytes; a load that sees more erased is better begun anew.
constexpr std::size_t kErasedMax = 500'000;

}  // namespace

bool Restoring::Begin() {
  base::MutexLock lock(mutex_);
  if (busy_) return false;
  busy_ = true;
  overflown_ = false;
  taken_ = {};
  spoiled_.clear();
  active_.store(true);
  return true;
}

void Restoring::End() {
  base::MutexLock lock(mutex_);
  active_.store(false);
  busy_ = false;
  taken_ = {};
}

void Restoring::Erased(const Digest& key) {
  if (!active_.load()) return;
  base::MutexLock lock(mutex_);
  if (taken_.erased.size() < kErasedMax) {
    taken_.erased.insert(key);
  } else {
    overflown_ = true;
  }
}

void Restoring::Purged(const PurgeRule& rule) {
  if (!active_.load()) return;
  base::MutexLock lock(mutex_);
  taken_.purged.push_back(rule);
}

void Restoring::Spoil(std::string reason) {
  if (!active_.load()) return;
  base::MutexLock lock(mutex_);
  spoiled_ = std::move(reason);
}

Result<Restoring::Taken> Restoring::Take() {
  base::MutexLock lock(mutex_);
  if (!spoiled_.empty()) return Fail(ErrorCode::kCancelled, spoiled_);
  if (overflown_)
    return Fail(ErrorCode::kFull, "more than 500,000 entries were erased while the snapshot was loaded; load it again");
  return std::exchange(taken_, {});
}

Result<void> PutInPlace(const std::filesystem::path& folder, Environment& built, bool sync_commits) {
  REFLEX_CHECK(built.Sync(sync_commits));
  const auto from = folder / kBuildFolder;
  // The lock file first: a reader in another process that opens the new data finds its table of readers.
  for (const char* name : {"lock.mdb", "data.mdb"}) {
    if (::rename((from / name).c_str(), (folder / name).c_str()) != 0) {
      return std::unexpected(base::FileError("cannot rename to", folder / name, errno));
    }
  }
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Failing, a power cut may bring the old file back; both are whole.
  if (fd >= 0) {
    (void)::fsync(fd);
    ::close(fd);
  }
  RemoveBuild(folder);
  return {};
}

}  // namespace reflex::store
