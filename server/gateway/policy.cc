#include "gateway/policy.h"

#include <algorithm>

#include "gateway/blanks.h"
#include "gateway/directives.h"
#include "wire/chat_tauq.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

constexpr std::size_t kShownBytesMax = 64;
constexpr std::string_view kPrefix = "x-reflex-";

std::unexpected<Error> BadHeader(std::string_view name, std::string_view value, std::string_view allowed) {
  std::string message(name);
  message.append(" is \"").append(value.substr(0, kShownBytesMax)).append("\"; ").append(allowed);
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

bool IsPrintable(std::string_view text, char lowest) {
  return std::ranges::all_of(text, [lowest](char c) { return c >= lowest && c < 127; });
}

// What the request's fields said, before it becomes a policy.
struct Said {
  bool cache_control = false, pragma_no_cache = false;
  CacheDirectives directives;
  const http::Header* ttl = nullptr;
  const http::Header* tiers = nullptr;
  const http::Header* name_space = nullptr;
  const http::Header* format = nullptr;
  bool accepts_tauq = false;
};

Result<void> Keep(const http::Header& header, std::string_view name, const http::Header*& place) {
  if (place != nullptr) return Fail(ErrorCode::kInvalidArgument, std::string(name) + " stands there twice; once is allowed");
  place = &header;
  return {};
}

Result<void> AddTags(std::string_view list, std::vector<std::string_view>& tags) {
  const std::string_view whole = list;
  while (!list.empty()) {
    const std::string_view tag = Trim(list.substr(0, list.find(',')));
    list.remove_prefix(std::min(list.size(), list.find(',') == std::string_view::npos ? list.size() : list.find(',') + 1));
    if (tag.empty()) continue;
    if (tag.size() > kTagBytesMax || !IsPrintable(tag, '!') || tags.size() == kTagsMax) {
      return BadHeader("X-Reflex-Tags", whole,
                       "allowed are up to 16 tags with commas between, each 1 to 64 visible ASCII characters");
    }
    tags.push_back(tag);
  }
  return {};
}

Result<void> ReadOwnHeader(const http::Header& header, Said& said, CachePolicy& policy) {
  const std::string_view rest = header.name.substr(kPrefix.size());
  if (http::EqualsIgnoringCase(rest, "ttl")) return Keep(header, "X-Reflex-TTL", said.ttl);
  if (http::EqualsIgnoringCase(rest, "tiers")) return Keep(header, "X-Reflex-Tiers", said.tiers);
  if (http::EqualsIgnoringCase(rest, "namespace")) return Keep(header, "X-Reflex-Namespace", said.name_space);
  if (http::EqualsIgnoringCase(rest, "format")) return Keep(header, "X-Reflex-Format", said.format);
  if (http::EqualsIgnoringCase(rest, "tags")) return AddTags(header.value, policy.tags);
  return {};
}

Result<Said> ReadFields(std::span<const http::Header> headers, CachePolicy& policy) {
  Said said;
  for (const http::Header& header : headers) {
    const std::string_view name = header.name;
    if (name.size() == 13 && http::EqualsIgnoringCase(name, "cache-control")) {
      said.cache_control = true;
      ReadCacheControl(header.value, said.directives);
    } else if (name.size() == 6 && http::EqualsIgnoringCase(name, "pragma")) {
      said.pragma_no_cache = said.pragma_no_cache || PragmaSaysNoCache(header.value);
    } else if (name.size() == 6 && http::EqualsIgnoringCase(name, "accept")) {
      said.accepts_tauq = said.accepts_tauq || wire::AcceptsTauq(header.value);
    } else if (name.size() > kPrefix.size() && http::EqualsIgnoringCase(name.substr(0, kPrefix.size()), kPrefix)) {
      REFLEX_CHECK(ReadOwnHeader(header, said, policy));
    }
  }
  return said;
}

Result<std::chrono::seconds> ReadTtl(const http::Header* header, const GatewayOptions& options) {
  if (header == nullptr) return std::max(options.ttl, std::chrono::seconds(1));
  const std::optional<std::int64_t> seconds = ReadDeltaSeconds(header->value);
  if (!seconds || *seconds == 0) {
    return BadHeader(
        "X-Reflex-TTL", header->value,
        "allowed are whole seconds from 1 on (longer than the configured limit means the limit); to store nothing, send "
        "Cache-Control: no-store");
  }
  return std::min(std::chrono::seconds(*seconds), options.ttl_max);
}

// The tiers that are left. Each needs those before it.
struct Tiers {
  bool exact = true, canonical = true, verified = true;
};

Tiers Narrowed(Tiers tiers) {
  tiers.canonical = tiers.canonical && tiers.exact;
  tiers.verified = tiers.verified && tiers.canonical;
  return tiers;
}

Result<Tiers> ReadTiers(const http::Header* header, const GatewayOptions& options) {
  const Tiers set{options.exact_tier, options.canonical_tier, options.verified_tier};
  if (header == nullptr) return Narrowed(set);
  Tiers asked{false, false, false};
  std::string_view rest = header->value;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view word = Trim(rest.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
    if (http::EqualsIgnoringCase(word, "l1")) {
      asked.exact = true;
    } else if (http::EqualsIgnoringCase(word, "l2")) {
      asked.canonical = true;
    } else if (http::EqualsIgnoringCase(word, "l3")) {
      asked.verified = true;
    } else {
      return BadHeader("X-Reflex-Tiers", header->value, "allowed are l1, l2 and l3 with commas between");
    }
  }
  return Narrowed({asked.exact && set.exact, asked.canonical && set.canonical, asked.verified && set.verified});
}

Result<void> CheckWords(const Said& said) {
  if (said.name_space != nullptr &&
      (said.name_space->value.size() > kNamespaceBytesMax || !IsPrintable(said.name_space->value, ' '))) {
    return BadHeader("X-Reflex-Namespace", said.name_space->value, "allowed are up to 128 printable ASCII characters");
  }
  return {};
}

// An Accept that names Tauq where the setting is off asks for nothing: JSON is always acceptable.
Result<void> ReadFormat(const Said& said, const GatewayOptions& options, CachePolicy& policy) {
  policy.says_format = said.format != nullptr || said.accepts_tauq;
  policy.tauq = options.tauq == TauqUse::kAlways || (options.tauq == TauqUse::kOnRequest && said.accepts_tauq);
  if (said.format != nullptr) {
    policy.tauq = http::EqualsIgnoringCase(said.format->value, "tauq");
    if (policy.tauq && options.tauq == TauqUse::kOff) {
      return BadHeader("X-Reflex-Format", said.format->value, "allowed is json: the setting format.tauq is off");
    }
    if (!policy.tauq && !http::EqualsIgnoringCase(said.format->value, "json")) {
      return BadHeader("X-Reflex-Format", said.format->value, "allowed are json and tauq");
    }
  }
  policy.tauq = policy.tauq && !said.directives.no_transform;
  return {};
}

void Forbid(std::string_view why, CachePolicy& policy) {
  policy.read = policy.store = policy.join = false;
  policy.reason = why;
}

void Apply(const Said& said, const Tiers& tiers, CachePolicy& policy) {
  const CacheDirectives& asked = said.directives;
  policy.only_if_cached = asked.only_if_cached;
  policy.no_transform = asked.no_transform;
  policy.max_age_s = asked.max_age_s;
  policy.min_fresh_s = asked.min_fresh_s;
  policy.max_stale_s = asked.max_stale_s;
  policy.canonical = tiers.canonical && !asked.no_transform;
  policy.verified = tiers.verified && !asked.no_transform;
  if (asked.no_store) return Forbid(reason::kNoStore, policy);
  if (!tiers.exact) return Forbid(reason::kTiers, policy);
  // RFC 9111 section 5.4: Pragma counts only where there is no Cache-Control.
  if (asked.no_cache || asked.max_age_s == 0 || (said.pragma_no_cache && !said.cache_control)) {
    policy.read = policy.join = false;
    policy.refresh = true;
    policy.reason = reason::kNoCache;
  }
}

}  // namespace

