#pragma once

#include <memory>
#include <string>

#include "cloud/google_auth.h"
#include "cloud/json_answers.h"
#include "cloud/names.h"
#include "cloud/object_store.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

// "gs://bucket/prefix" by the JSON API of Google Cloud Storage. Uploads are resumable sessions: after a cut the server says how
// much it holds and the rest is sent; the object appears when the session ends. CRC-32C is told to the server before the first
// byte, which refuses what does not fit, and compared with what it says of the object at the end; downloads are compared the same
// way.
class GcsStore final : public ObjectStore {
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
  GcsStore(Target target, const CloudOptions& options, std::string endpoint, Clock& clock, Logger& logger);

  Operation Begin(std::string_view what, std::string_view name, const Progress& progress = {});
  std::string ObjectUrl(std::string_view name) const;
  // Fetches or removes what an upload left that does not fit. The error that describes it.
  Error RemoveDamaged(Operation& operation, std::string_view name, const StorageObject& object, std::string difference);

  const Target target_;
  const CloudOptions options_;
  const std::string endpoint_;
  Clock& clock_;
  Logger& logger_;
  HttpCaller http_;
  GoogleAuth auth_;
  RemoteCaller caller_;
};

}  // namespace reflex::cloud
