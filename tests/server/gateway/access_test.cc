#include "gateway/access.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "gateway/tenant.h"
#include "server/gateway/test_context.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;
using testing::MemoryExchange;
using testing::World;
using Fields = std::vector<std::pair<std::string, std::string>>;

TEST(AllowedHost, AddressesLocalhostAndConfiguredNames) {
  const std::vector<std::string> hosts = {"cache.example", "Reflex.Internal"};
  for (const char* host : {"127.0.0.1", "127.0.0.1:8080", "10.1.2.3:1", "[::1]", "[::1]:8080", "[2001:db8::7]", "localhost",
                           "LocalHost:8080", "cache.example", "CACHE.EXAMPLE:443", "reflex.internal"}) {
    EXPECT_TRUE(IsAllowedHost(host, hosts)) << host;
  }
  for (const char* host :
       {"", "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1.", "127.1",
        "0x7f.0.0.1", "2130706433", "[evil.example]", "[::1", "::1", "cache.example.", "xcache.example", "256.0.0.1", ":8080"}) {
    EXPECT_FALSE(IsAllowedHost(host, hosts)) << host;
  }
}

TEST(UpstreamKeyPaths, OpensTheListedOnes) {
  for (const std::string prefix : {"", "/v1"}) {
    for (const char* path : {"/chat/completions", "/completions", "/embeddings", "/moderations", "/responses", "/messages"}) {
      EXPECT_TRUE(OpenWithUpstreamKey("POST", prefix + path)) << prefix << path;
      EXPECT_FALSE(OpenWithUpstreamKey("GET", prefix + path)) << prefix << path;
      EXPECT_FALSE(OpenWithUpstreamKey("post", prefix + path)) << prefix << path;
    }
    EXPECT_TRUE(OpenWithUpstreamKey("GET", prefix + "/models"));
    EXPECT_TRUE(OpenWithUpstreamKey("GET", prefix + "/models/gpt-4o"));
    EXPECT_TRUE(OpenWithUpstreamKey("GET", prefix + "/models/ft:gpt-4o-mini:org::a_b.C1"));
    EXPECT_FALSE(OpenWithUpstreamKey("DELETE", prefix + "/models/gpt-4o"));
    EXPECT_FALSE(OpenWithUpstreamKey("POST", prefix + "/models"));
  }
}

TEST(UpstreamKeyPaths, OpensNoOtherSpelling) {
  for (const char* path : {"/v1/files",
                           "/v1/fine_tuning/jobs",
                           "/v1/organization/admin_api_keys",
                           "/v1/chat/completions/",
                           "/v1/chat",
                           "//v1/chat/completions",
                           "/v1//chat/completions",
                           "/v1/chat//completions",
                           "/v1/v1/chat/completions",
                           "/v1/./chat/completions",
                           "/v1/files/../chat/completions",
                           "/v1/chat/completions/../../files",
                           "/v1/chat%2fcompletions",
                           "/v1/%63hat/completions",
                           "/V1/chat/completions",
                           "/v1/Chat/Completions",
                           "/v1/chat/completions;x",
                           "/v1/chat/completions%00",
                           "/v1/responses/resp_1",
                           "/v1/messages/count_tokens",
                           "/v1/messages/batches",
                           "/v1beta/models/g:generateContent",
                           "/",
                           "",
                           "*",
                           "/v1",
                           "/v1/"}) {
    EXPECT_FALSE(OpenWithUpstreamKey("POST", path)) << path;
  }
  for (const char* path : {"/v1/models/", "/v1/models/.", "/v1/models/..", "/v1/models/../files", "/v1/models/%2e%2e",
                           "/v1/models/%2e%2e%2ffiles", "/v1/models/a/b", "/v1/models/a%2fb", "/v1/models//", "/v1/modelsx",
                           "/v1/models;x", "/v1/models/a b", "/v1/models/a\\b", "/v1/models/a?b", "/v1/files"}) {
    EXPECT_FALSE(OpenWithUpstreamKey("GET", path)) << path;
  }
}

