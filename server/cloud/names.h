#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/object_store.h"
#include "reflex/result.h"

namespace reflex::cloud {

// The rule of ObjectStore for names. Returns: kInvalidArgument.
Result<void> CheckObjectName(std::string_view name);

// Objects of the same moment by falling name.
void SortNewestFirst(std::vector<ObjectInfo>& objects);

// A target in its parts.
struct Target {
  enum class Kind { kDirectory, kGoogle, kS3 };
  Kind kind = Kind::kDirectory;
  std::string text;    // As written, without a trailing '/'.
  std::string place;   // The absolute path, or the bucket.
  std::string prefix;  // Before each name: "" or "folder/folder/".
};
// Returns: kInvalidArgument, with what is allowed.
Result<Target> ParseTarget(std::string_view text);

}  // namespace reflex::cloud
