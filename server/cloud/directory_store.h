#pragma once

#include <filesystem>
#include <string>

#include "cloud/object_store.h"

namespace reflex::cloud {

// "file:///path": a folder, made at the first upload. Objects are files of mode 0600.
class DirectoryStore final : public ObjectStore {
 public:
  // REQUIRES: `folder` is absolute.
  DirectoryStore(std::string target, std::filesystem::path folder) : target_(std::move(target)), folder_(std::move(folder)) {}

  Result<void> Upload(const std::filesystem::path& file, std::string_view name, const Progress& progress) override;
  Result<void> Download(std::string_view name, const std::filesystem::path& file, const Progress& progress) override;
  Result<std::vector<ObjectInfo>> List() override;
  Result<void> Delete(std::string_view name) override;
  const std::string& target() const override { return target_; }
  bool local() const override { return true; }

 private:
  std::string target_;
  std::filesystem::path folder_;
};

}  // namespace reflex::cloud
