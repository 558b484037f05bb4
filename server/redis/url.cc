#include "redis/url.h"

#include <charconv>
#include <optional>
#include <utility>

namespace reflex::redis {
namespace {

constexpr std::string_view kForms =
    "; allowed: redis://[user[:password]@]host[:port][/database], redis+cluster://host:port,host:port, "
    "redis+sentinel://host:port,host:port/master-name, each with rediss for TLS";

std::unexpected<Error> Wrong(std::string what) {
  return Fail(ErrorCode::kInvalidArgument, "the store's URL " + std::move(what) + std::string(kForms));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1, low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

template <class Number>
bool ReadNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

Result<void> ReadScheme(std::string_view scheme, Address& address) {
  const std::size_t plus = scheme.find('+');
  const std::string_view base = scheme.substr(0, plus), kind = plus == std::string_view::npos ? "" : scheme.substr(plus + 1);
  if (base == "rediss" || base == "valkeys") {
    address.tls = true;
  } else if (base != "redis" && base != "valkey") {
    return Wrong("begins with '" + std::string(scheme) + "://'");
  }
  if (kind == "cluster") {
    address.topology = Topology::kCluster;
  } else if (kind == "sentinel") {
    address.topology = Topology::kSentinel;
  } else if (plus != std::string_view::npos) {
    return Wrong("begins with '" + std::string(scheme) + "://'");
  }
  return {};
}

Result<Endpoint> ReadEndpoint(std::string_view text, std::uint16_t port) {
  Endpoint endpoint{.host = {}, .port = port};
  std::size_t host_end = text.find(':');
  if (text.starts_with('[')) {  // An IPv6 address.
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return Wrong("has a '[' without ']'");
    endpoint.host = text.substr(1, close - 1);
    host_end = close + 1 < text.size() ? close + 1 : std::string_view::npos;
  } else {
    endpoint.host = text.substr(0, host_end);
  }
  if (endpoint.host.empty()) return Wrong("names no host");
  if (host_end == std::string_view::npos) return endpoint;
  if (text[host_end] != ':' || !ReadNumber(text.substr(host_end + 1), endpoint.port) || endpoint.port == 0) {
    return Wrong("has a port that is not 1 to 65535");
  }
  return endpoint;
}

Result<void> ReadPath(std::string_view path, Address& address) {
  if (address.topology == Topology::kSentinel) {
    const std::size_t slash = path.find('/');
    address.master = path.substr(0, slash);
    if (address.master.empty()) return Wrong("names no master for its sentinels");
    path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  }
  if (path.empty()) return {};
  if (!ReadNumber(path, address.database)) return Wrong("has a database that is not a number");
  if (address.topology == Topology::kCluster && address.database != 0) return Wrong("names a database; a cluster has only 0");
  return {};
}

}  // namespace

std::string Endpoint::ToString() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::string Address::ToString() const {
  std::string text = tls ? "rediss" : "redis";
  if (topology == Topology::kCluster) text += "+cluster";
  if (topology == Topology::kSentinel) text += "+sentinel";
  text += "://";
  for (std::size_t i = 0; i < endpoints.size(); ++i) text += (i > 0 ? "," : "") + endpoints[i].ToString();
  if (!master.empty()) text += "/" + master;
  if (database != 0) text += "/" + std::to_string(database);
  return text;
}

Result<Address> ParseAddress(std::string_view url) {
  Address address;
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return Wrong("has no scheme");
  REFLEX_CHECK(ReadScheme(url.substr(0, scheme_end), address));
  std::string_view rest = url.substr(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) return Wrong("has a query or fragment");
  // A password may hold an '@' or '/' only percent-encoded, so the first '/' ends the hosts and the last '@' before it the user.
  const std::size_t slash = rest.find('/');
  const std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  std::string_view authority = rest.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = authority.substr(0, at);
    const std::size_t colon = who.find(':');
    const auto user = PercentDecoded(who.substr(0, colon));
    const auto password = PercentDecoded(colon == std::string_view::npos ? "" : who.substr(colon + 1));
    if (!user || !password) return Wrong("has a '%' in its user or password that no two hexadecimal digits follow");
    address.user = *user;
    address.password = *password;
    authority.remove_prefix(at + 1);
  }
  const std::uint16_t port = address.topology == Topology::kSentinel ? 26379 : 6379;
  while (true) {
    const std::size_t comma = authority.find(',');
    REFLEX_TRY(Endpoint endpoint, ReadEndpoint(authority.substr(0, comma), port));
    address.endpoints.push_back(std::move(endpoint));
    if (comma == std::string_view::npos) break;
    authority.remove_prefix(comma + 1);
  }
  if (address.topology == Topology::kSingle && address.endpoints.size() > 1) return Wrong("names several hosts for one server");
  REFLEX_CHECK(ReadPath(path, address));
  return address;
}

}  // namespace reflex::redis
