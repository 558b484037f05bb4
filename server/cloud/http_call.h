#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reflex/result.h"

namespace reflex::cloud {

struct HttpReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case, values trimmed.
  std::string body;                                          // At most kReplyBytesMax.

  // The first value of a header, "" for none. `name` in lower case.
  std::string_view Header(std::string_view name) const;
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpRequest {
  std::string method;  // "GET", "HEAD", "PUT", "POST" or "DELETE".
  std::string url;     // Sent byte for byte: escape before.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body = {};  // Seen, not owned, during the call. With PUT and POST its length is always sent.
  // Takes the body of a 2xx answer piece by piece, with its head; an error ends the call with it. Empty: HttpReply::body holds it.
  std::function<Result<void>(const HttpReply& head, std::string_view piece)> sink = {};
  // Bytes of this call's bodies so far; false ends it with kCancelled. At least once a second.
  std::function<bool(std::uint64_t sent, std::uint64_t received)> progress = {};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{60'000};  // Neither way a byte.
  std::chrono::milliseconds time_limit{3'600'000};
  bool proxy = true;  // The usual variables (https_proxy, no_proxy) are obeyed.
};

// Bodies of answers kept in memory end here: a list of 1,000 objects takes some 400 KB.
inline constexpr std::size_t kReplyBytesMax = 8u << 20;

// HTTP by libcurl, which no other file of the project names. Thread-safe: each call takes a handle of its own, and handles keep
// their connections for the next call. Redirects are not followed, and only http and https are spoken.
class HttpCaller {
 public:
  explicit HttpCaller(std::filesystem::path ca_file);
  ~HttpCaller();
  HttpCaller(const HttpCaller&) = delete;
  HttpCaller& operator=(const HttpCaller&) = delete;

  // One exchange; any status is a reply, not an error. Returns: kUnsupported where libcurl is not installed, kUnavailable (not
  // resolved, refused, TLS), kClosed (cut on the way), kTimeout, kCancelled, kTooLarge (an answer for memory), the sink's error.
  Result<HttpReply> Call(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reflex::cloud
