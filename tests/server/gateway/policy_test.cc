#include "gateway/policy.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "gateway/cache_status.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;
using Headers = std::vector<http::Header>;

CachePolicy PolicyOf(const Headers& headers, const GatewayOptions& options = {}) {
  Result<CachePolicy> policy = ReadPolicy(headers, options);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy.value_or(CachePolicy{});
}

CachePolicy ControlOf(std::string_view cache_control) { return PolicyOf({{"Cache-Control", cache_control}}); }

std::string ErrorOf(const Headers& headers) {
  const Result<CachePolicy> policy = ReadPolicy(headers, {});
  if (policy) return "";
  EXPECT_EQ(policy.error().code, ErrorCode::kInvalidArgument);
  return policy.error().message;
}

TEST(PolicyHeaders, WithoutHeadersEverythingIsAllowed) {
  const CachePolicy policy = PolicyOf({{"Accept", "application/json"}});
  EXPECT_TRUE(policy.read && policy.store && policy.join);
  EXPECT_FALSE(policy.refresh || policy.only_if_cached || policy.no_transform);
  EXPECT_FALSE(policy.max_age_s || policy.min_fresh_s || policy.max_stale_s);
  EXPECT_EQ(policy.ttl, std::chrono::hours(24));
  EXPECT_EQ(policy.reason, "");
  EXPECT_EQ(policy.name_space, "");
  EXPECT_TRUE(policy.tags.empty());
}

TEST(PolicyHeaders, NoStoreNeitherReadsNorStoresNorJoins) {
  const CachePolicy policy = ControlOf("no-store");
  EXPECT_FALSE(policy.read || policy.store || policy.join || policy.refresh);
  EXPECT_EQ(policy.reason, reason::kNoStore);
}

TEST(PolicyHeaders, NoCacheAndMaxAgeZeroRefresh) {
  for (const char* text : {"no-cache", "NO-CACHE", "max-age=0", "max-age=\"0\"", "foo, No-Cache", "no-cache=\"field\""}) {
    const CachePolicy policy = ControlOf(text);
    EXPECT_FALSE(policy.read || policy.join) << text;
    EXPECT_TRUE(policy.store && policy.refresh) << text;
    EXPECT_EQ(policy.reason, reason::kNoCache) << text;
  }
}

TEST(PolicyHeaders, NoStoreWinsOverNoCache) {
  const CachePolicy policy = ControlOf("no-cache, no-store");
  EXPECT_FALSE(policy.store || policy.refresh);
  EXPECT_EQ(policy.reason, reason::kNoStore);
}

TEST(PolicyHeaders, NumbersAreReadPlainAndQuoted) {
  const CachePolicy policy = ControlOf("max-age=60, min-fresh=\"5\" ,\tMax-Stale = 7");
  EXPECT_EQ(policy.max_age_s, 60);
  EXPECT_EQ(policy.min_fresh_s, 5);
  EXPECT_EQ(policy.max_stale_s, 7);
  EXPECT_TRUE(policy.read && policy.store && policy.join);
}

TEST(PolicyHeaders, MaxStaleWithoutANumberTakesAnyAge) {
  EXPECT_EQ(ControlOf("max-stale").max_stale_s, CachePolicy::kAnyStaleness);
}

TEST(PolicyHeaders, OnlyIfCachedAndNoTransformAreKept) {
  const CachePolicy policy = ControlOf("only-if-cached, no-transform");
  EXPECT_TRUE(policy.only_if_cached && policy.no_transform && policy.read);
  EXPECT_TRUE(ControlOf("no-store, only-if-cached").only_if_cached) << "the provider must not be asked then either";
}

TEST(PolicyHeaders, ABadNumberServesLess) {
  for (const char* number : {"", "=", "=abc", "=-1", "=1.5", "=\"\"", "= ", "=1 2"}) {
    EXPECT_TRUE(ControlOf(std::string("max-age") + number).refresh) << number;
    EXPECT_GT(ControlOf(std::string("min-fresh") + number).min_fresh_s, 10'000'000) << number;
  }
  EXPECT_EQ(ControlOf("max-stale=abc").max_stale_s, 0);
  EXPECT_EQ(ControlOf("max-stale=").max_stale_s, 0);
}

TEST(PolicyHeaders, AHugeNumberIsCut) {
  EXPECT_EQ(ControlOf("max-age=99999999999999999999999999").max_age_s, std::int64_t{1} << 31);
  EXPECT_TRUE(ControlOf("max-age=00000000000000000000000000").refresh);
}

