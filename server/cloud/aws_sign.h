#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/http_call.h"
#include "cloud/json_answers.h"
#include "reflex/result.h"

namespace reflex::cloud {

// Whom and when a signature is for.
struct SigningScope {
  std::string_view region;   // "eu-central-1".
  std::string_view service;  // "s3", "ec2".
  std::int64_t wall_ms = 0;
};

// AWS Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API request"): adds Host, X-Amz-Date, for temporary keys
// X-Amz-Security-Token, and Authorization, which signs every header that the request then has. The URL's path and query are signed
// as they stand: escape them before, the path once. `payload_hash`: SHA-256 of the body in hexadecimal.
void SignV4(HttpRequest& request, const AwsKeys& keys, const SigningScope& scope, std::string_view payload_hash);

}  // namespace reflex::cloud