Result<CachePolicy> ReadPolicy(std::span<const http::Header> headers, const GatewayOptions& options) {
  CachePolicy policy;
  REFLEX_TRY(const Said said, ReadFields(headers, policy));
  REFLEX_CHECK(CheckWords(said));
  REFLEX_CHECK(ReadFormat(said, options, policy));
  REFLEX_TRY(policy.ttl, ReadTtl(said.ttl, options));
  policy.ttl_asked = said.ttl != nullptr;
  REFLEX_TRY(const Tiers tiers, ReadTiers(said.tiers, options));
  if (said.name_space != nullptr) policy.name_space = said.name_space->value;
  Apply(said, tiers, policy);
  return policy;
}

std::int64_t AgeSeconds(std::int64_t created_ms, std::int64_t now_ms) {
  return now_ms > created_ms ? (now_ms - created_ms) / 1000 : 0;
}

Freshness Judge(const CachePolicy& policy, std::int64_t created_ms, std::int64_t expires_ms, std::int64_t now_ms) {
  if (now_ms >= expires_ms) {
    const std::int64_t allowed_s = policy.max_stale_s.value_or(0);
    const bool any = allowed_s == CachePolicy::kAnyStaleness;
    if (!policy.max_stale_s || (!any && now_ms - expires_ms > allowed_s * 1000)) return Freshness::kExpired;
  }
  if (policy.max_age_s && AgeSeconds(created_ms, now_ms) > *policy.max_age_s) return Freshness::kTooOld;
  // Compared as milliseconds: a rest of 1.9 s does not cover 2 s.
  if (policy.min_fresh_s && expires_ms - now_ms < *policy.min_fresh_s * 1000) return Freshness::kTooOld;
  return Freshness::kFresh;
}

}  // namespace reflex::gateway
