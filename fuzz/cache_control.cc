// Request headers as a client may send them: Cache-Control, Pragma and X-Reflex-*. Whatever they hold, the policy that comes out
// must be one of those the gateway knows how to follow.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "gateway/identity.h"
#include "gateway/policy.h"
#include "wire/reason.h"

namespace {

namespace gateway = reflex::gateway;
namespace reason = reflex::wire::reason;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Lines `letter value`; the letter picks the header.
std::vector<reflex::http::Header> Headers(std::string_view text) {
  std::vector<reflex::http::Header> headers;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    if (line.empty()) continue;
    constexpr std::string_view kNames[] = {"Cache-Control",  "Pragma",          "X-Reflex-TTL",
                                           "X-Reflex-Tiers", "X-Reflex-Format", "X-Reflex-Namespace",
                                           "X-Reflex-Tags",  "traceparent"};
    headers.push_back({kNames[static_cast<unsigned char>(line[0]) % 8], line.substr(1)});
  }
  return headers;
}

void Check(const gateway::CachePolicy& policy, const gateway::GatewayOptions& options) {
  Require(policy.read == policy.reason.empty());
  Require(policy.read || policy.reason == reason::kNoStore || policy.reason == reason::kNoCache || policy.reason == reason::kTiers);
  Require(!policy.read ? !policy.join : policy.store);
  Require(policy.refresh == (policy.reason == reason::kNoCache));
  Require(policy.ttl.count() >= 1 && policy.ttl <= options.ttl_max);
  Require(!policy.max_age_s || *policy.max_age_s >= 0);
  Require(!policy.min_fresh_s || *policy.min_fresh_s >= 0);
  Require(!policy.max_stale_s || *policy.max_stale_s >= 0);
  Require(policy.tags.size() <= gateway::kTagsMax && policy.name_space.size() <= gateway::kNamespaceBytesMax);
  // What is not expired is served to a request that asks for nothing special; what no bound forbids is always fresh.
  constexpr std::int64_t kNow = 1'800'000'000'000;
  const auto verdict = gateway::Judge(policy, kNow - 5000, kNow + 5000, kNow);
  if (!policy.max_age_s && !policy.min_fresh_s) Require(verdict == gateway::Freshness::kFresh);
  Require(verdict != gateway::Freshness::kExpired);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<reflex::http::Header> headers = Headers({reinterpret_cast<const char*>(data), size});
  const gateway::GatewayOptions options;
  const auto policy = gateway::ReadPolicy(headers, options);
  if (policy) Check(*policy, options);
  if (!policy) Require(policy.error().code == reflex::ErrorCode::kInvalidArgument && policy.error().message.size() < 500);
  const std::string_view trace_id = gateway::ReadTraceId(headers);
  Require(trace_id.empty() || trace_id.size() == 32);
  return 0;
}
