#pragma once

#include <string_view>

// Every value X-Reflex-Reason can have; docs/headers.md explains each. Add here, nowhere else.
namespace reflex::wire::reason {

// Misses.
inline constexpr std::string_view kNoEntry = "no-entry";
inline constexpr std::string_view kExpired = "expired";
inline constexpr std::string_view kTooOld = "too-old";  // Request's max-age or min-fresh.
inline constexpr std::string_view kOnlyIfCached = "only-if-cached";
inline constexpr std::string_view kJoined = "joined";     // Shares another caller's upstream call.
inline constexpr std::string_view kNoCache = "no-cache";  // Refresh asked for.
// Bypass: neither read nor stored.
inline constexpr std::string_view kNoStore = "no-store";
inline constexpr std::string_view kTiers = "tiers";  // No tier is left: X-Reflex-Tiers or the setting.
inline constexpr std::string_view kStoreTrue = "store-true";
inline constexpr std::string_view kWebSearch = "web-search";
inline constexpr std::string_view kPath = "path";  // Not a path that is cached.
inline constexpr std::string_view kMethod = "method";
inline constexpr std::string_view kNotJson = "not-json";
inline constexpr std::string_view kNotObject = "not-object";
inline constexpr std::string_view kDuplicateName = "duplicate-name";
inline constexpr std::string_view kBadText = "bad-text";  // Lone surrogate or invalid UTF-8.
inline constexpr std::string_view kTooDeep = "too-deep";
inline constexpr std::string_view kTooManyValues = "too-many-values";     // More than a million values in one body.
inline constexpr std::string_view kFieldType = "field-type";              // A field that decides has another type than documented.
inline constexpr std::string_view kContentEncoding = "content-encoding";  // A compressed request body.
inline constexpr std::string_view kUpgrade = "upgrade";
// Errors Reflex made itself.
inline constexpr std::string_view kBadRequest = "bad-request";
inline constexpr std::string_view kClientKey = "client-key";
inline constexpr std::string_view kForbiddenPath = "forbidden-path";
inline constexpr std::string_view kForbiddenHost = "forbidden-host";
inline constexpr std::string_view kForbiddenOrigin = "forbidden-origin";
inline constexpr std::string_view kAdminToken = "admin-token";
inline constexpr std::string_view kTooLarge = "too-large";
inline constexpr std::string_view kBusy = "busy";
inline constexpr std::string_view kNotFound = "not-found";
inline constexpr std::string_view kNoUpstream = "no-upstream";
inline constexpr std::string_view kUpstreamUnreachable = "upstream-unreachable";
inline constexpr std::string_view kUpstreamTimeout = "upstream-timeout";
inline constexpr std::string_view kUpstreamProtocol = "upstream-protocol";
inline constexpr std::string_view kUpstreamTruncated = "upstream-truncated";
inline constexpr std::string_view kInternal = "internal";

}  // namespace reflex::wire::reason