TEST(PolicyHeaders, OfRepeatedDirectivesTheStrictestHolds) {
  const CachePolicy policy = PolicyOf({{"Cache-Control", "max-age=60, min-fresh=5, max-stale"},
                                       {"cache-control", "max-age=30, min-fresh=9, max-stale=3"},
                                       {"CACHE-CONTROL", "max-age=90, min-fresh=1"}});
  EXPECT_EQ(policy.max_age_s, 30);
  EXPECT_EQ(policy.min_fresh_s, 9);
  EXPECT_EQ(policy.max_stale_s, 3);
}

TEST(PolicyHeaders, UnknownDirectivesAreIgnored) {
  const CachePolicy policy = ControlOf("stale-if-error=5, private=\"no-store, no-cache\", x=\"a\\\"b, no-store\", no-stored, ,,");
  EXPECT_TRUE(policy.read && policy.store && policy.join);
}

TEST(PolicyHeaders, ADirectiveAfterBrokenTextStillCounts) {
  EXPECT_EQ(ControlOf("x=\"never closed, no-store").reason, reason::kNoStore);
  EXPECT_EQ(ControlOf("=, no-store").reason, reason::kNoStore);
  EXPECT_EQ(ControlOf("x=\"a\" junk, no-store").reason, reason::kNoStore);
  EXPECT_EQ(ControlOf("no-store junk").reason, reason::kNoStore);
  EXPECT_EQ(ControlOf("x=\"a\\").reason, "");
}

TEST(PolicyHeaders, PragmaCountsOnlyWithoutCacheControl) {
  EXPECT_TRUE(PolicyOf({{"Pragma", "no-cache"}}).refresh);
  EXPECT_TRUE(PolicyOf({{"Pragma", "foo"}, {"pragma", "bar, NO-CACHE"}}).refresh);
  EXPECT_FALSE(PolicyOf({{"Pragma", "foo"}}).refresh);
  EXPECT_FALSE(PolicyOf({{"Pragma", "no-cache"}, {"Cache-Control", "max-age=60"}}).refresh);
  EXPECT_FALSE(PolicyOf({{"Pragma", "no-cache"}, {"Cache-Control", ""}}).refresh);
}

TEST(PolicyHeaders, TtlComesFromTheRequestUpToTheLimit) {
  GatewayOptions options;
  options.ttl = std::chrono::seconds(100);
  options.ttl_max = std::chrono::seconds(1000);
  EXPECT_EQ(PolicyOf({}, options).ttl.count(), 100);
  EXPECT_EQ(PolicyOf({{"x-reflex-ttl", "5"}}, options).ttl.count(), 5);
  EXPECT_EQ(PolicyOf({{"X-Reflex-TTL", "1000"}}, options).ttl.count(), 1000);
  EXPECT_EQ(PolicyOf({{"X-Reflex-TTL", "1001"}}, options).ttl.count(), 1000);
  EXPECT_EQ(PolicyOf({{"X-Reflex-TTL", "99999999999999999999"}}, options).ttl.count(), 1000);
}

TEST(PolicyHeaders, ABadTtlIsAnErrorThatNamesIt) {
  for (const char* value : {"", "0", "-1", "abc", "1h", "1.5", "1, 2"}) {
    const std::string message = ErrorOf({{"X-Reflex-TTL", value}});
    EXPECT_TRUE(message.starts_with("X-Reflex-TTL is \"" + std::string(value) + "\"; allowed are whole seconds")) << message;
  }
}

TEST(PolicyHeaders, SemanticTiersNeedThoseBeforeThem) {
  const auto tiers = [](std::vector<http::Header> headers, const GatewayOptions& options = {}) {
    const CachePolicy policy = PolicyOf(std::move(headers), options);
    return std::string(policy.canonical ? "l2" : "") + (policy.verified ? "l3" : "");
  };
  EXPECT_EQ(tiers({}), "l2l3");
  EXPECT_EQ(tiers({{"X-Reflex-Tiers", "l1,l2,l3"}}), "l2l3");
  EXPECT_EQ(tiers({{"X-Reflex-Tiers", "l1,l2"}}), "l2");
  EXPECT_EQ(tiers({{"X-Reflex-Tiers", "l1,l3"}}), "");
  EXPECT_EQ(tiers({{"X-Reflex-Tiers", "l1"}}), "");
  EXPECT_EQ(tiers({{"Cache-Control", "no-transform"}}), "");
  GatewayOptions canonical_only;
  canonical_only.verified_tier = false;
  EXPECT_EQ(tiers({}, canonical_only), "l2");
  EXPECT_EQ(tiers({{"X-Reflex-Tiers", "l1,l2,l3"}}, canonical_only), "l2");
  GatewayOptions exact_only;
  exact_only.canonical_tier = false;
  EXPECT_EQ(tiers({{"X-Reflex-Tiers", "l1,l2,l3"}}, exact_only), "");
}

