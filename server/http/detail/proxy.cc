#include "http/detail/proxy.h"

#include <openssl/evp.h>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include <utility>

#include "http/message.h"

namespace reflex::http {
namespace {

namespace ip = boost::asio::ip;

// curl's own default for a proxy without a port (curl manual, --proxy).
constexpr std::uint16_t kProxyPort = 1080;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0;
    out.push_back(escape ? static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])) : text[i]);
    if (escape) i += 2;
  }
  return out;
}

std::string Base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<ip::address> ParseAddress(std::string_view text) {
  boost::system::error_code error;
  auto address = ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return address;
}

// True if the first `bits` bits of the two are equal.
template <class Bytes>
bool SamePrefix(const Bytes& a, const Bytes& b, unsigned bits) {
  if (bits > a.size() * 8) return false;
  for (std::size_t i = 0; i < bits / 8; ++i) {
    if (a[i] != b[i]) return false;
  }
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

bool AddressCovered(const ip::address& address, std::string_view entry) {
  const std::size_t slash = entry.find('/');
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  const auto network = ParseAddress(entry.substr(0, slash));
  if (!network || network->is_v4() != address.is_v4()) return false;
  unsigned bits = address.is_v4() ? 32 : 128;
  if (slash != std::string_view::npos) {
    const auto text = entry.substr(slash + 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size()) return false;
  }
  if (address.is_v4()) return SamePrefix(address.to_v4().to_bytes(), network->to_v4().to_bytes(), bits);
  return SamePrefix(address.to_v6().to_bytes(), network->to_v6().to_bytes(), bits);
}

bool NameCovered(std::string_view host, std::string_view entry) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (entry.ends_with('.')) entry.remove_suffix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || entry.size() > host.size()) return false;
  const std::size_t start = host.size() - entry.size();
  return EqualsIgnoringCase(host.substr(start), entry) && (start == 0 || host[start - 1] == '.');
}

// Splits "host", "host:port" and "[v6]:port".
bool ReadHostPort(std::string_view text, Proxy& proxy) {
  proxy.port = kProxyPort;
  std::size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    proxy.host = text.substr(1, close - 1);
    host_end = close + 1;
  } else {
    proxy.host = text.substr(0, host_end);
  }
  if (proxy.host.empty() || proxy.host.find_first_of(" \t\r\n/?#") != std::string::npos) return false;
  if (host_end == std::string_view::npos || host_end == text.size()) return true;
  const auto port = text.substr(host_end + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), proxy.port);
  return text[host_end] == ':' && error == std::errc() && end == port.data() + port.size() && proxy.port != 0;
}

}  // namespace

Result<Proxy> ParseProxy(std::string_view text) {
  constexpr auto kAllowed = "a proxy is http://[user:password@]host[:port]";
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    if (!EqualsIgnoringCase(text.substr(0, scheme), "http")) return Fail(ErrorCode::kInvalidArgument, kAllowed);
    text.remove_prefix(scheme + 3);
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  Proxy proxy;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const auto user = text.substr(0, at);
    const std::size_t colon = user.find(':');
    const auto password = colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1);
    proxy.authorization = "Basic " + Base64(PercentDecode(user.substr(0, colon)) + ":" + PercentDecode(password));
    text.remove_prefix(at + 1);
  }
  if (!ReadHostPort(text, proxy)) return Fail(ErrorCode::kInvalidArgument, kAllowed);
  return proxy;
}

NoProxy::NoProxy(std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = list.find_first_of(", \t");
    if (const auto entry = list.substr(0, end); !entry.empty()) entries_.emplace_back(entry);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
}

bool NoProxy::Covers(std::string_view host) const {
  const auto address = ParseAddress(host);
  for (const std::string& entry : entries_) {
    if (entry == "*") return true;
    if (address ? AddressCovered(*address, entry) : NameCovered(host, entry)) return true;
  }
  return false;
}

Result<Proxies> Proxies::Create(const ClientOptions& options) {
  Proxies proxies;
  const auto read = [](const char* name, const std::string& text, std::optional<Proxy>& into) -> Result<void> {
    if (text.empty()) return {};
    auto proxy = ParseProxy(text);
    if (!proxy) return Fail(ErrorCode::kInvalidArgument, std::string(name) + ": " + proxy.error().message);
    into = *std::move(proxy);
    return {};
  };
  REFLEX_CHECK(read("http_proxy", options.http_proxy, proxies.http_));
  REFLEX_CHECK(read("https_proxy", options.https_proxy, proxies.https_));
  proxies.direct_ = NoProxy(options.no_proxy);
  return proxies;
}

const Proxy* Proxies::For(const Origin& origin) const {
  const auto& proxy = origin.tls ? https_ : http_;
  return proxy && !direct_.Covers(origin.host) ? &*proxy : nullptr;
}

}  // namespace reflex::http
