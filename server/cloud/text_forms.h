#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::cloud {

// RFC 3986: every byte but letters, digits and -._~ as %XX; '/' stays where `keep_slash`.
std::string PercentEncode(std::string_view text, bool keep_slash);

// A JSON string with its quotes. Bytes outside ASCII stay as they are.
std::string JsonQuote(std::string_view text);

// Milliseconds since 1970-01-01 UTC of "2026-03-09T17:05:06[.789]Z" (also with an offset +hh:mm), and of an HTTP date, "Mon, 09 Mar
// 2026 17:05:06 GMT" (RFC 9110, section 5.6.7; only this form, which all senders must use).
std::optional<std::int64_t> ParseIsoTime(std::string_view text);
std::optional<std::int64_t> ParseHttpDate(std::string_view text);
// "20260309T170506Z".
std::string AmazonTime(std::int64_t wall_ms);

// A whole number in decimal, nothing else.
std::optional<std::uint64_t> ParseNumber(std::string_view text);

// "http(s)://host[:port][/path]" in its parts.
struct Endpoint {
  std::string scheme;
  std::string authority;  // "host" or "host:port"; without the scheme's usual port, as it stands in a Host header.
  std::string path;       // Without a trailing '/'; "" for none.

  std::string ToString() const { return scheme + "://" + authority + path; }
};
// Returns: kInvalidArgument; the message begins with `setting`.
Result<Endpoint> ParseEndpoint(std::string_view setting, std::string_view url);

}  // namespace reflex::cloud
