#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "cloud/json_answers.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

inline constexpr std::string_view kGoogleMetadata = "http://169.254.169.254";

// Access tokens for Google's APIs, from the first of these that is there:
//   1. CloudOptions::credentials_file: a service account's key; "none": no token at all.
//   2. GOOGLE_OAUTH_ACCESS_TOKEN: a token as it is; cannot be renewed here.
//   3. GOOGLE_APPLICATION_CREDENTIALS: the path of a service account's key.
//   4. The metadata server of the instance.
// A token is kept and renewed four minutes before its end, and after a 401. Nothing is contacted or read before the first Sign.
// Thread-safe; threads that find no token at the same moment each fetch one.
class GoogleAuth final : public Signer {
 public:
  // `scope`: an OAuth scope's URL, asked for with a service account's key. The references outlive it.
  GoogleAuth(const CloudOptions& options, HttpCaller& http, Clock& clock, std::string scope);

  Result<void> Sign(Operation& operation, HttpRequest& request) override;
  bool Refused(const HttpReply& reply) override;

  // A value of the metadata server, for example "instance/name". Returns: kUnavailable, kProtocol and what the operation ends with.
  Result<std::string> Metadata(Operation& operation, std::string_view path);

 private:
  struct Token {
    std::string text;
    std::int64_t renew_at_ns = 0;  // Steady.
  };

  Result<Token> Fetch(Operation& operation);
  Result<Token> FromKeyFile(Operation& operation, const std::filesystem::path& file);
  Result<HttpReply> AskForToken(Operation& operation, const ServiceAccount& account);
  Result<Token> Kept(const HttpReply& reply);

  const CloudOptions& options_;
  HttpCaller& http_;
  Clock& clock_;
  const std::string scope_;
  base::Mutex mutex_;
  std::optional<Token> token_ GUARDED_BY(mutex_);
};

}  // namespace reflex::cloud
