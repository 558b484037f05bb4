#include "store/store_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/files.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kSmallFileBytesMax = 4096;
constexpr std::string_view kDamagedPrefix = "data.mdb.damaged-";

std::string ReadSmall(const std::filesystem::path& path) {
  auto content = base::ReadFile(path, kSmallFileBytesMax);
  return content ? std::move(*content) : std::string();
}

// Not synced: these notes are about the death of processes, and the page cache outlives those.
Result<void> WriteSmall(const std::filesystem::path& path, std::string_view content) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return std::unexpected(base::FileError("cannot create", path, errno));
  const ssize_t written = ::write(file, content.data(), content.size());
  const int error = written < 0 ? errno : ENOSPC;
  ::close(file);
  if (written != static_cast<ssize_t>(content.size())) return std::unexpected(base::FileError("cannot write", path, error));
  return {};
}

}  // namespace

StoreFolder::StoreFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

StoreFolder::StoreFolder(StoreFolder&& other) noexcept : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StoreFolder::~StoreFolder() {
  if (lock_ >= 0) ::close(lock_);
}

Result<StoreFolder> StoreFolder::Open(const std::filesystem::path& path) {
  REFLEX_CHECK(base::MakeDirectory(path, 0700));
  const std::filesystem::path lock_file = path / "reflex.lock";
  const int lock = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return std::unexpected(base::FileError("cannot open", lock_file, errno));
  StoreFolder folder(path, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(base::FileError("cannot lock", lock_file, errno));
    std::string owner = ReadSmall(lock_file);
    if (!owner.empty()) owner = " (process " + owner + ")";
    return Fail(ErrorCode::kBusy,
                "another process" + owner + " has the store in " + path.string() + " open; stop it or choose another storage path");
  }
  // The number is for the message above only, so a disk too full to write it does no harm.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock, 0) == 0) (void)!::pwrite(lock, pid.data(), pid.size(), 0);
  return folder;
}

bool StoreFolder::HasData() const {
  std::error_code error;
  const auto size = std::filesystem::file_size(data_file(), error);
  return !error && size > 0;
}

int StoreFolder::DeadStarts() const {
  const std::string text = ReadSmall(path_ / "opening");
  int starts = 0;
  std::from_chars(text.data(), text.data() + text.size(), starts);
  return starts;
}

Result<void> StoreFolder::MarkOpening(int dead_starts) { return WriteSmall(path_ / "opening", std::to_string(dead_starts)); }

void StoreFolder::UnmarkOpening() {
  std::error_code ignored;
  std::filesystem::remove(path_ / "opening", ignored);
}

std::string StoreFolder::DataFileState() const {
  struct stat status{};
  if (::stat(data_file().c_str(), &status) != 0) return {};
  std::string text = "size " + std::to_string(status.st_size) + " inode " + std::to_string(status.st_ino);
  for (const timespec& time : {status.st_mtim, status.st_ctim}) {
    text += " time " + std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
  }
  return text;
}

bool StoreFolder::ClosedCleanly() const {
  const std::string state = DataFileState();
  return !state.empty() && state == ReadSmall(path_ / "closed");
}

void StoreFolder::MarkClosed() {
  if (!WriteSmall(path_ / "closed", DataFileState())) {
    std::error_code ignored;
    std::filesystem::remove(path_ / "closed", ignored);
  }
}

Result<std::filesystem::path> StoreFolder::SetAside(std::int64_t now_ms) {
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(path_, error)) {
    std::error_code ignored;
    if (file.path().filename().string().starts_with(kDamagedPrefix)) std::filesystem::remove(file.path(), ignored);
  }
  const std::filesystem::path target = path_ / (std::string(kDamagedPrefix) + std::to_string(now_ms / 1000));
  std::filesystem::rename(data_file(), target, error);
  if (error) return std::unexpected(base::FileError("cannot set aside", data_file(), error.value()));
  return target;
}

}  // namespace reflex::store
