#include "gateway/admin.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "fakes/faulty_store.h"
#include "gateway/request_log.h"
#include "server/gateway/test_context.h"

namespace reflex::gateway {
namespace {

using testing::MemoryExchange;
using testing::World;
using Fields = std::vector<std::pair<std::string, std::string>>;

// Has committed seven times, which shows that its numbers are the ones reported.
class CountingStore final : public fakes::FaultyStore {
 public:
  StoreStats Stats() const override {
    StoreStats stats = FaultyStore::Stats();
    stats.commits = 7;
    return stats;
  }
};

class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    auto store = std::make_unique<CountingStore>();
    store_ = store.get();
    world_.readiness.Set(Readiness::State::kServing);
    world_.Start(std::move(store));
  }

  // Asks and returns the exchange with its reply; `outcome_` and `reason_` say what the context held at the end.
  std::unique_ptr<MemoryExchange> Ask(std::string_view method, std::string_view target, Fields fields = {}, std::string body = {}) {
    auto exchange = std::make_unique<MemoryExchange>(world_.io, method, target, std::move(fields), std::move(body));
    RequestContext context = world_.Context(*exchange);
    context.request_id = ShortText("req_test");
    world_.Run([&] { return HandleOwnPath(context); });
    EXPECT_EQ(exchange->replies, 1) << target;
    EXPECT_EQ(exchange->status, context.status);
    EXPECT_EQ(exchange->Field("x-request-id"), "req_test");
    outcome_ = context.outcome;
    reason_ = context.reason;
    return exchange;
  }
  std::unique_ptr<MemoryExchange> AskAdmin(std::string_view method, std::string_view target, std::string body = {}) {
    return Ask(method, target, {{"Authorization", "Bearer let-me-in"}}, std::move(body));
  }

  Digest Insert(std::string_view name, std::string_view model, std::string_view tag = {}, std::int64_t age_s = 0) {
    auto entry = std::make_shared<Entry>();
    entry->key = base::HashBytes(name);
    entry->model = model;
    entry->name_space = "n";
    if (!tag.empty()) entry->tags = {std::string(tag)};
    entry->created_ms = world_.clock.WallMs() - age_s * 1000;
    entry->expires_ms = entry->created_ms + 86'400'000;
    entry->reply = "{}";
    EXPECT_TRUE(world_.cache->Insert(entry, world_.cache->epoch()));
    return entry->key;
  }
  bool Holds(const Digest& key) { return world_.cache->FindInMemory(key) != nullptr || world_.cache->FindInStore(key) != nullptr; }

  World world_;
  CountingStore* store_ = nullptr;
  Outcome outcome_ = Outcome::kBypass;
  std::string_view reason_;
};

TEST(OwnPath, IsComparedAsSent) {
  for (const char* path :
       {"/healthz", "/ready", "/metrics", "/v1/reflex", "/v1/reflex/", "/v1/reflex/stats", "/v1/reflex/any/thing"}) {
    EXPECT_TRUE(IsOwnPath(path)) << path;
  }
  for (const char* path : {"/", "/v1", "/v1/reflexx", "/healthz/", "/v1/models", "/reflex/stats", "//healthz", "/Ready", ""}) {
    EXPECT_FALSE(IsOwnPath(path)) << path;
  }
}

TEST_F(AdminTest, HealthzSaysHealthy) {
  for (const auto state : {Readiness::State::kStarting, Readiness::State::kServing, Readiness::State::kDraining}) {
    world_.readiness.Set(state);
    const auto reply = Ask("GET", "/healthz");
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->sent, "{\"status\":\"healthy\"}");
    EXPECT_EQ(reply->Field("x-reflex-status"), "healthy");
    EXPECT_EQ(reply->Field("content-type"), "application/json");
    EXPECT_EQ(outcome_, Outcome::kOwn);
  }
  EXPECT_EQ(Ask("HEAD", "/healthz")->status, 200);
}

TEST_F(AdminTest, ReadySaysWhyItIsNot) {
  EXPECT_EQ(Ask("GET", "/ready")->sent, "{\"status\":\"ready\",\"state\":\"serving\",\"reasons\":[]}");
  world_.readiness.Set(Readiness::State::kStarting);
  auto reply = Ask("GET", "/ready");
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->Field("x-reflex-status"), "not_ready");
  EXPECT_EQ(reply->Field("retry-after"), "1");
  EXPECT_EQ(reply->sent, "{\"status\":\"not_ready\",\"state\":\"starting\",\"reasons\":[\"the program is starting\"]}");
  world_.readiness.Set(Readiness::State::kDraining);
  EXPECT_EQ(Ask("GET", "/ready")->status, 503);
}