class AccessTest : public ::testing::Test {
 protected:
  // "" where it is admitted, else "status reason".
  std::string Verdict(MemoryExchange& exchange) {
    RequestContext context = world_.Context(exchange);
    const std::optional<Problem> problem = Admit(context);
    if (!problem) return "";
    EXPECT_EQ(problem->outcome, Outcome::kError);
    EXPECT_FALSE(problem->message.empty());
    EXPECT_FALSE(problem->code.empty());
    return std::to_string(problem->status) + " " + std::string(problem->reason);
  }
  std::string Verdict(std::string_view method, std::string_view target, Fields fields = {}) {
    MemoryExchange exchange(world_.io, method, target, std::move(fields));
    return Verdict(exchange);
  }

  World world_;
};

constexpr std::string_view kChat = "/v1/chat/completions";

TEST_F(AccessTest, WithoutAnUpstreamKeyEverythingPasses) {
  world_.Start();
  EXPECT_EQ(Verdict("POST", kChat), "");
  EXPECT_EQ(Verdict("DELETE", "/v1/files/f?x=1"), "");
  EXPECT_EQ(Verdict("POST", kChat, {{"Host", "any.example"}, {"Origin", "https://any.example"}}), "");
}

TEST_F(AccessTest, OurOwnPathsCheckHostAndOrigin) {
  world_.options.hosts = {"cache.example"};
  world_.options.cors_origins = {"https://app.example"};
  world_.Start();
  for (const char* path : {"/healthz", "/ready", "/metrics", "/v1/reflex/stats", "/v1/reflex"}) {
    EXPECT_EQ(Verdict("GET", path, {{"Host", "cache.example:8080"}}), "") << path;
    EXPECT_EQ(Verdict("GET", path, {{"Host", "rebound.example"}}), "403 forbidden-host") << path;
    EXPECT_EQ(Verdict("GET", path, {{"Origin", "https://app.example"}}), "") << path;
    EXPECT_EQ(Verdict("GET", path, {{"Origin", "https://evil.example"}}), "403 forbidden-origin") << path;
    EXPECT_EQ(Verdict("GET", path, {{"Origin", "null"}}), "403 forbidden-origin") << path;
    EXPECT_EQ(Verdict("GET", path, {{"Origin", "https://app.example"}, {"Origin", "https://evil.example"}}),
              "403 forbidden-origin");
  }
}

TEST_F(AccessTest, WithAnUpstreamKeyHostAndOriginAreCheckedEverywhere) {
  world_.upstream.table.upstream_key = "sk-operator";
  world_.Start();
  EXPECT_EQ(Verdict("POST", kChat), "");
  EXPECT_EQ(Verdict("POST", kChat, {{"Host", "rebound.example"}}), "403 forbidden-host");
  EXPECT_EQ(Verdict("POST", kChat, {{"Origin", "https://evil.example"}}), "403 forbidden-origin");
}

TEST_F(AccessTest, AMissingHostPassesInHttp10Alone) {
  world_.Start();
  MemoryExchange exchange(world_.io, "GET", "/healthz");
  exchange.mutable_head().host = {};
  EXPECT_EQ(Verdict(exchange), "403 forbidden-host");
  exchange.mutable_head().minor_version = 0;
  EXPECT_EQ(Verdict(exchange), "");
}

TEST_F(AccessTest, AnUpstreamKeyOpensItsPathsAlone) {
  world_.upstream.table.upstream_key = "sk-operator";
  world_.Start();
  EXPECT_EQ(Verdict("GET", "/v1/models?limit=2"), "");
  EXPECT_EQ(Verdict("GET", "/v1/files"), "403 forbidden-path");
  EXPECT_EQ(Verdict("OPTIONS", kChat), "403 forbidden-path");
  MemoryExchange upgrade(world_.io, "GET", "/v1/models", {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}});
  upgrade.mutable_head().upgrade = true;
  EXPECT_EQ(Verdict(upgrade), "403 forbidden-path") << "a tunnel carries anything";
  EXPECT_EQ(Verdict("GET", "/healthz"), "");
}

TEST_F(AccessTest, KeyOpensAllOpensEveryPath) {
  world_.upstream.table.upstream_key = "sk-operator";
  world_.options.key_opens_all = true;
  world_.Start();
  EXPECT_EQ(Verdict("DELETE", "/v1/files/f"), "");
  EXPECT_EQ(Verdict("DELETE", "/v1/files/f", {{"Host", "rebound.example"}}), "403 forbidden-host");
}

