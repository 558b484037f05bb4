#include "cloud/text_forms.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace reflex::cloud {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

bool IsAlnum(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// Reads fixed places of a text; the first thing that does not fit makes it bad for good.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}

  int Number(std::size_t digits) {
    int value = 0;
    if (text_.size() < digits) return Bad();
    for (std::size_t i = 0; i < digits; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return Bad();
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(digits);
    return value;
  }
  void Skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return void(Bad());
    text_.remove_prefix(expected.size());
  }
  std::string_view Take(std::size_t size) {
    if (text_.size() < size) return Bad(), std::string_view();
    const std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    return taken;
  }
  std::string_view rest() const { return text_; }
  bool good() const { return good_; }

 private:
  int Bad() {
    good_ = false;
    text_ = {};
    return 0;
  }

  std::string_view text_;
  bool good_ = true;
};

std::optional<std::int64_t> Moment(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60'000 + second * 1000;
}

// "Z", "+hh:mm" or "-hh:mm" in minutes.
std::optional<int> Offset(std::string_view zone) {
  if (zone == "Z") return 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  Fields fields(zone.substr(1));
  const int hours = fields.Number(2);
  fields.Skip(":");
  const int minutes = fields.Number(2);
  if (!fields.good() || hours > 23 || minutes > 59) return std::nullopt;
  return (zone[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

std::string PercentEncode(std::string_view text, bool keep_slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (IsAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~' || (keep_slash && c == '/')) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

std::string JsonQuote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::optional<std::int64_t> ParseIsoTime(std::string_view text) {
  Fields fields(text);
  const int year = fields.Number(4);
  fields.Skip("-");
  const int month = fields.Number(2);
  fields.Skip("-");
  const int day = fields.Number(2);
  fields.Skip("T");
  const int hour = fields.Number(2);
  fields.Skip(":");
  const int minute = fields.Number(2);
  fields.Skip(":");
  const int second = fields.Number(2);
  if (!fields.good()) return std::nullopt;
  std::string_view rest = fields.rest();
  int millis = 0;
  if (rest.starts_with('.')) {
    std::size_t end = 1;
    int scale = 100;
    for (; end < rest.size() && rest[end] >= '0' && rest[end] <= '9'; ++end, scale /= 10) millis += (rest[end] - '0') * scale;
    if (end == 1) return std::nullopt;
    rest.remove_prefix(end);
  }
  const std::optional<std::int64_t> moment = Moment(year, month, day, hour, minute, second);
  const std::optional<int> offset = Offset(rest);
  if (!moment || !offset) return std::nullopt;
  return *moment + millis - *offset * 60'000LL;
}

std::optional<std::int64_t> ParseHttpDate(std::string_view text) {
  Fields fields(text);
  fields.Take(3);
  fields.Skip(", ");
  const int day = fields.Number(2);
  fields.Skip(" ");
  const std::string_view name = fields.Take(3);
  fields.Skip(" ");
  const int year = fields.Number(4);
  fields.Skip(" ");
  const int hour = fields.Number(2);
  fields.Skip(":");
  const int minute = fields.Number(2);
  fields.Skip(":");
  const int second = fields.Number(2);
  fields.Skip(" GMT");
  if (!fields.good() || !fields.rest().empty()) return std::nullopt;
  const std::size_t at = kMonths.find(name);
  if (at == kMonths.npos || at % 3 != 0) return std::nullopt;
  return Moment(year, static_cast<int>(at / 3) + 1, day, hour, minute, second);
}

std::string AmazonTime(std::int64_t wall_ms) {
  const std::chrono::sys_seconds seconds{std::chrono::floor<std::chrono::seconds>(std::chrono::milliseconds(wall_ms))};
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(seconds - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Endpoint> ParseEndpoint(std::string_view setting, std::string_view url) {
  const auto refuse = [&] {
    return Fail(ErrorCode::kInvalidArgument, std::string(setting) + " = \"" + std::string(url) +
                                                 "\" is not allowed; allowed: http(s)://host[:port][/path], without a query");
  };
  Endpoint endpoint;
  if (url.starts_with("https://")) endpoint.scheme = "https";
  if (url.starts_with("http://")) endpoint.scheme = "http";
  if (endpoint.scheme.empty()) return refuse();
  std::string_view rest = url.substr(endpoint.scheme.size() + 3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  endpoint.authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  endpoint.path = path;
  const auto plain = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '@' && c != '\\'; };
  if (endpoint.authority.empty() || !std::ranges::all_of(rest, plain)) return refuse();
  // The host, with its brackets where it is an IPv6 address, then a port or nothing.
  const std::string_view authority = endpoint.authority;
  const std::size_t host_end =
      authority.starts_with('[') ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
  const std::string_view host = authority.substr(0, host_end);
  const std::string_view rest_of_it = authority.substr(host_end);
  const bool bare = !host.starts_with('[') && host.find_first_of("[]") == host.npos;
  if (host.empty() || !(bare || host.rfind('[') == 0)) return refuse();
  if (!rest_of_it.empty()) {
    const std::optional<std::uint64_t> port = rest_of_it.starts_with(':') ? ParseNumber(rest_of_it.substr(1)) : std::nullopt;
    if (!port || *port == 0 || *port > 65535) return refuse();
    if (*port == (endpoint.scheme == "https" ? 443u : 80u)) endpoint.authority.resize(host_end);
  }
  return endpoint;
}

}  // namespace reflex::cloud
