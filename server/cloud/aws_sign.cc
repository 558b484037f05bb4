#include "cloud/aws_sign.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

// A URL in the parts that are signed.
struct Parts {
  std::string_view authority;
  std::string_view path;
  std::string_view query;
};

Parts Split(std::string_view url) {
  Parts parts;
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  const std::size_t path = std::min(url.find_first_of("/?"), url.size());
  parts.authority = url.substr(0, path);
  url.remove_prefix(path);
  const std::size_t query = std::min(url.find('?'), url.size());
  parts.path = query == 0 ? std::string_view("/") : url.substr(0, query);
  parts.query = url.substr(std::min(query + 1, url.size()));
  return parts;
}

// Parameters by name, then value; one without '=' gets it.
std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string_view, std::string_view>> parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    if (!one.empty()) parameters.emplace_back(one.substr(0, equals), one.substr(std::min(equals + 1, one.size())));
  }
  std::ranges::sort(parameters);
  std::string canonical;
  for (const auto& [name, value] : parameters) {
    if (!canonical.empty()) canonical += '&';
    canonical.append(name).append("=").append(value);
  }
  return canonical;
}

// Spaces at the ends go, runs of them become one.
std::string CanonicalValue(std::string_view value) {
  std::string canonical;
  for (const char c : value) {
    if (c == ' ' && (canonical.empty() || canonical.back() == ' ')) continue;
    canonical += c;
  }
  while (canonical.ends_with(' ')) canonical.pop_back();
  return canonical;
}

struct CanonicalHeaders {
  std::string lines;  // "name:value\n" each.
  std::string names;  // Joined by ';'.
};

CanonicalHeaders Canonical(const std::vector<std::pair<std::string, std::string>>& headers) {
  std::vector<std::pair<std::string, std::string>> sorted;
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    sorted.emplace_back(std::move(lower), CanonicalValue(value));
  }
  std::ranges::sort(sorted);
  CanonicalHeaders canonical;
  for (const auto& [name, value] : sorted) {
    canonical.lines += name + ":" + value + "\n";
    canonical.names += (canonical.names.empty() ? "" : ";") + name;
  }
  return canonical;
}

std::string_view Bytes(const Digest& digest) { return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()}; }

std::string Signature(const AwsKeys& keys, std::string_view day, const SigningScope& scope, std::string_view to_sign) {
  const Digest day_key = base::HmacKey("AWS4" + keys.secret).Sign(day);
  const Digest region_key = base::HmacKey(Bytes(day_key)).Sign(scope.region);
  const Digest service_key = base::HmacKey(Bytes(region_key)).Sign(scope.service);
  const Digest signing_key = base::HmacKey(Bytes(service_key)).Sign("aws4_request");
  return base::ToHex(base::HmacKey(Bytes(signing_key)).Sign(to_sign));
}

}  // namespace

void SignV4(HttpRequest& request, const AwsKeys& keys, const SigningScope& scope, std::string_view payload_hash) {
  const Parts parts = Split(request.url);
  const std::string time = AmazonTime(scope.wall_ms);
  const std::string_view day = std::string_view(time).substr(0, 8);
  request.headers.emplace_back("Host", parts.authority);
  request.headers.emplace_back("X-Amz-Date", time);
  if (!keys.session.empty()) request.headers.emplace_back("X-Amz-Security-Token", keys.session);
  const CanonicalHeaders headers = Canonical(request.headers);
  std::string canonical = request.method + "\n";
  canonical.append(parts.path).append("\n").append(CanonicalQuery(parts.query)).append("\n");
  canonical.append(headers.lines).append("\n").append(headers.names).append("\n").append(payload_hash);
  std::string credential_scope(day);
  credential_scope.append("/").append(scope.region).append("/").append(scope.service).append("/aws4_request");
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + time + "\n" + credential_scope + "\n" + base::ToHex(base::HashBytes(canonical));
  request.headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=" + keys.id + "/" + credential_scope +
                                                    ", SignedHeaders=" + headers.names +
                                                    ", Signature=" + Signature(keys, day, scope, to_sign));
}

}  // namespace reflex::cloud
