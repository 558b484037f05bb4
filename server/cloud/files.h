#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::cloud {

// Of a file that is read or copied piece by piece.
inline constexpr std::size_t kPieceBytes = 1 << 20;

// A file that is being sent. Not thread-safe.
class OutgoingFile {
 public:
  // Returns: kNotFound, kIo.
  static Result<OutgoingFile> Open(const std::filesystem::path& path);
  OutgoingFile(OutgoingFile&& other) noexcept;
  OutgoingFile& operator=(OutgoingFile&&) = delete;
  ~OutgoingFile();

  std::uint64_t bytes() const { return bytes_; }
  // Exactly `size` bytes from `offset`. Returns: kIo, also for a file that has become shorter.
  Result<void> Read(std::uint64_t offset, std::size_t size, std::string& to) const;

 private:
  OutgoingFile() = default;

  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

// A file that is being received: bytes gather under a temporary name beside it and get the final name at Commit. Without Commit the
// destructor removes them. What killed processes left behind in a folder is removed by a Create there after a day.
// Not thread-safe.
class IncomingFile {
 public:
  // Returns: kNotFound (no such folder), kIo, kFull.
  static Result<std::unique_ptr<IncomingFile>> Create(const std::filesystem::path& path);
  ~IncomingFile();
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;

  std::uint64_t bytes() const { return bytes_; }
  // Returns: kIo, kFull.
  Result<void> Append(std::string_view piece);
  // Back to no bytes. Returns: kIo.
  Result<void> Restart();
  // Syncs, renames over the final name, syncs the folder. Returns: kIo, kFull.
  Result<void> Commit();

 private:
  IncomingFile() = default;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace reflex::cloud
