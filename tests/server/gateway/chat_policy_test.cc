#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "gateway_world.h"

// What a request may say about the cache, and what is never cached.
namespace reflex::gateway::testing {
namespace {

// Each answer says which call it was.
class ChatPolicy : public ::testing::Test {
 protected:
  ChatPolicy() {
    world_.provider.OnCall([this](ProviderCall& call) { call.Json(200, PlainAnswer("answer " + std::to_string(++answers_))); });
  }
  ExchangePtr Run(std::vector<std::pair<std::string, std::string>> headers, std::string_view extra = {}) {
    Request request = Chat("q", extra);
    for (auto& header : headers) request.headers.push_back(std::move(header));
    return world_.Run(std::move(request));
  }
  static std::string Of(const ExchangePtr& exchange) {
    return exchange->Header("X-Reflex-Status") + " " + exchange->Header("X-Reflex-Reason") + " | " +
           exchange->Header("Cache-Status");
  }

  GatewayWorld world_;
  std::atomic<int> answers_{0};
};

TEST_F(ChatPolicy, NoStoreNeitherReadsNorStores) {
  world_.Start();
  EXPECT_EQ(Of(Run({{"cache-control", "no-store"}})), "bypass no-store | reflex; fwd=bypass; fwd-status=200");
  EXPECT_EQ(Of(Run({})), "miss no-entry | reflex; fwd=miss; fwd-status=200");
  const auto bypass = Run({{"cache-control", "no-store"}});
  EXPECT_EQ(ContentOfPlain(bypass->body()), "answer 3");
  EXPECT_TRUE(bypass->sent_whole());
  EXPECT_EQ(ContentOfPlain(Run({})->body()), "answer 2");
}

TEST_F(ChatPolicy, NoCacheAsksAndReplaces) {
  world_.Start();
  Run({});
  for (const char* directive : {"no-cache", "max-age=0"}) {
    const auto refresh = Run({{"cache-control", directive}});
    EXPECT_EQ(Of(refresh), "refresh no-cache | reflex; fwd=request; fwd-status=200");
    EXPECT_EQ(ContentOfPlain(Run({})->body()), ContentOfPlain(refresh->body()));
  }
  EXPECT_EQ(world_.provider.calls(), 3u);
}

TEST_F(ChatPolicy, AFailedRefreshKeepsTheOldAnswer) {
  world_.Start();
  Run({});
  world_.provider.OnCall([](ProviderCall& call) { call.Json(500, R"({"error":{"message":"x"}})"); });
  EXPECT_EQ(Run({{"cache-control", "no-cache"}})->status(), 500);
  EXPECT_EQ(ContentOfPlain(Run({})->body()), "answer 1");
}

TEST_F(ChatPolicy, OnlyIfCachedNeverAsks) {
  world_.Start();
  for (const char* directive : {"only-if-cached", "only-if-cached, no-cache", "only-if-cached, no-store"}) {
    const auto exchange = Run({{"cache-control", directive}});
    EXPECT_EQ(exchange->status(), 504);
    EXPECT_EQ(exchange->Header("X-Should-Retry"), "false");
    EXPECT_EQ(Of(exchange), "miss only-if-cached | reflex; detail=only-if-cached") << directive;
    EXPECT_NE(exchange->body().find(R"("code":"only_if_cached")"), std::string::npos);
  }
  EXPECT_EQ(world_.provider.calls(), 0u);
  Run({});
  EXPECT_EQ(Run({{"cache-control", "only-if-cached"}})->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST_F(ChatPolicy, ExpiryMaxAgeMinFreshAndMaxStale) {
  world_.options.ttl = std::chrono::seconds(100);
  world_.Start();
  Run({});
  world_.clock.wall_ms += 60'000;
  EXPECT_EQ(Run({{"cache-control", "max-age=60"}})->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(Run({{"cache-control", "min-fresh=40"}})->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(Of(Run({{"cache-control", "max-age=59"}})), "miss too-old | reflex; fwd=request; fwd-status=200");
  world_.clock.wall_ms += 60'000;
  EXPECT_EQ(Of(Run({{"cache-control", "min-fresh=41"}})), "miss too-old | reflex; fwd=request; fwd-status=200");
  world_.clock.wall_ms += 100'000;
  EXPECT_EQ(Run({{"cache-control", "max-stale=0"}})->Header("X-Reflex-Status"), "hit-l1-exact");
  world_.clock.wall_ms += 5'000;
  EXPECT_EQ(Run({{"cache-control", "max-stale=5"}})->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(Of(Run({})), "miss expired | reflex; fwd=stale; fwd-status=200");
  EXPECT_EQ(Run({})->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST_F(ChatPolicy, ASpokenAnswerIsServedNoLongerThanItsProviderKnowsIt) {
  world_.Start();
  const std::int64_t until_s = world_.clock.wall_ms / 1000 + 50;
  world_.provider.OnCall([until_s](ProviderCall& call) {
    call.Json(200, R"({"id":"chatcmpl-1","created":1,"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",)"
                   R"("content":null,"audio":{"id":"audio_1","data":"AA==","transcript":"x","expires_at":)" +
                       std::to_string(until_s) + "}}}]}");
  });
  Run({});
  world_.clock.wall_ms = until_s * 1000 - 1;
  EXPECT_EQ(Run({})->Header("X-Reflex-Status"), "hit-l1-exact");
  world_.clock.wall_ms += 1;
  EXPECT_EQ(Of(Run({})), "miss expired | reflex; fwd=stale; fwd-status=200");
}

// The same address may show another picture tomorrow.
TEST_F(ChatPolicy, AnAnswerAboutContentElsewhereIsServedForAShortTime) {
  world_.options.remote_ttl = std::chrono::seconds(60);
  world_.Start();
  const auto ask = [&](std::string_view part, std::vector<std::pair<std::string, std::string>> headers = {}) {
    Request request = Chat("q");
    request.body = R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"see https://a.example"},)" +
                   std::string(part) + "]}]}";
    for (auto& header : headers) request.headers.push_back(std::move(header));
    return world_.Run(std::move(request))->Header("X-Reflex-Status");
  };
  const std::string_view remote[] = {R"({"type":"image_url","image_url":{"url":"https://a.example/x.jpg"}})",
                                     R"({"type":"image_url","image_url":"gs://bucket/x.jpg"})",
                                     R"({"type":"file","file":{"filename":"d.pdf","file_data":"https://a.example/d.pdf"}})",
                                     R"({"type":"video","video":["https://a.example/1.jpg","https://a.example/2.jpg"]})",
                                     R"({"type":"file","file":{"file_id":"file-1"}})"};
  constexpr std::string_view kOwn = R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}})";
  for (const std::string_view part : remote) EXPECT_EQ(ask(part), "miss");
  EXPECT_EQ(ask(kOwn), "miss");
  world_.clock.wall_ms += 59'999;
  for (const std::string_view part : remote) EXPECT_EQ(ask(part), "hit-l1-exact");
  world_.clock.wall_ms += 1;
  EXPECT_EQ(ask(kOwn), "hit-l1-exact");
  for (const std::string_view part : remote) EXPECT_EQ(ask(part, {{"X-Reflex-TTL", "3600"}}), "miss");
  world_.clock.wall_ms += 60'000;
  for (const std::string_view part : remote) EXPECT_EQ(ask(part), "hit-l1-exact");
}

TEST_F(ChatPolicy, TtlOfTheRequestIsKept) {
  world_.Start();
  Run({{"X-Reflex-TTL", "10"}});
  world_.clock.wall_ms += 9'999;
  EXPECT_EQ(Run({})->Header("X-Reflex-Status"), "hit-l1-exact");
  world_.clock.wall_ms += 1;
  EXPECT_EQ(Run({})->Header("X-Reflex-Reason"), "expired");
}

TEST_F(ChatPolicy, ABadHeaderOfOursIsAnErrorThatNamesIt) {
  world_.Start();
  const auto exchange = Run({{"X-Reflex-TTL", "soon"}});
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(exchange->Header("X-Reflex-Status"), "error");
  EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "bad-request");
  EXPECT_NE(exchange->body().find("X-Reflex-TTL"), std::string::npos);
  EXPECT_EQ(world_.provider.calls(), 0u);
}

TEST_F(ChatPolicy, WithoutTheExactTierNothingIsRead) {
  world_.options.exact_tier = false;
  world_.Start();
  EXPECT_EQ(Of(Run({})), "bypass tiers | reflex; fwd=bypass; fwd-status=200");
  EXPECT_EQ(Of(Run({})), "bypass tiers | reflex; fwd=bypass; fwd-status=200");
}

TEST_F(ChatPolicy, StoreTrueAndWebSearchAreBypassed) {
  world_.Start();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Of(Run({}, R"(,"store":true)")), "bypass store-true | reflex; fwd=bypass; fwd-status=200");
    EXPECT_EQ(Of(Run({}, R"(,"web_search_options":{})")), "bypass web-search | reflex; fwd=bypass; fwd-status=200");
  }
  EXPECT_EQ(world_.cache->Stats().memory_entries, 0u);
}

// A hit has none of the provider's Access-Control-* fields, so a page that may read the miss could not read the hit.
TEST_F(ChatPolicy, WithoutACorsSettingAWebPageIsTheProviders) {
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("x"), {{"access-control-allow-origin", "*"}}); });
  world_.Start();
  Run({});
  for (int round = 0; round < 2; ++round) {
    const auto page = Run({{"Origin", "https://app.example"}});
    EXPECT_EQ(Of(page), "bypass origin | reflex; fwd=bypass; fwd-status=200");
    EXPECT_EQ(page->Header("access-control-allow-origin"), "*");
  }
  EXPECT_EQ(Of(Run({{"Origin", "https://app.example"}, {"cache-control", "only-if-cached"}})),
            "miss only-if-cached | reflex; detail=only-if-cached");
  EXPECT_EQ(Run({})->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST_F(ChatPolicy, WithACorsSettingAWebPageIsServedFromTheCache) {
  world_.options.cors_origins = {"https://app.example"};
  world_.Start();
  EXPECT_EQ(Of(Run({{"Origin", "https://app.example"}})), "miss no-entry | reflex; fwd=miss; fwd-status=200");
  const auto hit = Run({{"Origin", "https://app.example"}});
  EXPECT_EQ(hit->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(hit->Header("access-control-allow-origin"), "https://app.example");
}

TEST_F(ChatPolicy, WhileTheCacheIsRestoredRequestsPassThrough) {
  world_.Start();
  world_.readiness.Set(Readiness::State::kRestoring);
  for (int round = 0; round < 2; ++round) EXPECT_EQ(Of(Run({})), "bypass restoring | reflex; fwd=bypass; fwd-status=200");
  EXPECT_EQ(world_.cache->Stats().memory_entries, 0u);
  world_.readiness.Set(Readiness::State::kServing);
  EXPECT_EQ(Of(Run({})), "miss no-entry | reflex; fwd=miss; fwd-status=200");
}

TEST_F(ChatPolicy, UnreadableBodiesGoAsTheyAre) {
  world_.provider.OnCall(nullptr);
  world_.Start();
  const std::vector<std::pair<std::string, std::string>> bodies = {
      {"{not json", "not-json"},
      {"[1]", "not-object"},
      {R"({"model":"m","model":"n","messages":[]})", "duplicate-name"},
      {R"({"model":"m","messages":[{"role":"user","content":"\ud800"}]})", "bad-text"},
      {R"({"model":1,"messages":[]})", "field-type"},
      {R"({"model":"m","messages":[],"x":)" + std::string(3000, '[') + std::string(3000, ']') + "}", "too-deep"}};
  for (const auto& [body, reason] : bodies) {
    Request request = Chat("");
    request.body = body;
    const auto exchange = world_.Ask(request);
    const auto call = world_.provider.Next();
    EXPECT_EQ(call->body, body);
    call->Json(400, R"({"error":{"message":"no"}})");
    exchange->WaitForDone();
    EXPECT_EQ(exchange->status(), 400);
    EXPECT_EQ(Of(exchange), "bypass " + reason + " | reflex; fwd=bypass; fwd-status=400");
  }
}

TEST_F(ChatPolicy, ACompressedBodyGoesAsItIs) {
  world_.Start();
  const auto exchange = Run({{"content-encoding", "gzip"}});
  EXPECT_EQ(Of(exchange), "bypass content-encoding | reflex; fwd=bypass; fwd-status=200");
  EXPECT_EQ(world_.cache->Stats().memory_entries, 0u);
}

TEST_F(ChatPolicy, UpstreamsCacheStatusIsKeptBeforeOurs) {
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("x"), {{"cache-status", "far; hit"}}); });
  world_.Start();
  EXPECT_EQ(Run({})->Header("Cache-Status"), "far; hit, reflex; fwd=miss; fwd-status=200");
}

