#include "gateway/tenant.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace reflex::gateway {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Owns its text; tests change it freely.
struct Request {
  Fields fields;
  std::string query;
  std::string group, token;
};

class TenantTest : public ::testing::Test {
 protected:
  TenantTest() { options_.tenant_secret = std::string(32, 'k'); }

  Result<Digest> TryTenant(const Request& request) {
    http::RequestHead head;
    for (const auto& [name, value] : request.fields) head.headers.push_back({name, value});
    head.query = request.query;
    return TenantHasher(options_).Of(head, request.group, request.token);
  }
  Digest Of(const Request& request) { return *TryTenant(request); }
  Digest Tenant(Fields fields, std::string query = {}) { return Of(Request{std::move(fields), std::move(query), {}, {}}); }

  GatewayOptions options_;
};

TEST_F(TenantTest, EveryCredentialFieldCountsWithItsName) {
  std::vector<Digest> tenants = {Tenant(Fields{})};
  for (const char* name :
       {"Authorization", "api-key", "x-api-key", "x-goog-api-key", "Cookie", "OpenAI-Organization", "OpenAI-Project"}) {
    tenants.push_back(Tenant({{name, "a"}}));
    tenants.push_back(Tenant({{name, "b"}}));
  }
  tenants.push_back(Tenant({}, "key=a"));
  tenants.push_back(Tenant({}, "key=b"));
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(tenants[i], tenants[j]) << i << " and " << j;
  }
}

TEST_F(TenantTest, ARequestWithoutCredentialsSharesOnlyWithItsLike) {
  EXPECT_EQ(Tenant({{"User-Agent", "one"}, {"Accept", "x"}}), Tenant({{"User-Agent", "two"}}));
  EXPECT_NE(Tenant(Fields{}), Tenant({{"Authorization", ""}}));
}

TEST_F(TenantTest, TheNamesCaseAndOtherFieldsDoNotCount) {
  EXPECT_EQ(Tenant({{"AUTHORIZATION", "Bearer t"}}), Tenant({{"X-Stainless-Lang", "js"}, {"authorization", "Bearer t"}}));
  EXPECT_EQ(Tenant({{"Cookie", "c"}, {"Authorization", "Bearer t"}}), Tenant({{"Authorization", "Bearer t"}, {"Cookie", "c"}}));
}

TEST_F(TenantTest, RepeatedFieldsAllCountInOrder) {
  const Digest ab = Tenant({{"x-api-key", "a"}, {"x-api-key", "b"}});
  EXPECT_NE(ab, Tenant({{"x-api-key", "b"}, {"x-api-key", "a"}}));
  EXPECT_NE(ab, Tenant({{"x-api-key", "a"}}));
  EXPECT_NE(ab, Tenant({{"x-api-key", "b"}}));
  EXPECT_NE(ab, Tenant({{"x-api-key", "ab"}}));
  EXPECT_NE(Tenant({}, "key=a&key=b"), Tenant({}, "key=b&key=a"));
  EXPECT_NE(Tenant({}, "key=a&key=b"), Tenant({}, "key=a"));
}

TEST_F(TenantTest, ACredentialFarBehindInALongHeadStillCounts) {
  Fields many(300, {"X-Filler", "x"});
  Fields with_a = many, with_b = many;
  with_a.push_back({"Authorization", "Bearer a"});
  with_b.push_back({"Authorization", "Bearer b"});
  EXPECT_NE(Tenant(with_a), Tenant(with_b));
  EXPECT_NE(Tenant(with_a), Tenant(many));
  EXPECT_EQ(Tenant(with_a), Tenant({{"Authorization", "Bearer a"}}));
}

TEST_F(TenantTest, ValuesAreComparedAsSent) {
  EXPECT_NE(Tenant({{"Authorization", "Bearer T"}}), Tenant({{"Authorization", "Bearer t"}}));
  EXPECT_NE(Tenant({}, "key=a%62"), Tenant({}, "key=ab"));
  EXPECT_EQ(Tenant({}, "alt=sse&key=ab"), Tenant({}, "key=ab&alt=json"));
  EXPECT_EQ(Tenant({}, "monkey=ab"), Tenant({}, ""));
}

TEST_F(TenantTest, NeighbouringValuesCannotRunIntoEachOther) {
  EXPECT_NE(Tenant({{"api-key", "a"}, {"x-api-key", "bc"}}), Tenant({{"api-key", "ab"}, {"x-api-key", "c"}}));
}

TEST_F(TenantTest, ConfiguredHeadersAreCredentialsToo) {
  options_.tenant_headers = {"X-End-User", "X-Team"};
  const Digest one = Tenant({{"x-end-user", "1"}, {"x-team", "t"}});
  EXPECT_NE(one, Tenant({{"x-end-user", "2"}, {"x-team", "t"}}));
  options_.tenant_headers = {"x-team", "X-End-User", "Authorization"};
  EXPECT_EQ(one, Tenant({{"x-end-user", "1"}, {"x-team", "t"}}));
}

TEST_F(TenantTest, AnotherSecretGivesAnotherTenant) {
  const Digest one = Tenant({{"Authorization", "Bearer t"}});
  options_.tenant_secret = std::string(32, 'j');
  EXPECT_NE(one, Tenant({{"Authorization", "Bearer t"}}));
}

TEST_F(TenantTest, NoPlainHashOfTheCredentialComesOut) {
  const Digest tenant = Tenant({{"Authorization", "Bearer t"}});
  EXPECT_NE(tenant, base::HashBytes("Bearer t"));
  EXPECT_NE(tenant, base::HashBytes("t"));
}