TEST_F(AdminTest, ReadyTellsHowFarARestoringIs) {
  world_.readiness.Set(Readiness::State::kRestoring);
  world_.readiness.SetPercent(42);
  const auto reply = Ask("GET", "/ready");
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(reply->sent,
            "{\"status\":\"not_ready\",\"state\":\"restoring\",\"reasons\":[\"the program is restoring\"],\"percent\":42}");
}

TEST_F(AdminTest, ADegradedStoreIsReadyWithAReason) {
  store_->Degrade("the \"disk\" is full");
  auto reply = Ask("GET", "/ready");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->Field("x-reflex-status"), "ready");
  EXPECT_EQ(reply->sent, "{\"status\":\"degraded\",\"state\":\"serving\",\"reasons\":[\"store: the \\\"disk\\\" is full\"]}");
  world_.readiness.Set(Readiness::State::kDraining);
  reply = Ask("GET", "/ready");
  EXPECT_EQ(reply->status, 503);
  EXPECT_NE(reply->sent.find("\"the program is draining\",\"store: the"), std::string::npos) << reply->sent;
}

TEST_F(AdminTest, OtherPartsThatDoNotWorkAreReasonsToo) {
  world_.parts.degraded = [] { return std::vector<std::string>{"qdrant is not asked for now: no \"answer\""}; };
  const auto reply = Ask("GET", "/ready");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->sent, R"({"status":"degraded","state":"serving","reasons":["qdrant is not asked for now: no \"answer\""]})");
}

TEST_F(AdminTest, MetricsArePrometheusText) {
  Insert("one", "m");
  const auto reply = Ask("GET", "/metrics");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->Field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(reply->sent.find("\nreflex_memory_entries 1\n"), std::string::npos) << reply->sent;
  EXPECT_NE(reply->sent.find("\nreflex_store_commits_total 7\n"), std::string::npos);
  EXPECT_NE(reply->sent.find("# TYPE reflex_store_commits_total counter\n"), std::string::npos);
}

TEST_F(AdminTest, AWrongMethodIs405WithWhatIsAllowed) {
  const std::vector<std::tuple<const char*, const char*, const char*>> wrong = {
      {"POST", "/healthz", "GET, HEAD"},         {"DELETE", "/ready", "GET, HEAD"},   {"PUT", "/metrics", "GET, HEAD"},
      {"POST", "/v1/reflex/stats", "GET, HEAD"}, {"GET", "/v1/reflex/purge", "POST"}, {"GET", "/v1/reflex/entries/00", "DELETE"}};
  for (const auto& [method, path, allow] : wrong) {
    const auto reply = AskAdmin(method, path);
    EXPECT_EQ(reply->status, 405) << path;
    EXPECT_EQ(reply->Field("allow"), allow) << path;
    EXPECT_EQ(reply->Field("x-reflex-status"), "error");
    EXPECT_EQ(reply->Field("x-reflex-reason"), "method");
    EXPECT_NE(reply->sent.find("\"error\":{"), std::string::npos) << reply->sent;
    EXPECT_EQ(outcome_, Outcome::kError);
  }
}

TEST_F(AdminTest, AdminCallsNeedTheTokenAlsoFromLoopback) {
  const std::vector<Fields> wrong = {{},
                                     {{"Authorization", "Bearer let-me-i"}},
                                     {{"Authorization", "Bearer let-me-inn"}},
                                     {{"Authorization", "Bearer LET-ME-IN"}},
                                     {{"Authorization", "let-me-in"}},
                                     {{"Authorization", "Basic let-me-in"}},
                                     {{"Authorization", "Bearer "}},
                                     {{"x-api-key", "let-me-in"}},
                                     {{"Authorization", "Bearer let-me-in"}, {"Authorization", "Bearer other"}}};
  for (const Fields& fields : wrong) {
    for (const char* path : {"/v1/reflex/stats", "/v1/reflex/purge", "/v1/reflex/unknown", "/v1/reflex"}) {
      const auto reply = Ask("GET", path, fields);
      EXPECT_EQ(reply->status, 401) << path;
      EXPECT_EQ(reply->Field("www-authenticate"), "Bearer");
      EXPECT_EQ(reply->Field("x-reflex-reason"), "admin-token");
    }
  }
  EXPECT_EQ(Ask("GET", "/v1/reflex/stats", {{"authorization", "bearer let-me-in"}})->status, 200);
}

