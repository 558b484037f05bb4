#include "upstream/request.h"

#include <algorithm>

#include "wire/chat_tauq.h"

namespace reflex::upstream {
namespace {

using http::EqualsIgnoringCase;

constexpr std::string_view kOwnPrefix = "x-reflex-";

struct Credential {
  std::string_view header;
  // Whose form it is; kOpenAi for Azure's. Authorization and Cookie have no provider of their own.
  Provider provider;
  bool anybody;
};
constexpr Credential kCredentials[] = {
    {"Authorization", Provider::kOpenAi, true}, {"Cookie", Provider::kOpenAi, true},          {"api-key", Provider::kOpenAi, false},
    {"x-api-key", Provider::kAnthropic, false}, {"x-goog-api-key", Provider::kGemini, false},
};

const Credential* FindCredential(std::string_view name) {
  const auto found = std::find_if(std::begin(kCredentials), std::end(kCredentials),
                                  [name](const Credential& credential) { return EqualsIgnoringCase(credential.header, name); });
  return found == std::end(kCredentials) ? nullptr : found;
}

// True if a credential in `owner`'s form would reach a host that is not `owner`'s. An owner that is switched off has no host here,
// and its form may be what a server of the operator's own expects.
bool IsForeign(Provider owner, Provider to, const ProviderTable& table) {
  if (owner == to) return false;
  const auto& own = table.base(owner);
  return own && own->origin != table.base(to)->origin;
}

// Fields that the client writes itself or that are between the caller and us.
bool StaysHere(std::string_view name, std::string_view value, const Call& call) {
  switch (name.size()) {
    case 4: return EqualsIgnoringCase(name, "Host");
    // Who asks for our own format takes JSON from a provider.
    case 6: return EqualsIgnoringCase(name, "Expect") || (EqualsIgnoringCase(name, "Accept") && wire::AcceptsTauq(value));
    case 14: return EqualsIgnoringCase(name, "Content-Length");
    case 15: return call.decode && EqualsIgnoringCase(name, "Accept-Encoding");
    default: return name.size() >= kOwnPrefix.size() && EqualsIgnoringCase(name.substr(0, kOwnPrefix.size()), kOwnPrefix);
  }
}

bool GoesOn(const http::Header& header, std::string_view connection, const Call& call, const ProviderTable& table) {
  if (StaysHere(header.name, header.value, call)) return false;
  if (const Credential* credential = FindCredential(header.name)) {
    if (table.has_key()) return false;
    if (!credential->anybody && IsForeign(credential->provider, call.provider, table)) return false;
  }
  if (!http::IsHopByHop(header.name, connection)) return true;
  return call.upgrade && EqualsIgnoringCase(header.name, "Upgrade");
}

void AddOwnCredential(Provider provider, const ProviderTable& table, ForwardedRequest& out) {
  const std::string_view key = table.key(provider);
  if (key.empty()) return;
  switch (provider) {
    case Provider::kOpenAi:
      out.bearer = "Bearer " + std::string(key);
      out.headers.push_back({"Authorization", out.bearer});
      break;
    case Provider::kAnthropic: out.headers.push_back({"x-api-key", key}); break;
    case Provider::kGemini: out.headers.push_back({"x-goog-api-key", key}); break;
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsKeyName(std::string_view name) {
  std::string decoded;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool escape = name[i] == '%' && i + 2 < name.size() && HexDigit(name[i + 1]) >= 0 && HexDigit(name[i + 2]) >= 0;
    decoded.push_back(escape ? static_cast<char>(HexDigit(name[i + 1]) * 16 + HexDigit(name[i + 2])) : name[i]);
    if (escape) i += 2;
  }
  return decoded == "key";
}

}  // namespace

std::string_view ConnectionValue(std::span<const http::Header> headers, std::string& joined) {
  std::string_view first;
  for (const http::Header& header : headers) {
    if (!EqualsIgnoringCase(header.name, "Connection")) continue;
    if (first.empty()) {
      first = header.value;
    } else {
      if (joined.empty()) joined = first;
      joined.append(",").append(header.value);
    }
  }
  return joined.empty() ? first : std::string_view(joined);
}

std::string WithoutQueryKey(std::string_view target) {
  const std::size_t start = target.find('?');
  std::string result(target.substr(0, start));
  if (start == std::string_view::npos) return result;
  std::string_view rest = target.substr(start + 1);
  char separator = '?';
  for (bool more = true; more;) {
    const std::size_t end = rest.find('&');
    more = end != std::string_view::npos;
    const std::string_view part = rest.substr(0, end);
    if (more) rest.remove_prefix(end + 1);
    if (IsKeyName(part.substr(0, part.find('=')))) continue;
    result.push_back(separator);
    result.append(part);
    separator = '&';
  }
  return result;
}

void Forward(const Call& call, const ProviderTable& table, ForwardedRequest& out) {
  out.target = TargetAt(call.provider, *table.base(call.provider), call.target);
  // A key in the query is Google's form.
  if (table.has_key() || IsForeign(Provider::kGemini, call.provider, table)) out.target = WithoutQueryKey(out.target);
  std::string joined;
  const std::string_view connection = ConnectionValue(call.headers, joined);
  out.headers.reserve(call.headers.size() + 2);
  for (const http::Header& header : call.headers) {
    if (GoesOn(header, connection, call, table)) out.headers.push_back(header);
  }
  if (call.decode) out.headers.push_back({"Accept-Encoding", "gzip, deflate"});
  if (table.has_key()) AddOwnCredential(call.provider, table, out);
}

}  // namespace reflex::upstream
