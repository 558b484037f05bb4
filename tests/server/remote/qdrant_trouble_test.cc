// Qdrant slow, down, wrong, half and lying: a search is a miss, nothing false is believed, and all recovers by itself.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "remote/qdrant_wire.h"
#include "server/remote/qdrant_world.h"

namespace reflex::remote {
namespace {

using vector::ScopeOf;

class InTrouble : public testing::TestWithParam<Trouble> {};

TEST_P(InTrouble, ASearchIsAMissWithinItsLimitAndRecoversByItself) {
  QdrantWorld world;
  world.OpenIndex();
  const auto vector = world.Vector();
  world.Add(ScopeOf(1), 1, vector);
  world.Settle();
  world.index.reset();
  world.options.time_limit = world.options.write_time_limit = std::chrono::milliseconds(100);
  // On a busy machine the first calls may be late too.
  for (int tries = 0; tries < 100 && (!world.index || !world.index->Search(ScopeOf(1), vector, 2)); ++tries) {
    auto opened = world.TryOpen();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    world.index = std::move(*opened);
    world.clock.Advance(std::chrono::seconds(11));
  }
  world.server.Set(GetParam());
  std::size_t failed = 0;
  for (int i = 0; i < 12; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const auto found = world.index->Search(ScopeOf(1), vector, 2);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    failed += found ? 0 : 1;
  }
  EXPECT_EQ(failed, 12u);
  // After a few calls the service is left alone, and says so.
  EXPECT_FALSE(world.service->Degraded().empty());
  EXPECT_EQ(world.Metric(R"(reflex_remote_up{service="qdrant"})"), 0);
  EXPECT_GT(world.Metric(R"(reflex_remote_calls_total{service="qdrant",outcome="stopped"})"), 0);
  // What is added meanwhile waits.
  world.Add(ScopeOf(1), 2, vector);
  world.jobs.RunAll();
  EXPECT_EQ(world.index->waiting(), 1u);

  world.server.Set(Trouble::kNone);
  bool found_both = false;
  for (int tries = 0; tries < 100 && !found_both; ++tries) {
    world.clock.Advance(std::chrono::seconds(11));
    const auto found = world.index->Search(ScopeOf(1), vector, 2);
    world.jobs.RunAll();
    found_both = found && found->size() == 2;
  }
  EXPECT_TRUE(found_both);
  EXPECT_TRUE(world.service->Degraded().empty());
  EXPECT_EQ(world.Metric(R"(reflex_remote_up{service="qdrant"})"), 1);
}

std::string TroubleName(const testing::TestParamInfo<Trouble>& info) {
  constexpr const char* kNames[] = {"None", "Silent", "Refuses", "Busy", "Garbage", "Half", "Absent", "Other"};
  return kNames[static_cast<std::size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Qdrant, InTrouble,
                         testing::Values(Trouble::kSilent, Trouble::kRefuses, Trouble::kBusy, Trouble::kGarbage, Trouble::kHalf,
                                         Trouble::kAbsent, Trouble::kOther),
                         TroubleName);

TEST(QdrantTrouble, NothingThatIsNotOfTheQueryIsBelieved) {
  QdrantWorld world;
  world.OpenIndex();
  const auto vector = world.Vector();
  world.Add(ScopeOf(1), 0x1234, vector);
  world.Settle();
  const auto replace = [](std::string from, std::string to) {
    return [from = std::move(from), to = std::move(to)](std::string body) {
      const std::size_t at = body.find(from);
      if (at == std::string::npos) return std::string("the test's text is not in the answer");
      return body.replace(at, from.size(), to);
    };
  };
  const std::string scope = qdrant::TenantText(ScopeOf(1));
  const std::string id = qdrant::PointId(ScopeOf(1), 0x1234);
  const std::string right_scope = R"("scope":")" + base::ToHex(ScopeOf(1));
  std::size_t lies = 0;
  for (const auto& lie :
       {replace(id, qdrant::PointId(ScopeOf(2), 0x1234)), replace(id, qdrant::PointId(ScopeOf(1), 0x1235)),
        replace(right_scope, R"("scope":")" + base::ToHex(ScopeOf(2))),
        replace(R"("tenant":")" + scope, R"("tenant":"0123456789abcdef)"), replace(R"("embedder":")", R"("embedder":"x)"),
        replace("0000000000001234", "0000000000001235"), replace("0000000000001234", "1234"),
        replace(R"("expires_ms":9223372036854775807)", R"("expires_ms":5)"), replace(R"("score":1)", R"("score":7)"),
        replace(R"("score":1)", R"("score":"1")"), replace(R"("payload":)", R"("load":)")}) {
    world.server.Lie("/points/query", lie);
    const auto found = world.index->Search(ScopeOf(1), vector, 4);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_TRUE(found->empty());
    EXPECT_EQ(world.Metric("reflex_qdrant_points_refused_total"), ++lies);
  }
  world.server.Lie("", {});
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 4)->size(), 1u);
}

