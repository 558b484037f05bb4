#include "cloud/google_auth.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/files.h"
#include "cloud/checksum.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

// The metadata server hands out a token that it keeps itself until shortly before its end: asking earlier gives the same one.
constexpr std::int64_t kRenewBeforeS = 240;
constexpr std::uint64_t kKeyFileBytesMax = 64 << 10;
// The address is not on the net of a machine elsewhere, where a connect would hang.
constexpr std::chrono::milliseconds kMetadataConnect{3000};

// A key's claim to be `account` now (RFC 7523, section 2.1), signed.
Result<std::string> Assertion(const ServiceAccount& account, const std::string& scope, std::int64_t wall_ms) {
  const std::int64_t now_s = wall_ms / 1000;
  std::string head = R"({"alg":"RS256","typ":"JWT")";
  if (!account.key_id.empty()) head += ",\"kid\":" + JsonQuote(account.key_id);
  const std::string claims = "{\"iss\":" + JsonQuote(account.email) + ",\"scope\":" + JsonQuote(scope) +
                             ",\"aud\":" + JsonQuote(account.token_uri) + ",\"iat\":" + std::to_string(now_s) +
                             ",\"exp\":" + std::to_string(now_s + 3600) + "}";
  std::string message = Base64Url(head + "}") + "." + Base64Url(claims);
  REFLEX_TRY(const std::string signature, SignRs256(message, account.private_key));
  return message + "." + Base64Url(signature);
}

}  // namespace

GoogleAuth::GoogleAuth(const CloudOptions& options, HttpCaller& http, Clock& clock, std::string scope)
    : options_(options), http_(http), clock_(clock), scope_(std::move(scope)) {}

Result<void> GoogleAuth::Sign(Operation& operation, HttpRequest& request) {
  if (options_.credentials_file == "none") return {};
  std::string text;
  {
    const base::MutexLock lock(mutex_);
    if (token_ && clock_.SteadyNs() < token_->renew_at_ns) text = token_->text;
  }
  if (text.empty()) {
    REFLEX_TRY(Token fetched, Fetch(operation));
    text = fetched.text;
    const base::MutexLock lock(mutex_);
    token_ = std::move(fetched);
  }
  request.headers.emplace_back("Authorization", "Bearer " + text);
  return {};
}

bool GoogleAuth::Refused(const HttpReply& reply) {
  if (reply.status != 401 || options_.credentials_file == "none") return false;
  const base::MutexLock lock(mutex_);
  token_.reset();
  return !options_.credentials_file.empty() || Variable(options_, "GOOGLE_OAUTH_ACCESS_TOKEN").empty();
}

Result<GoogleAuth::Token> GoogleAuth::Fetch(Operation& operation) {
  if (!options_.credentials_file.empty()) return FromKeyFile(operation, options_.credentials_file);
  if (std::string token = Variable(options_, "GOOGLE_OAUTH_ACCESS_TOKEN"); !token.empty()) {
    if (!std::ranges::all_of(token, [](unsigned char c) { return c > 0x20 && c < 0x7f; })) {
      return Fail(ErrorCode::kInvalidArgument, "GOOGLE_OAUTH_ACCESS_TOKEN holds spaces or control bytes");
    }
    return Token{.text = std::move(token), .renew_at_ns = std::numeric_limits<std::int64_t>::max()};
  }
  if (const std::string file = Variable(options_, "GOOGLE_APPLICATION_CREDENTIALS"); !file.empty()) {
    return FromKeyFile(operation, file);
  }
  REFLEX_TRY(const std::string json, Metadata(operation, "instance/service-accounts/default/token"));
  return Kept(HttpReply{.status = 200, .headers = {}, .body = json});
}