TEST_F(TenantTest, MembersOfAGroupShareWhateverFieldTheirTokenCameIn) {
  const Digest first = Of(Request{{{"Authorization", "Bearer one"}}, {}, "team", "one"});
  EXPECT_EQ(first, Of(Request{{{"authorization", "bearer two"}}, {}, "team", "two"}));
  EXPECT_EQ(first, Of(Request{{{"x-api-key", "three"}}, {}, "team", "three"}));
  EXPECT_EQ(first, Of(Request{{}, "key=four", "team", "four"}));
  EXPECT_NE(first, Of(Request{{{"Authorization", "Bearer one"}}, {}, "other", "one"}));
  EXPECT_NE(first, Tenant({{"Authorization", "Bearer one"}}));
}

TEST_F(TenantTest, AGroupStandsForItsTokenOnly) {
  const Digest plain = Of(Request{{{"Authorization", "Bearer one"}}, {}, "team", "one"});
  EXPECT_NE(plain, Of(Request{{{"Authorization", "Bearer one"}, {"Cookie", "s=1"}}, {}, "team", "one"}));
  EXPECT_NE(plain, Of(Request{{{"Authorization", "Bearer one"}, {"api-key", "azure"}}, {}, "team", "one"}));
  EXPECT_NE(plain, Of(Request{{{"Authorization", "Bearer one"}, {"OpenAI-Project", "p"}}, {}, "team", "one"}));
}

TEST_F(TenantTest, NoHeaderCanPretendToBeAGroup) {
  options_.tenant_headers = {"group", "key"};
  EXPECT_NE(Of(Request{{}, "key=t", "team", "t"}), Tenant({{"group", "team"}}));
  EXPECT_NE(Tenant({{"key", "a"}}), Tenant({}, "key=a"));
}

TEST_F(TenantTest, FromHeaderOnlyThatHeaderDecides) {
  options_.tenant_from = TenantFrom::kHeader;
  options_.tenant_header = "X-Tenant";
  const Digest one = Tenant({{"x-tenant", "1"}, {"Authorization", "Bearer a"}});
  EXPECT_EQ(one, Tenant({{"X-Tenant", "1"}, {"Authorization", "Bearer b"}}));
  EXPECT_NE(one, Tenant({{"X-Tenant", "2"}, {"Authorization", "Bearer a"}}));
  EXPECT_NE(one, Tenant({{"X-Tenant", "1"}, {"OpenAI-Project", "p"}}));
  EXPECT_NE(one, Tenant({{"X-Tenant", "2"}, {"X-Tenant", "1"}}));
}

TEST_F(TenantTest, FromHeaderAMissingOrEmptyOneIsAnErrorThatNamesIt) {
  options_.tenant_from = TenantFrom::kHeader;
  options_.tenant_header = "X-Tenant";
  for (const Fields& fields : {Fields{}, Fields{{"X-Tenant", ""}}, Fields{{"Authorization", "Bearer a"}}}) {
    const Result<Digest> tenant = TryTenant(Request{fields, {}, {}, {}});
    ASSERT_FALSE(tenant);
    EXPECT_EQ(tenant.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(tenant.error().message.find("X-Tenant"), std::string::npos);
  }
}

TEST_F(TenantTest, FromOneAllShare) {
  const Digest credential = Tenant(Fields{});
  options_.tenant_from = TenantFrom::kOne;
  EXPECT_EQ(Tenant({{"Authorization", "Bearer a"}}), Tenant({{"Authorization", "Bearer b"}, {"OpenAI-Project", "p"}}));
  EXPECT_NE(Tenant(Fields{}), credential);
}

// What the digest must be a one-to-one picture of, written the slow way.
using Identity = std::tuple<std::string, std::map<std::string, std::vector<std::string>>>;

TEST_F(TenantTest, RandomRequestsShareExactlyWhenTheirIdentitiesAreEqual) {
  std::mt19937 random(20261125);
  const std::vector<std::string> names = {"authorization",       "api-key",       "x-api-key", "x-goog-api-key", "cookie",
                                          "openai-organization", "openai-project"};
  const std::vector<std::string> values = {"", "a", "b", "ab", "Bearer a", "Bearer b", "Bearer ab"};
  std::map<Identity, Digest> by_identity;
  std::map<Digest, Identity> by_digest;
  for (int round = 0; round < 20000; ++round) {
    Request request;
    Identity identity;
    if (random() % 3 == 0) {
      request.group = random() % 2 == 0 ? "a" : "g";
      request.token = random() % 2 == 0 ? "a" : "b";
      std::get<0>(identity) = request.group;
    }
    for (std::size_t left = random() % 4; left > 0; --left) {
      const std::string& name = names[random() % names.size()];
      const std::string& value = values[random() % values.size()];
      request.fields.emplace_back(name, value);
      const bool is_token = name == "authorization" ? value == "Bearer " + request.token : value == request.token;
      if (request.group.empty() || !is_token) std::get<1>(identity)[name].push_back(value);
    }
    if (random() % 4 == 0) {
      const std::string& value = values[random() % 4];
      request.query = "key=" + value;
      if (request.group.empty() || value != request.token) std::get<1>(identity)["?key"].push_back(value);
    }
    const Digest tenant = Of(request);
    const auto [same_identity, new_identity] = by_identity.emplace(identity, tenant);
    EXPECT_EQ(same_identity->second, tenant);
    const auto [same_digest, new_digest] = by_digest.emplace(tenant, identity);
    EXPECT_EQ(same_digest->second, identity);
  }
  EXPECT_GT(by_identity.size(), 1000u);
}

}  // namespace
}  // namespace reflex::gateway
