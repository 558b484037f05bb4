#pragma once

#include <memory>
#include <string>

#include "cloud/aws_auth.h"
#include "cloud/files.h"
#include "cloud/names.h"
#include "cloud/object_store.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

// "s3://bucket/prefix" by S3's REST API, for S3 and what speaks like it. Files up to a part's size go in one PUT, larger ones as
// multipart uploads, which are aborted when they fail. Each request's body is signed by its SHA-256 and sent with its MD5; the ETag
// that comes back must be that MD5 (but for KMS encryption), and the finished object must have the file's size. The CRC-32C of the
// whole file travels as the object's metadata and is compared at download.
class S3Store final : public ObjectStore {
 public:
  // Returns: kInvalidArgument for options.
  static Result<std::unique_ptr<ObjectStore>> Open(Target target, const CloudOptions& options, Clock& clock, Logger& logger);

  Result<void> Upload(const std::filesystem::path& file, std::string_view name, const Progress& progress) override;
  Result<void> Download(std::string_view name, const std::filesystem::path& file, const Progress& progress) override;
  Result<std::vector<ObjectInfo>> List() override;
  Result<void> Delete(std::string_view name) override;
  const std::string& target() const override { return target_.text; }
  bool local() const override { return false; }

 private:
  S3Store(Target target, const CloudOptions& options, std::string base, std::string region, Clock& clock, Logger& logger);

  Operation Begin(std::string_view what, std::string_view name, const Progress& progress = {});
  std::string ObjectUrl(std::string_view name) const;
  Result<void> PutWhole(Operation& operation, std::string_view body, const std::string& url, const std::string& crc);
  Result<void> CheckUploaded(Operation& operation, const OutgoingFile& file, const std::string& url);

  const Target target_;
  const CloudOptions options_;
  const std::string base_;  // The bucket's URL, without a trailing '/'.
  Clock& clock_;
  Logger& logger_;
  HttpCaller http_;
  AwsAuth auth_;
  RemoteCaller caller_;
};

}  // namespace reflex::cloud