TEST_F(AdminTest, WithoutAConfiguredTokenNobodyIsAdmin) {
  world_.options.admin_token.clear();
  EXPECT_EQ(Ask("GET", "/v1/reflex/stats", {{"Authorization", "Bearer "}})->status, 401);
  EXPECT_EQ(Ask("GET", "/v1/reflex/stats")->status, 401);
}

TEST_F(AdminTest, AnUnknownAdminCallIs404InTheEnvelope) {
  for (const char* path : {"/v1/reflex", "/v1/reflex/", "/v1/reflex/nothing", "/v1/reflex/stats/", "/v1/reflex/entries"}) {
    const auto reply = AskAdmin("GET", path);
    EXPECT_EQ(reply->status, 404) << path;
    EXPECT_EQ(reply->Field("x-reflex-reason"), "not-found");
    EXPECT_NE(reply->sent.find("\"code\":\"unknown_url\""), std::string::npos) << reply->sent;
  }
}

TEST_F(AdminTest, StatsAreJson) {
  Insert("one", "m");
  const auto reply = AskAdmin("GET", "/v1/reflex/stats");
  EXPECT_EQ(reply->status, 200);
  EXPECT_TRUE(reply->sent.starts_with("{\"requests\":{\"hit-l1-exact\":0,\"hit-l2-canonical\":0,\"hit-l3-verified\":0,\"miss\":0,"))
      << reply->sent;
  EXPECT_NE(reply->sent.find("\"memory\":{\"hits\":0,\"entries\":1,"), std::string::npos) << reply->sent;
  EXPECT_NE(reply->sent.find("\"commits\":7,"), std::string::npos) << reply->sent;
  EXPECT_TRUE(reply->sent.ends_with("\"store_degraded\":\"\"}")) << reply->sent;
}

TEST_F(AdminTest, AnEntryIsErasedByItsName) {
  const Digest one = Insert("one", "m"), two = Insert("two", "m");
  const std::uint64_t epoch = world_.cache->epoch();
  const auto reply = AskAdmin("DELETE", "/v1/reflex/entries/" + base::ToHex(one));
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->sent, "{\"erased\":\"" + base::ToHex(one) + "\"}");
  EXPECT_FALSE(Holds(one));
  EXPECT_TRUE(Holds(two));
  EXPECT_GT(world_.cache->epoch(), epoch) << "an answer asked for before must not come back";
  EXPECT_EQ(AskAdmin("DELETE", "/v1/reflex/entries/" + base::ToHex(one))->status, 200) << "again is the same";
}

TEST_F(AdminTest, ABadEntryNameIs400) {
  for (const char* name : {"", "00", "zz"}) {
    const auto reply = AskAdmin("DELETE", "/v1/reflex/entries/" + std::string(name));
    EXPECT_EQ(reply->status, 400);
    EXPECT_NE(reply->sent.find("64 hexadecimal"), std::string::npos) << reply->sent;
  }
}

TEST_F(AdminTest, APurgeTakesWhatMatchesAndSaysHowMany) {
  const Digest a = Insert("a", "gpt-4o", "blue", 100), b = Insert("b", "gpt-4o", "red"), c = Insert("c", "other", "blue");
  auto reply = AskAdmin("POST", "/v1/reflex/purge", "{\"model\":\"gpt-4o\",\"tag\":\"blue\"}");
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->sent, "{\"entries\":1,\"erased\":1,\"dry_run\":false}");
  EXPECT_FALSE(Holds(a));
  EXPECT_TRUE(Holds(b) && Holds(c));
  reply = AskAdmin("POST", "/v1/reflex/purge", "{\"namespace\":\"n\"}");
  EXPECT_EQ(reply->sent, "{\"entries\":2,\"erased\":2,\"dry_run\":false}");
  EXPECT_FALSE(Holds(b) || Holds(c));
}

TEST_F(AdminTest, APurgeByEntryTakesOne) {
  const Digest a = Insert("a", "m"), b = Insert("b", "m");
  const std::string entry = "\"entry\":\"" + base::ToHex(a) + "\"";
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{" + entry + ",\"dry_run\":true}")->sent, "{\"entries\":1,\"dry_run\":true}");
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{" + entry + "}")->sent, "{\"entries\":1,\"erased\":1,\"dry_run\":false}");
  EXPECT_FALSE(Holds(a));
  EXPECT_TRUE(Holds(b));
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{" + entry + ",\"model\":\"m\"}")->status, 400);
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{\"entry\":\"00\"}")->status, 400);
}

