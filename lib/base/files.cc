#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace reflex::base {
namespace {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Result<void> WriteAndSync(const std::filesystem::path& path, std::string_view content, std::uint32_t mode) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file.ok()) return std::unexpected(FileError("cannot create", path, errno));
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(FileError("cannot write", path, errno));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return std::unexpected(FileError("cannot sync", path, errno));
  return {};
}

}  // namespace

Error FileError(std::string_view what, const std::filesystem::path& path, int error) {
  ErrorCode code = ErrorCode::kIo;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  if (error == ENOSPC || error == EDQUOT) code = ErrorCode::kFull;
  return Error{code, std::string(what) + " " + path.string() + ": " + std::generic_category().message(error)};
}

Result<std::string> ReadFile(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return std::unexpected(FileError("cannot open", path, errno));
  std::string content;
  char piece[16384];
  for (;;) {
    const ssize_t size = ::read(file.get(), piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::unexpected(FileError("cannot read", path, errno));
    if (size == 0) return content;
    if (content.size() + static_cast<std::size_t>(size) > limit_bytes) {
      return Fail(ErrorCode::kTooLarge, path.string() + " is larger than " + std::to_string(limit_bytes) + " bytes");
    }
    content.append(piece, static_cast<std::size_t>(size));
  }
}

Result<void> WriteFileAtomically(const std::filesystem::path& path, std::string_view content, std::uint32_t mode) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  REFLEX_CHECK(WriteAndSync(temporary, content, mode));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return std::unexpected(FileError("cannot rename to", path, errno));
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.ok() || ::fsync(parent.get()) != 0) return std::unexpected(FileError("cannot sync", folder, errno));
  return {};
}

Result<void> MakeDirectory(const std::filesystem::path& path, std::uint32_t mode) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return std::unexpected(FileError("cannot create", path.parent_path(), error.value()));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return std::unexpected(FileError("cannot create", path, errno));
  if (!std::filesystem::is_directory(path, error)) return Fail(ErrorCode::kIo, path.string() + " is not a folder");
  return {};
}

}  // namespace reflex::base
