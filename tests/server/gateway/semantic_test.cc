#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "semantic_world.h"

// Answers to other words: who gets them, who must not, and what is said about it.
namespace reflex::gateway::testing {
namespace {

TEST_F(Semantic, EqualCanonicalTextsAreAHit) {
  world_.Start();
  EXPECT_EQ(Of(Ask("Capital of France?")), "miss no-entry");
  world_.clock.wall_ms += 7000;
  const auto hit = Ask("capital of france");
  EXPECT_EQ(Of(hit), "hit-l2-canonical");
  EXPECT_EQ(ContentOfPlain(hit->body()), "answer 1");
  EXPECT_EQ(hit->Header("X-Reflex-Similarity"), "1.000");
  EXPECT_EQ(hit->Header("X-Reflex-Verify-Score"), "");
  EXPECT_EQ(hit->Header("Age"), "7");
  EXPECT_EQ(hit->Header("X-Reflex-Saved-Tokens"), "in=3;out=5");
  EXPECT_EQ(hit->Header("X-Reflex-Entry").size(), 64U);
  EXPECT_NE(hit->Header("Cache-Status").find("; hit; ttl="), std::string::npos) << hit->Header("Cache-Status");
  EXPECT_TRUE(hit->Header("Cache-Status").ends_with("; detail=l2-canonical")) << hit->Header("Cache-Status");
  EXPECT_EQ(world_.provider.calls(), 1U);
}

TEST_F(Semantic, VerifiedHitShowsItsScore) {
  world_.Start();
  Ask("Capital of France?");
  const auto hit = Ask("capital city, the French one");
  EXPECT_EQ(Of(hit), "hit-l3-verified");
  EXPECT_EQ(hit->Header("X-Reflex-Similarity"), "0.876");
  EXPECT_EQ(hit->Header("X-Reflex-Verify-Score"), "0.900");
  EXPECT_TRUE(hit->Header("Cache-Status").ends_with("; detail=l3-verified"));
}

TEST_F(Semantic, HitIsNeverStoredAsExact) {
  world_.Start();
  Ask("Capital of France?");
  EXPECT_EQ(Of(Ask("capital of france")), "hit-l2-canonical");
  EXPECT_EQ(Of(Ask("capital of france")), "hit-l2-canonical");
  EXPECT_EQ(world_.cache->Stats().memory_entries, 1U);
  EXPECT_EQ(world_.tier.stored_vectors.size(), 1U);
}

TEST_F(Semantic, ExactHitAsksNobody) {
  world_.Start();
  Ask("Capital of France?");
  const int lookups = world_.tier.lookups;
  const auto hit = Ask("Capital of France?");
  EXPECT_EQ(Of(hit), "hit-l1-exact");
  EXPECT_EQ(hit->Header("X-Reflex-Similarity"), "");
  EXPECT_EQ(world_.tier.lookups, lookups);
}

TEST_F(Semantic, StreamsAndPlainAnswersServeEachOther) {
  world_.Start();
  Run(StreamChat("Capital of France?"));
  EXPECT_EQ(ContentOfPlain(Ask("capital of france")->body()), "answer 1");
  const auto replay = Run(StreamChat("capital of france!"));
  EXPECT_EQ(Of(replay), "hit-l2-canonical");
  EXPECT_EQ(ContentOf(replay->body()), "answer 1");
  EXPECT_EQ(DataOf(replay->body()).back(), "[DONE]");
}

TEST_F(Semantic, AScopeEndsWithItsTenant) {
  world_.Start();
  Request other = Chat("Capital of France?");
  other.headers[0].second = "Bearer sk-other";
  Ask("Capital of France?");
  Ask("Capital of France?", {{"x-reflex-namespace", "n"}});
  world_.Run(other);
  std::multiset<std::uint64_t> tenants;
  for (const Digest& scope : world_.tier.Scopes()) tenants.insert(TenantTag(scope));
  ASSERT_EQ(tenants.size(), 3U);
  // Two scopes of one tenant, one of another.
  EXPECT_EQ(std::set<std::uint64_t>(tenants.begin(), tenants.end()).size(), 2U);
  EXPECT_FALSE(tenants.contains(0));
}

TEST_F(Semantic, APurgeReachesTheTier) {
  world_.Start();
  Ask("Capital of France?");
  const Headers admin{{"authorization", "Bearer let-me-in"}};
  const auto purge = [&](std::string body) {
    Request request = Chat("q");
    request.target = "/v1/reflex/purge";
    request.headers = admin;
    request.body = std::move(body);
    return world_.Run(std::move(request))->status();
  };
  EXPECT_EQ(purge(R"({"model":"x","tag":"t"})"), 200);
  EXPECT_EQ(purge(R"({"model":"x","dry_run":true})"), 200);
  EXPECT_EQ(purge(R"({"all":true})"), 200);
  ASSERT_EQ(world_.tier.purged.size(), 2U);
  EXPECT_EQ(world_.tier.purged[0].model, "x");
  EXPECT_EQ(world_.tier.purged[0].tag, "t");
  EXPECT_FALSE(world_.tier.purged[1].model || world_.tier.purged[1].tag || world_.tier.purged[1].name_space);
  EXPECT_GT(world_.tier.purged[1].before_ms, 0);
}

TEST_F(Semantic, OtherTenantNeverHits) {
  world_.Start();
  Ask("Capital of France?");
  Request other = Chat("capital of france");
  other.headers[0].second = "Bearer sk-other";
  EXPECT_EQ(Of(world_.Run(other)), "miss no-entry");
  EXPECT_EQ(Of(Ask("capital of france", {{"x-reflex-namespace", "n"}})), "miss no-entry");
  EXPECT_EQ(Of(Ask("capital of france", {{"openai-organization", "o"}})), "miss no-entry");
}

TEST_F(Semantic, AnythingButTheQuestionMustBeEqual) {
  world_.Start();
  const auto body = [](std::string_view system, std::string_view question) {
    return R"({"model":"m","messages":[{"role":"system","content":")" + std::string(system) + R"("},{"role":"user","content":")" +
           std::string(question) + R"("}]})";
  };
  Request request = Chat("");
  request.body = body("Be brief.", "Capital of France?");
  world_.Run(request);
  request.body = body("Be long.", "capital of france");
  EXPECT_EQ(Of(world_.Run(request)), "miss no-entry");
  request.body = body("Be brief", "capital of france");
  EXPECT_EQ(Of(world_.Run(request)), "miss no-entry");
  request.body = body("Be brief.", "capital of france");
  EXPECT_EQ(Of(world_.Run(request)), "hit-l2-canonical");
  EXPECT_EQ(Of(Run(Chat("capital of france", R"(,"temperature":0.5)"))), "miss no-entry");
  Request elsewhere = request;
  elsewhere.target = "/openai/deployments/m/chat/completions";
  EXPECT_EQ(Of(world_.Run(elsewhere)), "miss no-entry");
}