Result<GoogleAuth::Token> GoogleAuth::Kept(const HttpReply& reply) {
  REFLEX_TRY(TokenAnswer answer, ParseTokenAnswer(reply.body));
  const std::int64_t keep_s = std::max(answer.expires_in_s / 2, answer.expires_in_s - kRenewBeforeS);
  return Token{.text = std::move(answer.token), .renew_at_ns = clock_.SteadyNs() + keep_s * 1'000'000'000};
}

Result<GoogleAuth::Token> GoogleAuth::FromKeyFile(Operation& operation, const std::filesystem::path& file) {
  const auto about = [&file](const Error& error) {
    return Fail(ErrorCode::kInvalidArgument, "Google credentials file " + file.string() + " " + error.message);
  };
  Result<std::string> json = base::ReadFile(file, kKeyFileBytesMax);
  if (!json) return Fail(ErrorCode::kInvalidArgument, "Google credentials: " + json.error().message);
  const Result<ServiceAccount> account = ParseServiceAccount(*json);
  if (!account) return about(account.error());
  const Result<HttpReply> reply = AskForToken(operation, *account);
  if (!reply) {
    return reply.error().code == ErrorCode::kInvalidArgument ? about(reply.error()) : std::unexpected(reply.error());
  }
  if (!reply->ok()) {
    RemoteCaller caller(http_, nullptr, GoogleErrorWords);
    Error error = caller.StatusError(operation, *reply);
    return Fail(ErrorCode::kUnavailable, "no token for " + account->email + ": " + error.message);
  }
  return Kept(*reply);
}

Result<HttpReply> GoogleAuth::AskForToken(Operation& operation, const ServiceAccount& account) {
  RemoteCaller caller(http_, nullptr, GoogleErrorWords);
  std::int64_t ahead_ms = 0;
  for (bool corrected = false;; corrected = true) {
    REFLEX_TRY(const std::string assertion, Assertion(account, scope_, clock_.WallMs() + ahead_ms));
    const std::string form = "grant_type=" + PercentEncode("urn:ietf:params:oauth:grant-type:jwt-bearer", false) +
                             "&assertion=" + PercentEncode(assertion, false);
    REFLEX_TRY(HttpReply reply, caller.Send(operation, {.method = "POST",
                                                        .url = account.token_uri,
                                                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                                        .body = form}));
    // A claim from another hour is refused as invalid_grant; the answer's Date tells the right time.
    const std::int64_t skew_ms = ClockAhead(reply, clock_.WallMs()).value_or(0);
    if (reply.ok() || corrected || std::abs(skew_ms) < kClockSlackMs) return reply;
    operation.logger().Log(LogLevel::kWarning, "cloud-clock ahead_ms=" + std::to_string(skew_ms));
    ahead_ms = skew_ms;
  }
}

Result<std::string> GoogleAuth::Metadata(Operation& operation, std::string_view path) {
  const std::string base = options_.metadata_endpoint.empty() ? std::string(kGoogleMetadata) : options_.metadata_endpoint;
  RemoteCaller caller(http_, nullptr, {});
  Result<HttpReply> reply = caller.Send(operation, {.method = "GET",
                                                    .url = base + "/computeMetadata/v1/" + std::string(path),
                                                    .headers = {{"Metadata-Flavor", "Google"}},
                                                    .connect_timeout = kMetadataConnect,
                                                    .proxy = false});
  const std::string_view hint =
      " (credentials: cloud.credentials_file, GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_OAUTH_ACCESS_TOKEN in place of the metadata "
      "server)";
  if (!reply) {
    reply.error().message = "Google metadata server: " + reply.error().message + std::string(hint);
    return std::unexpected(reply.error());
  }
  if (!reply->ok()) {
    return Fail(ErrorCode::kUnavailable,
                "Google metadata server: " + std::string(path) + ": status " + std::to_string(reply->status) + std::string(hint));
  }
  if (reply->Header("metadata-flavor") != "Google") {
    return Fail(ErrorCode::kProtocol, base + " is no Google metadata server: its answer has no Metadata-Flavor");
  }
  return std::move(reply->body);
}

}  // namespace reflex::cloud
