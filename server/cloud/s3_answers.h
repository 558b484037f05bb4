#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/object_store.h"
#include "reflex/result.h"

// The XML that S3 and EC2 answer with. Every function takes any bytes.
namespace reflex::cloud {

struct S3Page {
  std::vector<ObjectInfo> objects;  // Whole keys.
  std::string next;                 // Continuation token; "" after the last.
};
// ListObjectsV2. Returns: kProtocol.
Result<S3Page> ParseS3Page(std::string_view xml);

// CreateMultipartUpload: the upload's id. Returns: kProtocol.
Result<std::string> ParseUploadId(std::string_view xml);

// An error of S3 (Error/Code) or EC2 (Response/Errors/Error/Code); empty for anything else.
struct AwsError {
  std::string code;
  std::string message;
};
AwsError ParseAwsError(std::string_view xml);

}  // namespace reflex::cloud