TEST_F(ChatPolicy, FieldsOfAnotherReflexDoNotMixWithOurs) {
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("x"), {{"x-reflex-status", "hit-l1-exact"}}); });
  world_.Start();
  EXPECT_EQ(Run({})->Header("X-Reflex-Status"), "miss");
}

TEST_F(ChatPolicy, WhatIsNotAWholeGoodAnswerIsNeverStored) {
  const std::string length = R"({"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":)"
                             R"({"role":"assistant","content":"a"},"finish_reason":"length"}]})";
  std::string filtered = length, empty = length;
  filtered.replace(filtered.find("\"length\""), 8, "\"content_filter\"");
  empty.replace(empty.find("\"a\""), 3, "null");
  const std::vector<std::string> answers = {length,     filtered, empty, R"({"choices":[]})", R"({"error":{"message":"x"}})",
                                            "not json", ""};
  world_.Start();
  for (const std::string& answer : answers) {
    world_.provider.OnCall([&](ProviderCall& call) { call.Json(200, answer); });
    for (int round = 0; round < 2; ++round) {
      const auto exchange = Run({});
      EXPECT_EQ(exchange->body(), answer);
      EXPECT_EQ(exchange->Header("X-Reflex-Status"), "miss") << answer;
    }
  }
  EXPECT_EQ(world_.cache->Stats().memory_entries, 0u);
}

}  // namespace
}  // namespace reflex::gateway::testing