TEST_F(AccessTest, TheAdminListenerServesOurOwnPathsAlone) {
  world_.options.admin_elsewhere = true;
  world_.Start();
  for (const char* path : {"/ready", "/metrics", "/v1/reflex/stats"}) {
    EXPECT_EQ(Verdict("GET", path), "404 not-found") << path;
    MemoryExchange exchange(world_.io, "GET", path);
    exchange.admin = true;
    EXPECT_EQ(Verdict(exchange), "") << path;
  }
  EXPECT_EQ(Verdict("GET", "/healthz"), "");
  EXPECT_EQ(Verdict("POST", kChat), "");
  MemoryExchange chat(world_.io, "POST", kChat);
  chat.admin = true;
  EXPECT_EQ(Verdict(chat), "404 not-found");
  MemoryExchange health(world_.io, "GET", "/healthz", {{"Host", "rebound.example"}});
  health.admin = true;
  EXPECT_EQ(Verdict(health), "403 forbidden-host");
}

class ClientKeyAccessTest : public AccessTest {
 protected:
  ClientKeyAccessTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-access-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    world_.options.client_keys_file = folder_ / "keys";
    std::ofstream(world_.options.client_keys_file) << base::ToHex(base::HashBytes("alone")) << "\n"
                                                   << base::ToHex(base::HashBytes("one")) << " team\n"
                                                   << base::ToHex(base::HashBytes("two")) << " team\n";
  }
  ~ClientKeyAccessTest() override { std::filesystem::remove_all(folder_); }

  Digest TenantWith(std::string_view token) {
    MemoryExchange exchange(world_.io, "POST", kChat, {{"Authorization", "Bearer " + std::string(token)}});
    RequestContext context = world_.Context(exchange);
    EXPECT_FALSE(Admit(context));
    return *TenantOf(context);
  }

  std::filesystem::path folder_;
};

TEST_F(ClientKeyAccessTest, AnUnknownOrMissingKeyIs401WithAChallenge) {
  world_.Start();
  EXPECT_EQ(Verdict("POST", kChat), "401 client-key");
  EXPECT_EQ(Verdict("GET", "/v1/files", {{"Authorization", "Bearer other"}}), "401 client-key");
  EXPECT_EQ(Verdict("GET", "/v1/files", {{"Authorization", "Bearer alone"}}), "");
  EXPECT_EQ(Verdict("POST", "/v1/messages", {{"x-api-key", "one"}}), "");
  EXPECT_EQ(Verdict("GET", "/healthz"), "");
  MemoryExchange exchange(world_.io, "POST", kChat);
  RequestContext context = world_.Context(exchange);
  EXPECT_EQ(Admit(context)->authenticate, "Bearer");
  EXPECT_EQ(Admit(context)->code, "invalid_api_key");
}

TEST_F(ClientKeyAccessTest, AGroupSharesATenantAndOthersDoNot) {
  world_.Start();
  EXPECT_EQ(TenantWith("one"), TenantWith("two"));
  EXPECT_NE(TenantWith("one"), TenantWith("alone"));
}

class CorsTest : public AccessTest {
 protected:
  Fields Asked(std::string_view origin) {
    return {{"Origin", std::string(origin)},
            {"Access-Control-Request-Method", "POST"},
            {"Access-Control-Request-Headers", "authorization,x-stainless-os"}};
  }
  std::vector<std::pair<std::string, std::string>> CorsFields(Fields request) {
    MemoryExchange exchange(world_.io, "POST", kChat, std::move(request));
    RequestContext context = world_.Context(exchange);
    ReplyFields fields;
    AppendCorsFields(context, fields);
    std::vector<std::pair<std::string, std::string>> copy;
    for (const http::Header& field : fields.view()) copy.emplace_back(field.name, field.value);
    return copy;
  }
};

