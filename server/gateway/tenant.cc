#include "gateway/tenant.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include "gateway/client_keys.h"
#include "gateway/context.h"

namespace reflex::gateway {
namespace {

// The first byte of the message: hashes of different kinds can never be equal.
constexpr char kKinds[] = {'c', 'h', '1'};
constexpr std::string_view kVersion = "reflex tenant 1";
// Names that no header field can have.
constexpr std::string_view kQueryKey = "?key";
constexpr std::string_view kGroup = "?group";
// Header fields classified ahead; a request with more pays for comparing names again.
constexpr std::size_t kClassifiedMax = 128;
constexpr std::uint8_t kNone = 255;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::vector<std::string> NamesThatCount(const GatewayOptions& options) {
  std::vector<std::string> names;
  if (options.tenant_from == TenantFrom::kOne) return names;
  if (options.tenant_from == TenantFrom::kHeader) {
    names = {Lower(options.tenant_header)};
  } else {
    names = {"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"};
  }
  std::vector<std::string> more;
  for (const std::string& name : options.tenant_headers) more.push_back(Lower(name));
  // The order of the setting must not decide who shares.
  std::ranges::sort(more);
  more.insert(more.end(), {"openai-organization", "openai-project"});
  for (std::string& name : more) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

void AppendField(std::string_view bytes, std::string& message) {
  char length[8];
  for (std::size_t i = 0; i < sizeof length; ++i)
    length[i] = static_cast<char>(static_cast<std::uint64_t>(bytes.size()) >> (8 * i));
  message.append(length, sizeof length).append(bytes);
}

std::uint8_t Classify(std::string_view name, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name.size() == names[i].size() && http::EqualsIgnoringCase(name, names[i])) return static_cast<std::uint8_t>(i);
  }
  return kNone;
}

}  // namespace

TenantHasher::TenantHasher(const GatewayOptions& options)
    : options_(options), names_(NamesThatCount(options)), key_(options.tenant_secret) {}

Result<Digest> TenantHasher::Of(const http::RequestHead& head, std::string_view key_group, std::string_view key_token) const {
  // Kept by the thread so that a request does not allocate; what it held is overwritten by the next one.
  thread_local std::string message;
  message.assign(kVersion).push_back(kKinds[static_cast<std::size_t>(options_.tenant_from)]);
  if (options_.tenant_from == TenantFrom::kOne) return key_.Sign(message);

  std::array<std::uint8_t, kClassifiedMax> classes;
  std::array<bool, kNone> present{};
  const std::vector<http::Header>& headers = head.headers;
  const auto class_of = [&](std::size_t i) { return i < kClassifiedMax ? classes[i] : Classify(headers[i].name, names_); };
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::uint8_t found = Classify(headers[i].name, names_);
    if (i < kClassifiedMax) classes[i] = found;
    if (found != kNone) present[found] = true;
  }

  const bool from_credential = options_.tenant_from == TenantFrom::kCredential;
  const bool grouped = from_credential && !key_group.empty();
  const auto append = [&](std::string_view name, std::string_view value) {
    if (grouped && TokenIn(name, value) == key_token) return;
    AppendField(name, message);
    AppendField(value, message);
  };
  if (grouped) {
    AppendField(kGroup, message);
    AppendField(key_group, message);
  }
  bool any_value = false;
  for (std::size_t name = 0; name < names_.size(); ++name) {
    for (std::size_t i = 0; present[name] && i < headers.size(); ++i) {
      if (class_of(i) != name) continue;
      append(names_[name], headers[i].value);
      if (name == 0) any_value = any_value || !headers[i].value.empty();
    }
  }
  if (!from_credential && !any_value) {
    return Fail(ErrorCode::kInvalidArgument, "the header " + options_.tenant_header + ", which says who the caller is, is missing");
  }
  if (from_credential) {
    VisitQueryKeys(head.query, [&](std::string_view, std::string_view value) { append(kQueryKey, value); });
  }
  return key_.Sign(message);
}

Result<Digest> TenantOf(const RequestContext& context) {
  return context.services.tenants.Of(context.head(), context.key_group, context.key_token);
}

}  // namespace reflex::gateway