TEST_F(Semantic, TiersOnlyNarrow) {
  world_.Start();
  Ask("Capital of France?");
  EXPECT_EQ(Of(Ask("capital of france", {{"x-reflex-tiers", "l1"}})), "miss no-entry");
  EXPECT_EQ(Of(Ask("CAPITAL of france", {{"x-reflex-tiers", "l1,l2"}})), "hit-l2-canonical");
  EXPECT_EQ(Of(Ask("capital city", {{"x-reflex-tiers", "l1,l2"}})), "miss no-candidate");
  EXPECT_EQ(Of(Ask("capital town", {{"x-reflex-tiers", "l1, l2, l3"}})), "hit-l3-verified");
  EXPECT_EQ(Of(Ask("capital village", {{"x-reflex-tiers", "l1,l3"}})), "miss no-entry");
  EXPECT_EQ(Of(Ask("Capital of France", {{"cache-control", "no-transform"}})), "miss no-entry");
}

TEST_F(Semantic, SettingIsNotWidened) {
  world_.options.verified_tier = false;
  world_.Start();
  Ask("Capital of France?");
  EXPECT_EQ(Of(Ask("capital city", {{"x-reflex-tiers", "l1,l2,l3"}})), "miss no-candidate");
  EXPECT_EQ(Of(Ask("capital of france")), "hit-l2-canonical");
}

TEST_F(Semantic, WithTheTierOffNothingIsFiled) {
  world_.options.canonical_tier = false;
  world_.Start();
  Ask("Capital of France?");
  EXPECT_EQ(Of(Ask("capital of france")), "miss no-entry");
  EXPECT_TRUE(world_.tier.stored_vectors.empty());
  EXPECT_EQ(world_.tier.lookups, 0);
}

