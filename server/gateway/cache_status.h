#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reflex/types.h"

// Header values of a reply, written into the caller's buffer: nothing here allocates. Each returned view is the filled part of the
// buffer it was given.
namespace reflex::gateway {

inline constexpr std::size_t kCacheStatusBytesMax = 128;

// Why a request went to the provider (RFC 9211 section 2.2). kNothing: it did not, and no entry was served (only-if-cached).
enum class Forward : std::uint8_t { kMiss, kStale, kRequest, kBypass, kNothing };

// `reflex; hit; ttl=3540; key="9f2c5a0d11e2b3c4"; detail=l1-exact`. The key is shortened to 16 digits: it is for people,
// X-Reflex-Entry has all of it. `ttl_s` is negative for an entry served stale; `detail` is the tier, as "l1-exact".
std::string_view WriteHitStatus(const Digest& key, std::int64_t ttl_s, std::string_view detail,
                                std::span<char, kCacheStatusBytesMax> buffer);

// `reflex; fwd=miss; fwd-status=200; collapsed`; without fwd-status where `upstream_status` is 0 (no reply came). kNothing gives
// `reflex; detail=only-if-cached`. A field of its own after an upstream's Cache-Status fields: lines of one name are one list.
std::string_view WriteForwardStatus(Forward why, int upstream_status, bool collapsed, std::span<char, kCacheStatusBytesMax> buffer);

// The digest as 64 lower-case hexadecimal digits: X-Reflex-Entry.
std::string_view WriteHex(const Digest& digest, std::span<char, 64> buffer);

}  // namespace reflex::gateway