TEST(QdrantTrouble, MorePointsThanAskedForAndTheSamePointTwiceAreLeftOut) {
  const auto place = qdrant::Place::Of("reflex", "e", 2);
  const std::string point = R"({"id":")" + qdrant::PointId(ScopeOf(1), 7) + R"(","version":1,"score":0.5,"payload":{"tenant":")" +
                            qdrant::TenantText(ScopeOf(1)) + R"(","scope":")" + base::ToHex(ScopeOf(1)) +
                            R"(","label":"0000000000000007","embedder":")" + place.maker + R"(","expires_ms":9}})";
  const std::string body = R"({"result":{"points":[)" + point + "," + point + R"(]},"status":"ok"})";
  const auto found = qdrant::ReadPoints(body, place, ScopeOf(1), 5, 8);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->neighbors, (std::vector<Neighbor>{{7, 0.5F}}));
  EXPECT_EQ(found->refused, 1u);
  EXPECT_TRUE(qdrant::ReadPoints(body, place, ScopeOf(1), 5, 9)->neighbors.empty());
}

TEST(QdrantTrouble, AStartWithoutQdrantGoesOnAndMakesTheCollectionLater) {
  QdrantWorld world;
  world.server.Set(Trouble::kAbsent);
  world.OpenIndex();
  const auto vector = world.Vector();
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 2).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(world.index->Count(ScopeOf(1)), std::numeric_limits<std::uint64_t>::max());
  world.Add(ScopeOf(1), 1, vector);
  world.jobs.RunAll();
  EXPECT_EQ(world.index->waiting(), 1u);
  world.server.Set(Trouble::kNone);
  world.clock.Advance(std::chrono::seconds(11));
  world.Settle();
  EXPECT_EQ(world.index->waiting(), 0u);
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 2)->size(), 1u);
}

TEST(QdrantTrouble, AMismatchFoundLaterIsSaidInReady) {
  QdrantWorld world;
  world.server.Set(Trouble::kAbsent);
  world.OpenIndex();
  world.server.Set(Trouble::kNone);
  ASSERT_TRUE(world.service->Call({"PUT", world.Path(), R"({"vectors":{"size":5,"distance":"Cosine"}})"}, kPatience));
  world.clock.Advance(std::chrono::seconds(11));
  world.Settle();
  EXPECT_NE(world.index->Degraded().find("vectors of 5 numbers, the embedder makes 8"), std::string::npos)
      << world.index->Degraded();
}

TEST(QdrantTrouble, ACollectionThatWentIsMadeAgain) {
  QdrantWorld world;
  world.OpenIndex();
  const auto vector = world.Vector();
  world.server.Forget();
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 2).error().code, ErrorCode::kUnavailable);
  world.Add(ScopeOf(1), 1, vector);
  world.Settle();
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 2)->size(), 1u);
  // While writing, too: the batch is not lost.
  world.server.Forget();
  world.Add(ScopeOf(1), 2, vector);
  world.Settle();
  world.clock.Advance(std::chrono::seconds(1));
  world.Settle();
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 2)->size(), 1u);
}

TEST(QdrantTrouble, ABatchThatIsRefusedForGoodDoesNotHoldUpTheOthers) {
  QdrantWorld world;
  world.OpenIndex();
  std::atomic<int> left{1};
  world.server.Lie("/points?wait=true", [&](const std::string& body) { return left-- > 0 ? std::string("{}") : body; });
  world.Add(ScopeOf(1), 1, world.Vector());
  world.Settle();
  EXPECT_EQ(world.index->waiting(), 1u);  // A wrong answer: tried again.
  world.clock.Advance(std::chrono::seconds(1));
  world.Settle();
  EXPECT_EQ(world.index->waiting(), 0u);
  EXPECT_EQ(world.index->Count(ScopeOf(1)), 1u);
}

TEST(QdrantTrouble, AnIndexThatGoesWhileAJobWaitsOrRunsIsSafe) {
  QdrantWorld world;
  world.OpenIndex();
  world.Add(ScopeOf(1), 1, world.Vector());
  ASSERT_EQ(world.jobs.size(), 1u);
  world.index.reset();
  EXPECT_EQ(world.jobs.RunAll(), 1u);
}

TEST(QdrantTrouble, ManyThreadsSearchAddAndRemoveAtOnce) {
  QdrantWorld world;
  base::WorkerPool background(1, 64, 0);
  world.service = world.Open(world.server.url(), {.name = "qdrant"});
  auto opened = QdrantIndex::Open(world.options, "embedder-1", 8,
                                  {*world.service, world.clock, world.log, world.metrics,
                                   [&](std::function<void()> job) { return background.Submit(std::move(job)); }},
                                  kPatience);
  ASSERT_TRUE(opened.has_value());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(thread);
      for (std::uint64_t i = 0; i < 40; ++i) {
        const auto vector = vector::RandomVector(random, 8);
        if (!(*opened)->Add(ScopeOf(thread), i, vector, {})) ++wrong;
        if (i % 4 == 3) (*opened)->Remove(ScopeOf(thread), i - 1);
        if (!(*opened)->Search(ScopeOf(thread), vector, 3)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace reflex::remote
