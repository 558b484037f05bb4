#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/files.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

// The header under which a whole file's CRC-32C (Crc32cText) travels with its object.
inline constexpr std::string_view kCrcHeader = "x-amz-meta-reflex-crc32c";

// What was damaged on its way is sent so often in all.
inline constexpr int kAttemptsAtDamage = 3;

// True where the ETag in a reply to a PUT speaks for `body`: it is its MD5, or is by its kind none (KMS encryption, another form).
bool EtagFits(const HttpReply& reply, std::string_view body);

// One multipart upload (docs.aws.amazon.com, "Uploading and copying objects using multipart upload"). Not thread-safe.
class S3Multipart {
 public:
  // `url`: the object's. `crc`: of the whole file. All outlive it.
  S3Multipart(RemoteCaller& caller, Operation& operation, const OutgoingFile& file, std::string url, std::string crc);
  // Aborts what was begun and not completed; S3 then drops its parts.
  ~S3Multipart();
  S3Multipart(const S3Multipart&) = delete;
  S3Multipart& operator=(const S3Multipart&) = delete;

  // Returns: as ObjectStore::Upload.
  Result<void> Run();

 private:
  Result<void> Start();
  Result<void> SendPart(std::uint32_t number, std::uint64_t at);
  Result<void> Complete();
  std::string PartUrl(const std::string& query) const { return url_ + "?" + query; }

  RemoteCaller& caller_;
  Operation& operation_;
  const OutgoingFile& file_;
  const std::string url_, crc_;
  std::string id_;  // "" before Start and after the end.
  std::vector<std::string> etags_;
  std::string piece_;
};

}  // namespace reflex::cloud
