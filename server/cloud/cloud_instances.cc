#include "cloud/cloud_instances.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "cloud/s3_answers.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

constexpr std::string_view kComputeScope = "https://www.googleapis.com/auth/compute";
constexpr std::string_view kWhat = "stop of this instance";

// What a metadata server said is put into URLs and requests: only names pass.
Result<std::string> Name(const Result<std::string>& value, std::string_view what) {
  if (!value) return value;
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':'; };
  if (!value->empty() && value->size() <= 255 && std::ranges::all_of(*value, plain)) return value;
  return Fail(ErrorCode::kProtocol, "the metadata server's " + std::string(what) + " is no name");
}

std::string Ec2Words(std::string_view body) {
  const AwsError error = ParseAwsError(body);
  return error.code + (error.message.empty() ? "" : ": " + error.message);
}

}  // namespace

GceInstance::GceInstance(const CloudOptions& options, std::string endpoint, Clock& clock, Logger& logger)
    : options_(options),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      logger_(logger),
      http_(options.ca_file),
      auth_(options_, http_, clock, std::string(kComputeScope)) {}

Result<void> GceInstance::Stop() {
  Operation operation(options_, clock_, logger_, std::string(kWhat));
  REFLEX_TRY(const std::string project, Name(auth_.Metadata(operation, "project/project-id"), "project/project-id"));
  // "projects/123456/zones/europe-west3-a"
  Result<std::string> path = auth_.Metadata(operation, "instance/zone");
  if (path) path->erase(0, path->rfind('/') + 1);
  REFLEX_TRY(const std::string zone, Name(path, "instance/zone"));
  REFLEX_TRY(const std::string name, Name(auth_.Metadata(operation, "instance/name"), "instance/name"));
  RemoteCaller caller(http_, &auth_, GoogleErrorWords);
  REFLEX_TRY(const HttpReply reply, caller.Send(operation, {.method = "POST",
                                                            .url = endpoint_ + "/compute/v1/projects/" + project + "/zones/" +
                                                                   zone + "/instances/" + name + "/stop",
                                                            .headers = {{"Content-Type", "application/json"}}}));
  if (!reply.ok()) {
    Error error = caller.StatusError(operation, reply);
    error.code = ErrorCode::kUnavailable;
    return std::unexpected(std::move(error));
  }
  // The operation's description; one that failed at once has an error in it.
  if (const std::string words = GoogleErrorWords(reply.body); !words.empty()) {
    return Fail(ErrorCode::kUnavailable, operation.what() + ": " + words);
  }
  return {};
}

Ec2Instance::Ec2Instance(const CloudOptions& options, std::string endpoint, Clock& clock, Logger& logger)
    : options_(options), endpoint_(std::move(endpoint)), clock_(clock), logger_(logger), http_(options.ca_file) {}

Result<void> Ec2Instance::Stop() {
  Operation operation(options_, clock_, logger_, std::string(kWhat));
  AwsAuth metadata(options_, http_, clock_, "", "ec2");
  REFLEX_TRY(const std::string id, Name(metadata.Metadata(operation, "instance-id"), "instance-id"));
  std::string region = options_.region.empty() ? Variable(options_, "AWS_REGION") : options_.region;
  if (region.empty()) {
    REFLEX_TRY(region, Name(metadata.Metadata(operation, "placement/region"), "placement/region"));
  }
  AwsAuth auth(options_, http_, clock_, region, "ec2");
  RemoteCaller caller(http_, &auth, Ec2Words);
  const std::string usual = "https://ec2." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
  const std::string body = "Action=StopInstances&InstanceId.1=" + PercentEncode(id, false) + "&Version=2016-11-15";
  REFLEX_TRY(const HttpReply reply,
             caller.Send(operation, {.method = "POST",
                                     .url = (endpoint_.empty() ? usual : endpoint_) + "/",
                                     .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                                     .body = body}));
  if (reply.ok()) return {};
  Error error = caller.StatusError(operation, reply);
  error.code = ErrorCode::kUnavailable;
  return std::unexpected(std::move(error));
}

}  // namespace reflex::cloud
