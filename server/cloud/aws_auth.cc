#include "cloud/aws_auth.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "base/digest.h"
#include "base/files.h"
#include "cloud/aws_sign.h"
#include "cloud/s3_answers.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

constexpr std::int64_t kRenewBeforeMs = 300'000;
constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::chrono::milliseconds kMetadataConnect{3000};

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

bool IsVisible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

Result<AwsKeys> Checked(AwsKeys keys, const std::string& where) {
  if (!IsVisible(keys.id)) return Fail(ErrorCode::kInvalidArgument, where + " has no usable access key id");
  if (!IsVisible(keys.secret)) return Fail(ErrorCode::kInvalidArgument, where + " has no usable secret access key");
  if (!keys.session.empty() && !IsVisible(keys.session)) {
    return Fail(ErrorCode::kInvalidArgument, where + " has a session token with spaces or control bytes");
  }
  return keys;
}

}  // namespace

Result<AwsKeys> ParseCredentialsFile(std::string_view text, std::string_view profile) {
  AwsKeys keys;
  bool found = false;
  bool inside = false;
  while (!text.empty()) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    const std::string_view line = Trimmed(whole);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      inside = line.ends_with(']') && Trimmed(line.substr(1, line.size() - 2)) == profile;
      found = found || inside;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!inside || equals == line.npos) continue;
    const std::string_view name = Trimmed(line.substr(0, equals));
    const std::string_view value = Trimmed(line.substr(equals + 1));
    if (name == "aws_access_key_id") keys.id = value;
    if (name == "aws_secret_access_key") keys.secret = value;
    if (name == "aws_session_token") keys.session = value;
  }
  const std::string where = "profile " + JsonQuote(profile);
  if (!found) return Fail(ErrorCode::kInvalidArgument, where + " is not in it");
  return Checked(std::move(keys), where);
}

AwsAuth::AwsAuth(const CloudOptions& options, HttpCaller& http, Clock& clock, std::string region, std::string service)
    : options_(options), http_(http), clock_(clock), region_(std::move(region)), service_(std::move(service)) {}

Result<void> AwsAuth::Sign(Operation& operation, HttpRequest& request) {
  if (options_.credentials_file == "none") return {};
  std::optional<AwsKeys> keys;
  std::int64_t now_ms = 0;
  {
    const base::MutexLock lock(mutex_);
    now_ms = clock_.WallMs() + ahead_ms_;
    if (keys_ && (keys_->expires_ms == 0 || now_ms + kRenewBeforeMs < keys_->expires_ms)) keys = keys_;
  }
  if (!keys) {
    REFLEX_TRY(AwsKeys fetched, Fetch(operation));
    keys = fetched;
    const base::MutexLock lock(mutex_);
    keys_ = std::move(fetched);
  }
  const std::string hash = base::ToHex(base::HashBytes(request.body));
  if (service_ == "s3") request.headers.emplace_back("X-Amz-Content-Sha256", hash);
  SignV4(request, *keys, {.region = region_, .service = service_, .wall_ms = now_ms}, hash);
  return {};
}

bool AwsAuth::Refused(const HttpReply& reply) {
  if (options_.credentials_file == "none") return false;
  const std::string code = ParseAwsError(reply.body).code;
  const base::MutexLock lock(mutex_);
  const std::int64_t skew_ms = ClockAhead(reply, clock_.WallMs() + ahead_ms_).value_or(0);
  // An answer to HEAD has no code; the Date is enough. A signature that is wrong for another reason is refused again, once.
  if (std::abs(skew_ms) >= kClockSlackMs) {
    ahead_ms_ += skew_ms;
    return true;
  }
  const bool expired = code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired" ||
                       code == "InvalidToken" || code == "RequestExpired";
  if (expired || reply.status == 401) {
    keys_.reset();
    return !options_.credentials_file.empty() || Variable(options_, "AWS_ACCESS_KEY_ID").empty();
  }
  // The connection was idle too long on its way; S3 says so with 400.
  return code == "RequestTimeout";
}

