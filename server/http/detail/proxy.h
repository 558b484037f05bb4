#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "reflex/result.h"

namespace reflex::http {

struct Proxy {
  std::string host;  // An IPv6 address without brackets.
  std::uint16_t port = 0;
  std::string authorization;  // "Basic …", or empty.
};

// "http://user:password@host:port", as curl reads it: the scheme may be left out, the port is then 1080, the user is
// percent-decoded. Returns: kInvalidArgument, without the password.
Result<Proxy> ParseProxy(std::string_view text);

// Which origins are reached without a proxy: as curl's no_proxy, names (also of all that end in ".name"), addresses, networks
// ("10.0.0.0/8"), or "*".
class NoProxy {
 public:
  explicit NoProxy(std::string_view list);
  bool Covers(std::string_view host) const;

 private:
  std::vector<std::string> entries_;
};

// The proxy settings of a client.
class Proxies {
 public:
  // Returns: kInvalidArgument, naming the setting.
  static Result<Proxies> Create(const ClientOptions& options);
  // Null for a direct connection. Valid as long as this object.
  const Proxy* For(const Origin& origin) const;

 private:
  std::optional<Proxy> http_, https_;
  NoProxy direct_{{}};
};

}  // namespace reflex::http
