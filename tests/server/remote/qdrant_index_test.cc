#include "remote/qdrant_index.h"

#include <unistd.h>

#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "fakes/tls.h"
#include "remote/qdrant_wire.h"
#include "server/remote/qdrant_world.h"

namespace reflex::remote {
namespace {

using vector::ScopeOf;

TEST(QdrantIndex, MakesItsCollectionOnceAndNeverOnTheHotPath) {
  QdrantWorld world;
  world.OpenIndex();
  EXPECT_EQ(world.Asked("PUT " + world.Path()), 1u);
  EXPECT_EQ(world.Asked("PUT " + world.Path() + "/index?wait=true"), qdrant::kFields);
  const std::size_t before = world.server.seen().size();
  for (std::uint64_t label = 0; label < 300; ++label) world.Add(ScopeOf(1), label, world.Vector());
  world.Settle();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(world.index->Search(ScopeOf(1), world.Vector(), 4).has_value());
  const auto seen = world.server.seen();
  for (std::size_t i = before; i < seen.size(); ++i) EXPECT_TRUE(seen[i].find("/points") != std::string::npos) << seen[i];
  // 300 adds in batches of 128.
  EXPECT_EQ(world.Asked("PUT " + world.Path() + "/points?wait=true"), 3u);
  // The next gateway finds it made.
  const auto second = world.TryOpen();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(world.Asked("PUT " + world.Path()), 1u);
  EXPECT_EQ((*second)->Search(ScopeOf(1), world.Vector(), 4)->size(), 4u);
}

TEST(QdrantIndex, ACollectionIsOfOneEmbedderAndDimension) {
  const auto name = [](std::string_view id, std::uint32_t dimension) {
    return qdrant::Place::Of("reflex", id, dimension).collection;
  };
  EXPECT_EQ(name("a", 384), "reflex-ca978112ca1bbdca-384");
  EXPECT_NE(name("a", 384), name("b", 384));
  EXPECT_NE(name("a", 384), name("a", 385));
}

TEST(QdrantIndex, AnotherSizeStopsTheStartWithBothNumbers) {
  QdrantWorld world;
  const auto place = qdrant::Place::Of("reflex", "embedder-1", 8);
  world.service = world.Open(world.server.url(), {.name = "qdrant"});
  ASSERT_TRUE(
      world.service->Call({"PUT", "/collections/" + place.collection, R"({"vectors":{"size":5,"distance":"Cosine"}})"}, kPatience));
  const auto opened = world.TryOpen();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(opened.error().message.find("vectors of 5 numbers, the embedder makes 8"), std::string::npos) << opened.error().message;
}

TEST(QdrantIndex, AnotherDistanceStopsTheStart) {
  QdrantWorld world;
  const auto place = qdrant::Place::Of("reflex", "embedder-1", 8);
  world.service = world.Open(world.server.url(), {.name = "qdrant"});
  ASSERT_TRUE(
      world.service->Call({"PUT", "/collections/" + place.collection, R"({"vectors":{"size":8,"distance":"Dot"}})"}, kPatience));
  const auto opened = world.TryOpen();
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("\"Dot\""), std::string::npos) << opened.error().message;
}

TEST(QdrantIndex, RefusesOptionsOutOfRange) {
  QdrantWorld world;
  for (const auto& change : std::initializer_list<std::function<void(QdrantOptions&)>>{
           [](QdrantOptions& o) { o.collection = "a/b"; }, [](QdrantOptions& o) { o.collection = ""; },
           [](QdrantOptions& o) { o.oversampling = 17; }, [](QdrantOptions& o) { o.batch_max = 0; },
           [](QdrantOptions& o) { o.queue_max = 0; }}) {
    world.options = QdrantWorld::Patient();
    change(world.options);
    const auto opened = world.TryOpen();
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(QdrantIndex, WhatHasExpiredIsNotFoundAndIsDeletedBehind) {
  QdrantWorld world;
  world.OpenIndex();
  const auto vector = world.Vector();
  world.Add(ScopeOf(1), 1, vector, {.expires_ms = world.clock.WallMs() + 30'000});
  world.Add(ScopeOf(1), 2, vector, {.expires_ms = world.clock.WallMs() + 90'000});
  world.Settle();
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 4)->size(), 2u);
  world.clock.Advance(std::chrono::seconds(31));
  EXPECT_EQ(world.index->Search(ScopeOf(1), vector, 4)->size(), 1u);
  EXPECT_EQ(world.index->Count(ScopeOf(1)), 1u);
  EXPECT_EQ(world.server.Points(world.index->collection()), 2u);
  world.clock.Advance(std::chrono::seconds(30));
  world.Settle();
  EXPECT_EQ(world.server.Points(world.index->collection()), 1u);
  EXPECT_EQ(world.index->Stats().vectors, 1u);
}

TEST(QdrantIndex, APurgeDeletesByFilterInOrderWithTheAdds) {
  QdrantWorld world;
  world.OpenIndex();
  const std::int64_t now = world.clock.WallMs();
  const std::vector<std::string> tags{"faq", "a \"quoted\" tag"};
  const auto add = [&](std::uint64_t label, VectorFacts facts) { world.Add(ScopeOf(1), label, world.Vector(), facts); };
  add(1, {.created_ms = now, .model = "m1"});
  add(2, {.created_ms = now, .model = "m2", .name_space = "n1"});
  add(3, {.created_ms = now, .model = "m2", .tags = tags});
  add(4, {.created_ms = now + 1, .model = "m1"});
  const auto left = [&] {
    world.Settle();
    std::vector<std::uint64_t> labels;
    for (const Neighbor& neighbor : world.index->Search(ScopeOf(1), world.Vector(), 9).value()) labels.push_back(neighbor.label);
    std::ranges::sort(labels);
    return labels;
  };
  const auto purge = [&](std::int64_t before_ms, std::optional<std::string> PurgeRule::* condition, std::string value) {
    PurgeRule rule;
    rule.before_ms = before_ms;
    if (condition != nullptr) rule.*condition = std::move(value);
    world.index->Purge(rule);
  };
  purge(now, &PurgeRule::model, "m1");
  EXPECT_EQ(left(), (std::vector<std::uint64_t>{2, 3, 4}));
  purge(now, &PurgeRule::name_space, "n1");
  EXPECT_EQ(left(), (std::vector<std::uint64_t>{3, 4}));
  purge(now, &PurgeRule::tag, "a \"quoted\" tag");
  EXPECT_EQ(left(), (std::vector<std::uint64_t>{4}));
  add(5, {.created_ms = now + 2});
  purge(now + 5, nullptr, "");
  add(6, {.created_ms = now + 3});
  EXPECT_EQ(left(), (std::vector<std::uint64_t>{6}));
}

TEST(QdrantIndex, OversamplingIsCapped) {
  const auto place = qdrant::Place::Of("reflex", "e", 2);
  const std::vector<float> vector{1, 0};
  const auto body = [&](std::size_t k, double factor) { return qdrant::Query(place, ScopeOf(1), vector, k, factor, 5).body; };
  EXPECT_NE(body(16, 3).find(R"("rescore":true,"oversampling":3.00)"), std::string::npos) << body(16, 3);
  EXPECT_NE(body(64, 16).find(R"("oversampling":8.00)"), std::string::npos);
  EXPECT_NE(body(1000, 16).find(R"("oversampling":1.00)"), std::string::npos);
}

TEST(QdrantIndex, AFullQueueIsSaidAndTheScopeIsAddedAgainLater) {
  QdrantWorld world;
  world.options.queue_max = 2;
  world.OpenIndex();
  world.Add(ScopeOf(1), 1, world.Vector());
  world.Add(ScopeOf(1), 2, world.Vector());
  const auto refused = world.index->Add(ScopeOf(1), 3, world.Vector(), {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kFull);
  EXPECT_EQ(world.Metric("reflex_qdrant_writes_lost_total"), 1);
  world.Settle();
  // Whoever fills the scope sees that it has to be filled again, once.
  EXPECT_EQ(world.index->Count(ScopeOf(1)), 0u);
  EXPECT_EQ(world.index->Count(ScopeOf(1)), 2u);
  world.Add(ScopeOf(1), 3, world.Vector());
  world.Settle();
  EXPECT_EQ(world.index->Count(ScopeOf(1)), 3u);
}

TEST(QdrantIndex, TheQueueIsBoundedInBytesToo) {
  QdrantWorld world;
  world.options.queue_bytes_max = 1'000;
  world.OpenIndex();
  std::size_t kept = 0;
  while (kept < 100 && world.index->Add(ScopeOf(1), kept, world.Vector(), {})) ++kept;
  EXPECT_GT(kept, 0u);
  EXPECT_LT(kept, 10u);
  EXPECT_LE(world.index->Stats().memory_bytes, 1'000u);
}

TEST(QdrantIndex, AKeyIsSentAndTlsIsSpoken) {
  QdrantWorld world;
  fakes::TlsIdentity identity("DNS:localhost,IP:127.0.0.1");
  const std::string folder = testing::TempDir() + "/qdrant_tls_" + std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  identity.WriteCertificate(folder + "/ca.pem");
  fakes::qdrant::Server locked("secret", identity.context());
  const auto open = [&](const std::string& key) {
    world.service =
        world.Open(locked.url(), {.name = "qdrant", .key_header = "api-key", .key = key, .ca_file = folder + "/ca.pem"});
    return world.TryOpen();
  };
  {
    const auto with_key = open("secret");
    ASSERT_TRUE(with_key.has_value()) << with_key.error().message;
    EXPECT_TRUE((*with_key)->Search(ScopeOf(1), world.Vector(), 1).has_value()) << world.log.text();
  }
  {
    const auto without = open("wrong");
    ASSERT_TRUE(without.has_value());
    EXPECT_NE(world.log.text().find("Invalid API key or JWT"), std::string::npos) << world.log.text();
    EXPECT_NE((*without)->Degraded().find("Invalid API key or JWT"), std::string::npos);
    EXPECT_EQ((*without)->Search(ScopeOf(1), world.Vector(), 1).error().code, ErrorCode::kUnavailable);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace reflex::remote
