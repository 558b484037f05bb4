#include "cloud/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/digest.h"
#include "base/files.h"

namespace reflex::cloud {
namespace {

constexpr std::chrono::hours kLeftoverAge{24};

constexpr std::string_view kMark = ".part-";
constexpr std::size_t kRandomBytes = 8;
// Of the final name; all of it would make names longer than file systems take.
constexpr std::size_t kNamePart = 200;

std::string TemporaryName(const std::filesystem::path& path) {
  std::array<std::uint8_t, kRandomBytes> random;
  base::RandomBytes(random);
  return "." + path.filename().string().substr(0, kNamePart) + std::string(kMark) + base::ToHex(random);
}

// True for a name that TemporaryName makes.
bool IsTemporary(std::string_view name) {
  const std::size_t mark = name.rfind(kMark);
  if (!name.starts_with('.') || mark == name.npos) return false;
  const std::string_view random = name.substr(mark + kMark.size());
  return random.size() == 2 * kRandomBytes && random.find_first_not_of("0123456789abcdef") == random.npos;
}

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void RemoveLeftovers(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::directory_iterator folder(FolderOf(path), error);
  for (const std::filesystem::directory_iterator end; !error && folder != end; folder.increment(error)) {
    if (!IsTemporary(folder->path().filename().string())) continue;
    std::error_code ignored;
    const auto written = folder->last_write_time(ignored);
    if (ignored || std::filesystem::file_time_type::clock::now() - written < kLeftoverAge) continue;
    std::filesystem::remove(folder->path(), ignored);
  }
}

}  // namespace

Result<OutgoingFile> OutgoingFile::Open(const std::filesystem::path& path) {
  OutgoingFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts{};
  if (file.fd_ < 0 || ::fstat(file.fd_, &facts) != 0) return std::unexpected(base::FileError("cannot open", path, errno));
  if (!S_ISREG(facts.st_mode)) return Fail(ErrorCode::kIo, path.string() + " is no regular file");
  file.bytes_ = static_cast<std::uint64_t>(facts.st_size);
  return file;
}

OutgoingFile::OutgoingFile(OutgoingFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

OutgoingFile::~OutgoingFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> OutgoingFile::Read(std::uint64_t offset, std::size_t size, std::string& to) const {
  to.resize(size);
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(fd_, to.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(base::FileError("cannot read", path_, errno));
    if (got == 0) return Fail(ErrorCode::kIo, path_.string() + " became shorter while it was sent");
    have += static_cast<std::size_t>(got);
  }
  return {};
}

Result<std::unique_ptr<IncomingFile>> IncomingFile::Create(const std::filesystem::path& path) {
  if (!path.has_filename()) return Fail(ErrorCode::kIo, path.string() + " has no file name");
  RemoveLeftovers(path);
  std::unique_ptr<IncomingFile> file(new IncomingFile());
  file->path_ = path;
  const std::filesystem::path temporary = FolderOf(path) / TemporaryName(path);
  file->fd_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file->fd_ < 0) return std::unexpected(base::FileError("cannot create", temporary, errno));
  file->temporary_ = temporary;
  return file;
}

IncomingFile::~IncomingFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> IncomingFile::Append(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t written = ::write(fd_, piece.data(), piece.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(base::FileError("cannot write", temporary_, errno));
    piece.remove_prefix(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<void> IncomingFile::Restart() {
  bytes_ = 0;
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) {
    return std::unexpected(base::FileError("cannot empty", temporary_, errno));
  }
  return {};
}

Result<void> IncomingFile::Commit() {
  if (::fsync(fd_) != 0) return std::unexpected(base::FileError("cannot sync", temporary_, errno));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return std::unexpected(base::FileError("cannot rename to", path_, errno));
  temporary_.clear();
  const std::filesystem::path folder = FolderOf(path_);
  const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int error = parent < 0 || ::fsync(parent) != 0 ? errno : 0;
  if (parent >= 0) ::close(parent);
  if (error != 0) return std::unexpected(base::FileError("cannot sync", folder, error));
  return {};
}

}  // namespace reflex::cloud