Result<AwsKeys> AwsAuth::Fetch(Operation& operation) {
  std::filesystem::path file = options_.credentials_file;
  if (file.empty()) {
    AwsKeys keys{.id = Variable(options_, "AWS_ACCESS_KEY_ID"),
                 .secret = Variable(options_, "AWS_SECRET_ACCESS_KEY"),
                 .session = Variable(options_, "AWS_SESSION_TOKEN")};
    if (!keys.id.empty() || !keys.secret.empty()) {
      return Checked(std::move(keys), "the pair AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY");
    }
    file = Variable(options_, "AWS_SHARED_CREDENTIALS_FILE");
  }
  const bool named = !file.empty();
  if (!named) {
    const std::string home = Variable(options_, "HOME");
    if (!home.empty()) file = std::filesystem::path(home) / ".aws" / "credentials";
  }
  if (!file.empty()) {
    const Result<std::string> text = base::ReadFile(file, kFileBytesMax);
    if (text) {
      const std::string profile = Variable(options_, "AWS_PROFILE");
      Result<AwsKeys> keys = ParseCredentialsFile(*text, profile.empty() ? "default" : profile);
      if (keys) return keys;
      return Fail(ErrorCode::kInvalidArgument, "AWS credentials file " + file.string() + ": " + keys.error().message);
    }
    if (named || text.error().code != ErrorCode::kNotFound) {
      return Fail(ErrorCode::kInvalidArgument, "AWS credentials: " + text.error().message);
    }
  }
  return FromRole(operation);
}

Result<AwsKeys> AwsAuth::FromRole(Operation& operation) {
  REFLEX_TRY(std::string role, Metadata(operation, "iam/security-credentials/"));
  role = Trimmed(std::string_view(role).substr(0, role.find('\n')));
  if (role.empty()) return Fail(ErrorCode::kUnavailable, "AWS metadata server: the instance has no role");
  REFLEX_TRY(const std::string json, Metadata(operation, "iam/security-credentials/" + PercentEncode(role, false)));
  return ParseInstanceKeys(json);
}

Result<std::string> AwsAuth::Metadata(Operation& operation, std::string_view path) {
  if (Variable(options_, "AWS_EC2_METADATA_DISABLED") == "true") {
    return Fail(
        ErrorCode::kUnavailable,
        "AWS credentials: none in cloud.credentials_file, AWS_ACCESS_KEY_ID or ~/.aws/credentials, and AWS_EC2_METADATA_DISABLED "
        "forbids to ask the instance");
  }
  const std::string base = options_.metadata_endpoint.empty() ? std::string(kAwsMetadata) : options_.metadata_endpoint;
  REFLEX_TRY(const std::string token, AskMetadata(operation, {.method = "PUT",
                                                              .url = base + "/latest/api/token",
                                                              .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}}}));
  return AskMetadata(
      operation,
      {.method = "GET", .url = base + "/latest/meta-data/" + std::string(path), .headers = {{"X-aws-ec2-metadata-token", token}}});
}

Result<std::string> AwsAuth::AskMetadata(Operation& operation, HttpRequest request) {
  request.connect_timeout = kMetadataConnect;
  request.proxy = false;
  RemoteCaller caller(http_, nullptr, {});
  const std::string_view hint =
      " (credentials: cloud.credentials_file, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials in place of the "
      "metadata server)";
  Result<HttpReply> reply = caller.Send(operation, request);
  if (!reply) {
    reply.error().message = "AWS metadata server: " + reply.error().message + std::string(hint);
    return std::unexpected(std::move(reply).error());
  }
  if (!reply->ok()) {
    return Fail(ErrorCode::kUnavailable, "AWS metadata server: " + request.method + " " + request.url + ": status " +
                                             std::to_string(reply->status) + std::string(hint));
  }
  if (reply->body.find_first_of("\r\n") != std::string::npos && request.method == "PUT") {
    return Fail(ErrorCode::kProtocol, "AWS metadata server: its token is no header value");
  }
  return std::move(reply->body);
}

}  // namespace reflex::cloud
