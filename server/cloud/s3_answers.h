#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/object_calls.h"
#include "reflex/result.h"

// The XML that S3 and EC2 answer with. Every function takes any bytes.
namespace reflex::cloud {

// ListObjectsV2; `next` is its continuation token. Returns: kProtocol.
Result<ListedPage> ParseS3Page(std::string_view xml);

// CreateMultipartUpload: the upload's id. Returns: kProtocol.
Result<std::string> ParseUploadId(std::string_view xml);

// An error of S3 (Error/Code) or EC2 (Response/Errors/Error/Code); empty for anything else.
struct AwsError {
  std::string code;
  std::string message;
};
AwsError ParseAwsError(std::string_view xml);

}  // namespace reflex::cloud