TEST_F(AdminTest, APurgeByAgeLeavesTheYoung) {
  const Digest old = Insert("old", "m", {}, 100), young = Insert("young", "m", {}, 5);
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{\"older_than_s\":50}")->sent, "{\"entries\":1,\"erased\":1,\"dry_run\":false}");
  EXPECT_FALSE(Holds(old));
  EXPECT_TRUE(Holds(young));
}

TEST_F(AdminTest, ADryRunCountsEachEntryOnceAndErasesNothing) {
  const Digest a = Insert("a", "m"), b = Insert("b", "m");
  Insert("c", "other");
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{\"model\":\"m\",\"dry_run\":true}")->sent, "{\"entries\":2,\"dry_run\":true}");
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{\"all\":true,\"dry_run\":true}")->sent, "{\"entries\":3,\"dry_run\":true}");
  EXPECT_TRUE(Holds(a) && Holds(b));
}

TEST_F(AdminTest, APurgeOfAllLeavesNothing) {
  const Digest a = Insert("a", "m"), b = Insert("b", "other");
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{\"all\":true}")->sent, "{\"entries\":2,\"erased\":2,\"dry_run\":false}");
  EXPECT_FALSE(Holds(a) || Holds(b));
}

TEST_F(AdminTest, AnUnclearPurgeErasesNothing) {
  const Digest a = Insert("a", "m");
  for (const char* body : {"", "{}", "{\"modle\":\"m\"}", "{\"all\":true,\"model\":\"m\"}"}) {
    const auto reply = AskAdmin("POST", "/v1/reflex/purge", body);
    EXPECT_EQ(reply->status, 400) << body;
    EXPECT_EQ(reply->Field("x-reflex-reason"), "bad-request");
  }
  EXPECT_EQ(AskAdmin("POST", "/v1/reflex/purge", "{\"model\":\"" + std::string(20000, 'm') + "\"}")->status, 413);
  EXPECT_TRUE(Holds(a));
}

TEST_F(AdminTest, AStoreThatRefusesIs503) {
  const Digest a = Insert("a", "m");
  store_->refuses_to_erase = true;
  for (const auto& reply : {AskAdmin("POST", "/v1/reflex/purge", "{\"all\":true}").release(),
                            AskAdmin("DELETE", "/v1/reflex/entries/" + base::ToHex(a)).release()}) {
    const std::unique_ptr<MemoryExchange> owned(reply);
    EXPECT_EQ(owned->status, 503);
    EXPECT_NE(owned->sent.find("store_failed"), std::string::npos) << owned->sent;
    EXPECT_NE(owned->sent.find("the disk refuses"), std::string::npos) << owned->sent;
  }
}

// Holds the pool's only thread and fills its queue.
class FullPool {
 public:
  explicit FullPool(base::WorkerPool& pool) {
    pool.Submit([this] {
      started_.set_value();
      go_on_.get_future().wait();
    });
    started_.get_future().wait();
    while (pool.Submit([] {})) {
    }
  }
  ~FullPool() { go_on_.set_value(); }

 private:
  std::promise<void> started_, go_on_;
};

TEST_F(AdminTest, WithAFullPoolAdminCallsAre503AndMetricsStillCome) {
  const Digest a = Insert("a", "m");
  {
    const FullPool full(world_.pool);
    for (const auto& [method, path, body] :
         std::vector<std::tuple<const char*, std::string, const char*>>{{"GET", "/v1/reflex/stats", ""},
                                                                        {"POST", "/v1/reflex/purge", "{\"all\":true}"},
                                                                        {"DELETE", "/v1/reflex/entries/" + base::ToHex(a), ""}}) {
      const auto reply = AskAdmin(method, path, body);
      EXPECT_EQ(reply->status, 503) << path;
      EXPECT_EQ(reply->Field("x-reflex-reason"), "busy");
      EXPECT_EQ(reply->Field("retry-after"), "1");
    }
    EXPECT_NE(Ask("GET", "/metrics")->sent.find("reflex_requests_total"), std::string::npos);
  }
  EXPECT_TRUE(Holds(a));
}

}  // namespace
}  // namespace reflex::gateway