TEST(PolicyHeaders, TiersNarrowAndNeverWiden) {
  EXPECT_TRUE(PolicyOf({{"X-Reflex-Tiers", "l1"}}).read);
  EXPECT_TRUE(PolicyOf({{"X-Reflex-Tiers", "L1 , l2,l3"}}).read);
  const CachePolicy none = PolicyOf({{"X-Reflex-Tiers", "l2,l3"}});
  EXPECT_FALSE(none.read || none.store || none.join);
  EXPECT_EQ(none.reason, reason::kTiers);
  GatewayOptions off;
  off.exact_tier = false;
  EXPECT_EQ(PolicyOf({}, off).reason, reason::kTiers);
  EXPECT_EQ(PolicyOf({{"X-Reflex-Tiers", "l1"}}, off).reason, reason::kTiers);
}

TEST(PolicyHeaders, AnUnknownTierIsAnErrorThatNamesIt) {
  for (const char* value : {"", "l4", "l1,", "l1 l2", "all"}) {
    EXPECT_TRUE(
        ErrorOf({{"X-Reflex-Tiers", value}}).starts_with("X-Reflex-Tiers is \"" + std::string(value) + "\"; allowed are l1"))
        << value;
  }
}

TEST(PolicyHeaders, NamespaceIsKeptAndBounded) {
  EXPECT_EQ(PolicyOf({{"X-Reflex-Namespace", "prompt v2"}}).name_space, "prompt v2");
  const std::string longest(kNamespaceBytesMax, 'n');
  EXPECT_EQ(PolicyOf({{"X-Reflex-Namespace", longest}}).name_space, longest);
  EXPECT_TRUE(ErrorOf({{"X-Reflex-Namespace", longest + "n"}}).starts_with("X-Reflex-Namespace is"));
  EXPECT_TRUE(ErrorOf({{"X-Reflex-Namespace", "gr\xc3\xbcn"}}).starts_with("X-Reflex-Namespace is"));
  EXPECT_TRUE(ErrorOf({{"X-Reflex-Namespace", "a\tb"}}).starts_with("X-Reflex-Namespace is"));
}

TEST(PolicyHeaders, TagsAreAListAcrossFields) {
  const std::string first = "blue, green ,", second = "red";
  const CachePolicy policy = PolicyOf({{"X-Reflex-Tags", first}, {"x-reflex-tags", second}});
  EXPECT_EQ(policy.tags, (std::vector<std::string_view>{"blue", "green", "red"}));
}

TEST(PolicyHeaders, BadTagsAreAnErrorThatNamesThem) {
  const std::string too_long(kTagBytesMax + 1, 't');
  std::string too_many;
  for (std::size_t i = 0; i <= kTagsMax; ++i) too_many.append("t,");
  for (const std::string& value : {too_long, too_many, std::string("two words"), std::string("\xff")}) {
    EXPECT_TRUE(ErrorOf({{"X-Reflex-Tags", value}}).starts_with("X-Reflex-Tags is")) << value;
  }
}

TEST(PolicyHeaders, FormatIsJsonOrTauq) {
  EXPECT_FALSE(PolicyOf({{"X-Reflex-Format", "JSON"}}).tauq);
  EXPECT_TRUE(PolicyOf({{"X-Reflex-Format", "Tauq"}}).tauq);
  EXPECT_FALSE(PolicyOf({}).tauq || PolicyOf({}).says_format);
  EXPECT_EQ(ErrorOf({{"X-Reflex-Format", "xml"}}), "X-Reflex-Format is \"xml\"; allowed are json and tauq");
}

TEST(PolicyHeaders, ASingleValueGivenTwiceIsAnError) {
  for (const char* name : {"X-Reflex-TTL", "X-Reflex-Tiers", "X-Reflex-Namespace", "X-Reflex-Format"}) {
    const std::string value = std::string(name) == "X-Reflex-TTL" ? "5" : std::string(name) == "X-Reflex-Format" ? "json" : "l1";
    EXPECT_EQ(ErrorOf({{name, value}, {name, value}}), std::string(name) + " stands there twice; once is allowed");
  }
}

TEST(PolicyHeaders, ALongBadValueIsShownShort) { EXPECT_LT(ErrorOf({{"X-Reflex-TTL", std::string(10000, 'x')}}).size(), 400u); }

