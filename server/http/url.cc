#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/client.h"

namespace reflex::http {
namespace {

constexpr std::uint16_t kHttpPort = 80, kHttpsPort = 443;

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerCase(c);
  return lower;
}

bool IsNameCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; }

Error BadUrl(std::string_view text, std::string_view why) {
  return Error{ErrorCode::kInvalidArgument,
               "\"" + std::string(text) + "\" is no base URL: " + std::string(why) + "; allowed is http(s)://host[:port][/path]"};
}

// Reads ":port" or nothing. False for anything else.
bool ReadPort(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

// "host", "host:port", "[::1]:port". Empty when it is fine, else what is wrong.
std::string_view ReadAuthority(std::string_view authority, Origin& origin) {
  if (authority.find('@') != std::string_view::npos) return "a user name is not allowed";
  std::size_t host_end = authority.find(':');
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return "the address has no closing bracket";
    origin.host = LowerCase(authority.substr(1, close - 1));
    if (origin.host.find(':') == std::string::npos || origin.host.find_first_not_of("0123456789abcdef:.") != std::string::npos) {
      return "brackets hold an IPv6 address";
    }
    host_end = close + 1;
  } else {
    origin.host = LowerCase(authority.substr(0, host_end));
    if (origin.host.empty()) return "the host is missing";
    for (char c : origin.host) {
      if (!IsNameCharacter(c)) return "the host has a character that no name has";
    }
  }
  const auto port = host_end == std::string_view::npos ? std::string_view() : authority.substr(host_end);
  return ReadPort(port, origin.port) ? "" : "the port is not a number from 1 to 65535";
}

}  // namespace

std::string Origin::ToString() const {
  std::string text = tls ? "https://" : "http://";
  const bool brackets = host.find(':') != std::string::npos;
  if (brackets) text.push_back('[');
  text.append(host);
  if (brackets) text.push_back(']');
  if (port != (tls ? kHttpsPort : kHttpPort)) text.append(":").append(std::to_string(port));
  return text;
}

Result<BaseUrl> ParseBaseUrl(std::string_view text) {
  const auto bad = [text](std::string_view why) { return std::unexpected(BadUrl(text, why)); };
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return bad("the scheme is missing");
  const std::string scheme = LowerCase(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return bad("its scheme is neither http nor https");

  BaseUrl url;
  url.origin.tls = scheme == "https";
  url.origin.port = url.origin.tls ? kHttpsPort : kHttpPort;
  std::string_view rest = text.substr(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) return bad("a query or fragment is not allowed");
  const std::size_t path_start = rest.find('/');
  if (const auto wrong = ReadAuthority(rest.substr(0, path_start), url.origin); !wrong.empty()) return bad(wrong);

  if (path_start != std::string_view::npos) url.path = rest.substr(path_start);
  while (url.path.ends_with('/')) url.path.pop_back();
  for (char c : url.path) {
    if (c <= ' ' || c == 0x7f) return bad("the path has a space or control character");
  }
  url.text = url.origin.ToString() + url.path;
  return url;
}

}  // namespace reflex::http