TEST_F(CorsTest, APreflightFromAnAllowedOriginIsAnsweredHere) {
  world_.options.cors_origins = {"https://app.example"};
  world_.upstream.table.upstream_key = "sk-operator";
  world_.Start();
  MemoryExchange exchange(world_.io, "OPTIONS", kChat, Asked("https://app.example"));
  RequestContext context = world_.Context(exchange);
  EXPECT_FALSE(Admit(context)) << "a preflight carries no credential";
  ASSERT_TRUE(IsPreflight(context));
  world_.Run([&] { return AnswerPreflight(context); });
  EXPECT_EQ(exchange.status, 204);
  EXPECT_EQ(exchange.sent, "");
  EXPECT_EQ(exchange.Field("access-control-allow-origin"), "https://app.example");
  EXPECT_EQ(exchange.Field("access-control-allow-headers"), "authorization,x-stainless-os");
  EXPECT_NE(exchange.Field("access-control-allow-methods").find("POST"), std::string::npos);
  EXPECT_NE(exchange.Field("vary").find("Origin"), std::string::npos);
  EXPECT_EQ(context.outcome, Outcome::kOwn);
  EXPECT_EQ(context.status, 204);
}

TEST_F(CorsTest, OtherOptionsAreNoPreflight) {
  world_.options.cors_origins = {"https://app.example"};
  world_.Start();
  const auto is_preflight = [&](std::string_view method, Fields fields) {
    MemoryExchange exchange(world_.io, method, kChat, std::move(fields));
    return IsPreflight(world_.Context(exchange));
  };
  EXPECT_FALSE(is_preflight("OPTIONS", Asked("https://evil.example")));
  EXPECT_FALSE(is_preflight("OPTIONS", {{"Origin", "https://app.example"}}));
  EXPECT_FALSE(is_preflight("OPTIONS", {{"Access-Control-Request-Method", "POST"}}));
  EXPECT_FALSE(is_preflight("POST", Asked("https://app.example")));
  EXPECT_TRUE(is_preflight("OPTIONS", Asked("https://app.example")));
}

TEST_F(CorsTest, RepliesToAnAllowedOriginSayWhatMayBeRead) {
  world_.options.cors_origins = {"https://app.example", "https://two.example"};
  world_.Start();
  const auto fields = CorsFields({{"Origin", "https://two.example"}});
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[0], (std::pair<std::string, std::string>("Vary", "Origin")));
  EXPECT_EQ(fields[1], (std::pair<std::string, std::string>("Access-Control-Allow-Origin", "https://two.example")));
  EXPECT_EQ(fields[2].first, "Access-Control-Expose-Headers");
  for (const char* name : {"X-Reflex-Status", "X-Reflex-Reason", "X-Reflex-Entry", "Cache-Status", "Age", "X-Request-Id"}) {
    EXPECT_NE(fields[2].second.find(name), std::string::npos) << name;
  }
}

TEST_F(CorsTest, RepliesToOthersOnlyVary) {
  world_.options.cors_origins = {"https://app.example"};
  world_.Start();
  for (const Fields& request : {Fields{}, Fields{{"Origin", "https://evil.example"}}}) {
    const auto fields = CorsFields(request);
    ASSERT_EQ(fields.size(), 1u);
    EXPECT_EQ(fields[0].first, "Vary");
  }
}

TEST_F(CorsTest, AnyOriginIsAStarThatDoesNotVary) {
  world_.options.cors_origins = {"*"};
  world_.Start();
  const auto fields = CorsFields({{"Origin", "https://any.example"}});
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0], (std::pair<std::string, std::string>("Access-Control-Allow-Origin", "*")));
  EXPECT_EQ(Verdict("GET", "/ready", {{"Origin", "https://any.example"}}), "");
}

TEST_F(CorsTest, WithoutTheSettingNothingIsAddedOrDropped) {
  world_.Start();
  EXPECT_TRUE(CorsFields({{"Origin", "https://app.example"}}).empty());
  MemoryExchange exchange(world_.io, "POST", kChat);
  EXPECT_FALSE(ReplacedByCors(world_.Context(exchange), "Access-Control-Allow-Origin"));
}

TEST_F(CorsTest, TheProvidersOwnCorsFieldsGiveWay) {
  world_.options.cors_origins = {"https://app.example"};
  world_.Start();
  MemoryExchange exchange(world_.io, "POST", kChat);
  EXPECT_TRUE(ReplacedByCors(world_.Context(exchange), "access-control-allow-origin"));
  EXPECT_FALSE(ReplacedByCors(world_.Context(exchange), "Content-Type"));
}

}  // namespace
}  // namespace reflex::gateway