TEST(PolicyHeaders, UnknownReflexHeadersAreIgnored) { EXPECT_TRUE(PolicyOf({{"X-Reflex-Other", "x"}, {"X-Reflex-", "y"}}).read); }

// An entry of 100 s made at second 1000.
Freshness At(std::int64_t second, std::string_view cache_control) {
  return Judge(cache_control.empty() ? CachePolicy{} : ControlOf(cache_control), 1'000'000, 1'100'000, second * 1000);
}

TEST(Judge, AnEntryIsFreshUntilItExpires) {
  EXPECT_EQ(At(1000, ""), Freshness::kFresh);
  EXPECT_EQ(At(1099, ""), Freshness::kFresh);
  EXPECT_EQ(At(1100, ""), Freshness::kExpired);
  EXPECT_EQ(At(900, ""), Freshness::kFresh) << "the clock was set back";
}

TEST(Judge, MaxAgeBoundsTheAge) {
  EXPECT_EQ(At(1010, "max-age=10"), Freshness::kFresh);
  EXPECT_EQ(At(1011, "max-age=10"), Freshness::kTooOld);
}

TEST(Judge, MinFreshAsksForTimeLeft) {
  EXPECT_EQ(At(1090, "min-fresh=10"), Freshness::kFresh);
  EXPECT_EQ(At(1091, "min-fresh=10"), Freshness::kTooOld);
  EXPECT_EQ(At(1000, "min-fresh=bad"), Freshness::kTooOld);
}

TEST(Judge, MaxStaleAllowsExpiredEntries) {
  EXPECT_EQ(At(1110, "max-stale=10"), Freshness::kFresh);
  EXPECT_EQ(At(1111, "max-stale=10"), Freshness::kExpired);
  EXPECT_EQ(At(1'000'000'000, "max-stale"), Freshness::kFresh);
  EXPECT_EQ(At(1101, "max-stale=bad"), Freshness::kExpired);
  EXPECT_EQ(At(1110, "max-stale=10, max-age=50"), Freshness::kTooOld);
}

TEST(Judge, AgeIsWholeSecondsAndNeverNegative) {
  EXPECT_EQ(AgeSeconds(1000, 2999), 1);
  EXPECT_EQ(AgeSeconds(5000, 1000), 0);
}

TEST(CacheStatusText, SaysWhatHappened) {
  char buffer[kCacheStatusBytesMax];
  const Digest key = *base::DigestFromHex("9f2c5a0d11e2b3c4000000000000000000000000000000000000000000000001");
  EXPECT_EQ(WriteHitStatus(key, 3540, "l1-exact", buffer), "reflex; hit; ttl=3540; key=\"9f2c5a0d11e2b3c4\"; detail=l1-exact");
  EXPECT_EQ(WriteHitStatus(key, -5, "l2-canonical", buffer), "reflex; hit; ttl=-5; key=\"9f2c5a0d11e2b3c4\"; detail=l2-canonical");
  EXPECT_EQ(WriteForwardStatus(Forward::kMiss, 200, false, buffer), "reflex; fwd=miss; fwd-status=200");
  EXPECT_EQ(WriteForwardStatus(Forward::kMiss, 200, true, buffer), "reflex; fwd=miss; fwd-status=200; collapsed");
  EXPECT_EQ(WriteForwardStatus(Forward::kStale, 429, false, buffer), "reflex; fwd=stale; fwd-status=429");
  EXPECT_EQ(WriteForwardStatus(Forward::kRequest, 0, false, buffer), "reflex; fwd=request");
  EXPECT_EQ(WriteForwardStatus(Forward::kBypass, 200, false, buffer), "reflex; fwd=bypass; fwd-status=200");
  EXPECT_EQ(WriteForwardStatus(Forward::kNothing, 0, false, buffer), "reflex; detail=only-if-cached");
}

TEST(CacheStatusText, TheLongestFits) {
  char buffer[kCacheStatusBytesMax];
  Digest key;
  key.bytes.fill(0xff);
  EXPECT_LT(WriteHitStatus(key, std::numeric_limits<std::int64_t>::min(), "l2-canonical", buffer).size(), kCacheStatusBytesMax);
  EXPECT_LT(WriteForwardStatus(Forward::kRequest, std::numeric_limits<int>::min(), true, buffer).size(), kCacheStatusBytesMax);
}

TEST(CacheStatusText, EntryIsTheWholeDigest) {
  char buffer[64];
  const Digest key = base::HashBytes("x");
  EXPECT_EQ(WriteHex(key, buffer), base::ToHex(key));
}

}  // namespace
}  // namespace reflex::gateway
