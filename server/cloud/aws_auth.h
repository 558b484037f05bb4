#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "cloud/json_answers.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

inline constexpr std::string_view kAwsMetadata = "http://169.254.169.254";

// The keys of `profile` in a credentials file (docs.aws.amazon.com, "Shared config and credentials files"): "[profile]" lines and
// "name = value" lines; others are passed over. Returns: kInvalidArgument; no secret is in the message.
Result<AwsKeys> ParseCredentialsFile(std::string_view text, std::string_view profile);

// Signs for AWS (Signature V4) with keys from the first of these that is there:
//   1. CloudOptions::credentials_file; "none": nothing is signed.
//   2. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, with AWS_SESSION_TOKEN where it is set.
//   3. AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials. The profile of a file is AWS_PROFILE, else "default".
//   4. The role of the instance, from instance metadata v2, unless AWS_EC2_METADATA_DISABLED is "true".
// Keys that end are renewed five minutes before, and all but those of 2 are read again when the service calls them expired. A clock
// that the service finds wrong is corrected by its Date, for signatures only. Thread-safe; contacts and reads nothing before Sign.
class AwsAuth final : public Signer {
 public:
  // The references outlive it.
  AwsAuth(const CloudOptions& options, HttpCaller& http, Clock& clock, std::string region, std::string service);

  Result<void> Sign(Operation& operation, HttpRequest& request) override;
  bool Refused(const HttpReply& reply) override;

  // A value of the metadata server, for example "instance-id". Returns: kUnavailable and what the operation ends with.
  Result<std::string> Metadata(Operation& operation, std::string_view path);

 private:
  Result<AwsKeys> Fetch(Operation& operation);
  Result<AwsKeys> FromRole(Operation& operation);
  Result<std::string> AskMetadata(Operation& operation, HttpRequest request);

  const CloudOptions& options_;
  HttpCaller& http_;
  Clock& clock_;
  const std::string region_;
  const std::string service_;
  base::Mutex mutex_;
  std::optional<AwsKeys> keys_ GUARDED_BY(mutex_);
  std::int64_t ahead_ms_ GUARDED_BY(mutex_) = 0;  // The service's clock before ours.
};

}  // namespace reflex::cloud