TEST_F(Semantic, AnswersStoredWithTheTierOffForThemAreNotFound) {
  world_.Start();
  Ask("Capital of France?", {{"x-reflex-tiers", "l1"}});
  EXPECT_EQ(Of(Ask("capital of france")), "miss no-entry");
  EXPECT_EQ(world_.tier.stored_vectors.size(), 1U);
}

TEST_F(Semantic, RefreshAndNoStoreAskTheProvider) {
  world_.Start();
  Ask("Capital of France?");
  EXPECT_EQ(Of(Ask("capital of france", {{"cache-control", "no-store"}})), "bypass no-store");
  EXPECT_EQ(Of(Ask("capital of france", {{"cache-control", "no-cache"}})), "refresh no-cache");
  // The refreshed answer is filed too.
  EXPECT_EQ(Of(Ask("capital of FRANCE", {{"cache-control", "max-age=0"}})), "refresh no-cache");
  EXPECT_EQ(world_.tier.stored_vectors.size(), 3U);
  EXPECT_EQ(world_.tier.lookups, 0);
}

TEST_F(Semantic, AgeAndOnlyIfCachedHold) {
  world_.Start();
  Ask("Capital of France?");
  world_.clock.wall_ms += 10'000;
  EXPECT_EQ(Of(Ask("capital of france", {{"cache-control", "only-if-cached, max-age=5"}})), "miss only-if-cached");
  EXPECT_EQ(Of(Ask("capital of france", {{"cache-control", "only-if-cached"}})), "hit-l2-canonical");
  const auto none = Ask("river of france", {{"cache-control", "only-if-cached"}});
  EXPECT_EQ(none->status(), 504);
  world_.clock.wall_ms += std::chrono::milliseconds(world_.options.ttl).count();
  EXPECT_EQ(Of(Ask("capital of france")), "miss no-candidate");
}

TEST_F(Semantic, ExpiredExactEntryKeepsItsReason) {
  world_.Start();
  Ask("Capital of France?");
  world_.clock.wall_ms += std::chrono::milliseconds(world_.options.ttl).count();
  const auto miss = Ask("Capital of France?");
  EXPECT_EQ(Of(miss), "miss expired");
  EXPECT_EQ(miss->Header("Cache-Status"), "reflex; fwd=stale; fwd-status=200");
}

TEST_F(Semantic, MissSaysWhyAndHowClose) {
  const std::vector<std::pair<FakeTier::Miss, std::string>> cases = {
      {{SimilarMiss::kNoCandidate, "", 0, 0}, "no-candidate"},
      {{SimilarMiss::kScore, "", 0.5F, 0.25F}, "score"},
      {{SimilarMiss::kGuard, "numbers", 0.9F, 0}, "guard-numbers"},
      {{SimilarMiss::kGuard, "output-language", 0.9F, 0}, "guard-output-language"},
      {{SimilarMiss::kGuard, "brand-new", 0.9F, 0}, "guard-other"},
      {{SimilarMiss::kPresent, "", 0, 0}, "present"},
      {{SimilarMiss::kLanguage, "", 0, 0}, "language"},
      {{SimilarMiss::kTooLong, "", 0, 0}, "too-long"},
      {{SimilarMiss::kBlocked, "", 0, 0}, "blocked"},
      {{SimilarMiss::kBudget, "", 0, 0}, "budget"},
      {{SimilarMiss::kLoading, "", 0, 0}, "loading"},
      {{SimilarMiss::kBusy, "", 0, 0}, "busy"},
      {{SimilarMiss::kTimeout, "", 0, 0}, "time-limit"},
      {{SimilarMiss::kFailed, "", 0, 0}, "failed"}};
  world_.Start();
  int question = 0;
  for (const auto& [miss, reason] : cases) {
    world_.tier.always_miss = {miss};
    const auto reply = Ask("question " + std::to_string(++question));
    EXPECT_EQ(Of(reply), "miss " + reason);
    EXPECT_EQ(reply->Header("X-Reflex-Similarity").empty(), miss.similarity == 0) << reason;
    EXPECT_EQ(world_.Metric("reflex_semantic_misses_total{reason=\"" + reason + "\"}"), 1) << reason;
    if (reason == "score") {
      EXPECT_EQ(reply->Header("X-Reflex-Similarity"), "0.500");
      EXPECT_EQ(reply->Header("X-Reflex-Verify-Score"), "0.250");
    }
  }
  EXPECT_EQ(world_.Metric(R"(reflex_semantic_score_bucket{outcome="miss",le="+Inf"})"), 4);
  EXPECT_EQ(world_.Metric(R"(reflex_semantic_score_bucket{outcome="miss",le="0.1"})"), 3);
}

