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
// Misses of the semantic tiers: why none of the answers to other words was served. First those that the request's form decides.
inline constexpr std::string_view kNotUserText = "not-user-text";       // The last message is no user's.
inline constexpr std::string_view kSeveralParts = "several-parts";      // Its content is several parts, or none of text.
inline constexpr std::string_view kEmptyQuestion = "empty-question";    // Nothing but white space.
inline constexpr std::string_view kToolsInPlay = "tools";               // Tools are offered or were used.
inline constexpr std::string_view kSeveralChoices = "several-choices";  // n > 1.
inline constexpr std::string_view kExactWording = "exact-wording";  // Logprobs, audio, a prediction: the words themselves count.
inline constexpr std::string_view kNoCandidate = "no-candidate";
inline constexpr std::string_view kScore = "score";
inline constexpr std::string_view kPresent = "present";
inline constexpr std::string_view kLanguage = "language";
inline constexpr std::string_view kTooLong = "too-long";
inline constexpr std::string_view kBlocked = "blocked";
inline constexpr std::string_view kBudget = "budget";
inline constexpr std::string_view kLoading = "loading";
inline constexpr std::string_view kTimeLimit = "time-limit";
inline constexpr std::string_view kFailed = "failed";
// A fact in which the best candidate differs.
inline constexpr std::string_view kGuardNumbers = "guard-numbers";
inline constexpr std::string_view kGuardNegation = "guard-negation";
inline constexpr std::string_view kGuardDirection = "guard-direction";
inline constexpr std::string_view kGuardLanguage = "guard-language";
inline constexpr std::string_view kGuardEntity = "guard-entity";
inline constexpr std::string_view kGuardQuantifier = "guard-quantifier";
inline constexpr std::string_view kGuardIdentifier = "guard-identifier";
inline constexpr std::string_view kGuardQuotation = "guard-quotation";
inline constexpr std::string_view kGuardCode = "guard-code";
inline constexpr std::string_view kGuardOutputLanguage = "guard-output-language";
inline constexpr std::string_view kGuardTask = "guard-task";
inline constexpr std::string_view kGuardConstraint = "guard-constraint";
inline constexpr std::string_view kGuardOrder = "guard-order";
inline constexpr std::string_view kGuardAntonym = "guard-antonym";
inline constexpr std::string_view kGuardPresent = "guard-present";
inline constexpr std::string_view kGuardOther = "guard-other";  // One this list does not know.
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
inline constexpr std::string_view kOrigin = "origin";        // A web page's, where server.cors_origins names none.
inline constexpr std::string_view kRestoring = "restoring";  // The cache is being restored from a snapshot.
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
