#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/gateway.h"
#include "http/message.h"
#include "reflex/result.h"

namespace reflex::gateway {

// What a request allows the cache to do, from Cache-Control, Pragma and X-Reflex-* (docs/headers.md). A value; its views live as
// long as the request's head. The body may forbid more (store:true).
struct CachePolicy {
  bool read = true;             // A stored answer may be served.
  bool store = true;            // The new answer may be stored.
  bool join = true;             // A call that another request started may be shared.
  bool refresh = false;         // no-cache or max-age=0: ask the provider and store; status `refresh`.
  bool only_if_cached = false;  // Never ask the provider: without a usable entry (or with `read` false) 504, reason only-if-cached.
  bool no_transform = false;    // Exact tier and JSON only.
  // Answers to other words: equal canonical texts (l2), and those the verifier accepts (l3, only with l2). The tiers the setting
  // and X-Reflex-Tiers leave, none with no-transform. They say what may be served and whether the new answer is filed for others;
  // `read` still decides whether anything is.
  bool canonical = true;
  bool verified = true;
  // Plain answers as Tauq, by X-Reflex-Format, Accept or the setting; no-transform forbids it. `says_format`: the request named
  // one, so the reply does.
  bool tauq = false;
  bool says_format = false;
  std::optional<std::int64_t> max_age_s;    // Entries up to this age.
  std::optional<std::int64_t> min_fresh_s;  // Entries that stay fresh for this long.
  std::optional<std::int64_t> max_stale_s;  // Entries that expired up to this long ago.
  std::chrono::seconds ttl{0};              // Of a newly stored answer: X-Reflex-TTL up to ttl_max, else the setting. At least 1 s.
  bool ttl_asked = false;                   // It is X-Reflex-TTL's.
  std::string_view name_space;              // X-Reflex-Namespace, "" for none. Part of the exact key.
  std::vector<std::string_view> tags;       // X-Reflex-Tags.
  // Why `read` is false, one of wire/reason.h: no-store, no-cache, tiers; "" where it is true. With refresh it is no-cache.
  std::string_view reason;

  static constexpr std::int64_t kAnyStaleness = std::numeric_limits<std::int64_t>::max();  // max-stale without a number.
};

// Limits of the header values.
inline constexpr std::size_t kNamespaceBytesMax = 128;
inline constexpr std::size_t kTagBytesMax = 64;
inline constexpr std::size_t kTagsMax = 16;

// Reads the request's headers. Unknown Cache-Control directives are ignored; a number that is none is read in the way that serves
// less from the cache (docs/headers.md). Of directives that are repeated the strictest holds.
// Returns: kInvalidArgument for a bad X-Reflex-TTL, -Tiers, -Namespace, -Tags or -Format, naming the header and what is allowed.
Result<CachePolicy> ReadPolicy(std::span<const http::Header> headers, const GatewayOptions& options);

// Whether an entry may be served.
enum class Freshness : std::uint8_t {
  kFresh,    // Yes, possibly stale within max-stale.
  kExpired,  // Past its TTL: reason expired, Cache-Status fwd=stale.
  kTooOld,   // Fresh, but not for this request's max-age or min-fresh: reason too-old, Cache-Status fwd=request.
};
// Times are wall clock, milliseconds since 1970. An entry from the future (the clock was set back) has age 0.
Freshness Judge(const CachePolicy& policy, std::int64_t created_ms, std::int64_t expires_ms, std::int64_t now_ms);

// Age header of an entry: whole seconds, never negative.
std::int64_t AgeSeconds(std::int64_t created_ms, std::int64_t now_ms);

}  // namespace reflex::gateway