TEST_F(Semantic, WhatIsNotSemanticSaysSo) {
  world_.Start();
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";
  EXPECT_EQ(Of(Run(Chat("Capital of France?", tools))), "miss tools");
  EXPECT_EQ(Of(Run(Chat("capital of france", tools))), "miss tools");
  EXPECT_EQ(Of(Run(Chat("q", R"(,"n":2)"))), "miss several-choices");
  EXPECT_EQ(Of(Run(Chat("q", R"(,"logprobs":true)"))), "miss exact-wording");
  EXPECT_EQ(Of(Run(Chat("  "))), "miss empty-question");
  Request request = Chat("");
  request.body = R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})";
  EXPECT_EQ(Of(world_.Run(request)), "miss not-user-text");
  EXPECT_EQ(Of(Run(Chat(std::string(20'000, 'x')))), "miss too-long");
  EXPECT_EQ(world_.tier.lookups, 0);
  EXPECT_TRUE(world_.tier.stored_vectors.empty());
}

TEST_F(Semantic, ToolsAreASetting) {
  world_.options.semantic_with_tools = true;
  world_.Start();
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";
  Run(Chat("Capital of France?", tools));
  EXPECT_EQ(Of(Run(Chat("capital of france", tools))), "hit-l2-canonical");
  EXPECT_EQ(Of(Ask("capital of france")), "miss no-entry");
}

TEST_F(Semantic, VectorOfTheLookUpStoresTheMiss) {
  world_.Start();
  Ask("Capital of France?");
  Ask("Rivers of France?");
  ASSERT_EQ(world_.tier.stored_vectors.size(), 2U);
  EXPECT_EQ(world_.tier.stored_vectors[0], nullptr);  // The scope was empty: nothing was looked up.
  ASSERT_NE(world_.tier.stored_vectors[1], nullptr);
  EXPECT_EQ(world_.tier.stored_vectors[1]->record, "Rivers of France?");
}

TEST_F(Semantic, LargeBodiesAreReadBesideTheThread) {
  world_.options.parse_in_place_bytes_max = 16;
  world_.Start();
  Ask("Capital of France?");
  EXPECT_EQ(Of(Ask("capital of france")), "hit-l2-canonical");
}

TEST_F(Semantic, ReadinessNotesWhatIsOff) {
  world_.Start();
  world_.readiness.Set(Readiness::State::kServing);
  Request ready = Chat("q");
  ready.method = "GET";
  ready.target = "/ready";
  EXPECT_EQ(world_.Run(ready)->body(), R"({"status":"ready","state":"serving","reasons":[],"notes":[]})");
  world_.tier.loading = true;
  BudgetView off;
  off.name_space = "n";
  off.off = true;
  world_.tier.budgets = {off};
  const std::string body = world_.Run(ready)->body();
  EXPECT_NE(body.find("index is loading"), std::string::npos) << body;
  EXPECT_NE(body.find(R"(namespace \"n\")"), std::string::npos) << body;
}

TEST_F(Semantic, MetricsShowTheBusiestBudgets) {
  for (int i = 0; i < 60; ++i) {
    BudgetView budget;
    budget.name_space = "n" + std::to_string(i);
    budget.hits = 2;
    world_.tier.budgets.push_back(budget);
  }
  world_.Start();
  Request metrics = Chat("q");
  metrics.method = "GET";
  metrics.target = "/metrics";
  const std::string text = world_.Run(metrics)->body();
  EXPECT_NE(text.find("reflex_semantic_budget_hits_total{namespace=\"n49\",source=\"offline\"} 2\n"), std::string::npos);
  EXPECT_EQ(text.find("namespace=\"n50\""), std::string::npos);
  EXPECT_NE(text.find("reflex_semantic_budget_hits_total{namespace=\"other\",source=\"all\"} 20\n"), std::string::npos);
}

}  // namespace
}  // namespace reflex::gateway::testing
