#include "cloud/directory_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/files.h"
#include "cloud/files.h"
#include "cloud/names.h"

namespace reflex::cloud {
namespace {

Result<void> Copy(const std::filesystem::path& from, const std::filesystem::path& to, const Progress& progress) {
  REFLEX_TRY(const OutgoingFile source, OutgoingFile::Open(from));
  REFLEX_TRY(const std::unique_ptr<IncomingFile> copy, IncomingFile::Create(to));
  std::string piece;
  for (std::uint64_t done = 0;; done += piece.size()) {
    if (progress && !progress(done, source.bytes()))
      return Fail(ErrorCode::kCancelled, "copying to " + to.string() + " was cancelled");
    if (done == source.bytes()) return copy->Commit();
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, source.bytes() - done));
    REFLEX_CHECK(source.Read(done, size, piece));
    REFLEX_CHECK(copy->Append(piece));
  }
}

}  // namespace

Result<void> DirectoryStore::Upload(const std::filesystem::path& file, std::string_view name, const Progress& progress) {
  REFLEX_CHECK(CheckObjectName(name));
  REFLEX_CHECK(base::MakeDirectory(folder_, 0700));
  return Copy(file, folder_ / name, progress);
}

Result<void> DirectoryStore::Download(std::string_view name, const std::filesystem::path& file, const Progress& progress) {
  REFLEX_CHECK(CheckObjectName(name));
  return Copy(folder_ / name, file, progress);
}

Result<std::vector<ObjectInfo>> DirectoryStore::List() {
  std::vector<ObjectInfo> objects;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder_, error);
  if (error == std::errc::no_such_file_or_directory) return objects;
  for (const std::filesystem::directory_iterator end; !error && entries != end; entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    struct stat facts{};
    // Gone between the listing and here is not there.
    if (!CheckObjectName(name) || ::stat(entries->path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    objects.push_back({.name = name,
                       .bytes = static_cast<std::uint64_t>(facts.st_size),
                       .modified_ms = facts.st_mtim.tv_sec * 1000LL + facts.st_mtim.tv_nsec / 1'000'000});
  }
  if (error) return std::unexpected(base::FileError("cannot list", folder_, error.value()));
  SortNewestFirst(objects);
  return objects;
}

Result<void> DirectoryStore::Delete(std::string_view name) {
  REFLEX_CHECK(CheckObjectName(name));
  const std::filesystem::path path = folder_ / name;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return std::unexpected(base::FileError("cannot remove", path, errno));
  return {};
}

}  // namespace reflex::cloud
