// What only a store that is shared can show: two gateways on one server, foreign and damaged values, the secret, leases.
#include "redis/redis_store.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "redis/record.h"
#include "redis/store_metrics.h"
#include "server/redis/cutting_proxy.h"
#include "server/redis/notices.h"
#include "server/redis/redis_server.h"

namespace reflex::redis {
namespace {

using namespace std::chrono_literals;
using store::KeyOf;
using store::MakeEntry;
using store::MakeScoped;

class SharedStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<RedisStore> Open(const std::string& prefix = "reflex") {
    RedisStoreOptions options = StoreOptions(server_.url());
    options.prefix = prefix;
    return RedisStore::Open(options, clock_, logger_).value();
  }

  RedisServer server_;
  store::ManualClock clock_;
  store::KeepingLogger logger_;
};

TEST_F(SharedStoreTest, WhatOneStoresIsAHitOnTheOtherInBothTiers) {
  const auto a = Open(), b = Open();
  ASSERT_TRUE(a->Put(MakeScoped(1, 7, 3'000)));
  ASSERT_TRUE(a->PutVector(KeyOf(1), "vector"));
  ASSERT_TRUE(a->Flush(10s));
  ASSERT_NE(*b->Find(KeyOf(1)), nullptr);
  EXPECT_EQ(**b->Find(KeyOf(1)), *MakeScoped(1, 7, 3'000));
  EXPECT_EQ(b->FindCanonical(store::ScopeOf(7), store::CanonicalOf(1), 10)->size(), 1u);
  EXPECT_EQ(*b->FindVector(KeyOf(1)), "vector");
  ASSERT_TRUE(a->PutNote("pair", "never"));
  EXPECT_EQ(*b->FindNote("pair"), "never");
  EXPECT_EQ(*Open("other")->Find(KeyOf(1)), nullptr) << "another prefix is another store";
}

TEST_F(SharedStoreTest, APurgeAndAClearReachTheOtherWithItsNextLookUp) {
  const auto a = Open(), b = Open();
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(a->Put(MakeScoped(i, 7, 100)));
  ASSERT_TRUE(a->Flush(10s));
  ASSERT_NE(*b->Find(KeyOf(1)), nullptr);
  ASSERT_TRUE(a->Purge(store::PurgeModel("odd"), nullptr));
  EXPECT_EQ(*b->Find(KeyOf(1)), nullptr);
  EXPECT_EQ(*b->FindHead(KeyOf(3)), nullptr);
  EXPECT_NE(*b->Find(KeyOf(2)), nullptr);
  // b knows of the purge now, so what it stores comes after it.
  ASSERT_TRUE(b->Put(MakeScoped(1, 7, 100)));
  ASSERT_TRUE(b->Flush(10s));
  EXPECT_NE(*a->Find(KeyOf(1)), nullptr);
  ASSERT_TRUE(b->Clear());
  EXPECT_EQ(*a->Find(KeyOf(1)), nullptr);
  EXPECT_TRUE(a->FindScope(store::ScopeOf(7), 10)->empty());
}

// A failover to a server that did not hear of the last purge takes the generation back, while entries stamped with it are there.
TEST_F(SharedStoreTest, APurgeAskedForAgainAfterAFailoverLostItSparesNothing) {
  const auto a = Open();
  const std::string rules = Keys("reflex").Rules();
  const auto lose = [&] {
    ASSERT_TRUE(a->Put(MakeEntry(1, 100)));  // Stamped with the generation that is lost.
    ASSERT_TRUE(a->Flush(10s));
    server_.Ask({"DEL", rules});
    ASSERT_NE(*a->Find(KeyOf(1)), nullptr) << "which makes the loss known";
  };
  ASSERT_TRUE(a->Purge(store::PurgeAll(), nullptr));
  lose();
  ASSERT_TRUE(a->Purge(store::PurgeAll(), nullptr));
  EXPECT_EQ(*a->Find(KeyOf(1)), nullptr);
  lose();
  ASSERT_TRUE(a->Clear());
  EXPECT_EQ(*a->Find(KeyOf(1)), nullptr);
}

TEST_F(SharedStoreTest, ManyKeysAreOneRoundTrip) {
  const auto a = Open(), b = Open();
  std::vector<Digest> keys;
  for (std::uint64_t i = 0; i < 64; ++i) {
    keys.push_back(KeyOf(i));
    if (i % 2 == 0) ASSERT_TRUE(a->Put(MakeEntry(i, 500)));
  }
  ASSERT_TRUE(a->Flush(10s));
  ASSERT_TRUE(b->FindMany(keys));
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t before = b->client_stats().round_trips;
  const auto found = b->FindMany(keys);
  const auto heads = b->FindHeads(keys);
  ASSERT_TRUE(found && heads);
  for (std::uint64_t i = 0; i < 64; ++i) {
    EXPECT_EQ((*found)[i] != nullptr, i % 2 == 0) << i;
    EXPECT_EQ((*heads)[i] != nullptr, i % 2 == 0) << i;
  }
  const std::uint64_t trips = b->client_stats().round_trips - before;
  // Once a second the store asks how the server is, and what it began before may end now.
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
  EXPECT_GE(trips, 2u);
  EXPECT_LE(trips, 4u + static_cast<std::uint64_t>(seconds));
  EXPECT_EQ(b->FindMany(std::vector<Digest>(1'025)).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(SharedStoreTest, DamagedForeignAndNewerValuesAreMissesAndCounted) {
  const auto a = Open();
  ASSERT_TRUE(a->Put(MakeEntry(1, 500)));
  ASSERT_TRUE(a->Put(MakeEntry(2, 500)));
  ASSERT_TRUE(a->Flush(10s));
  const Keys keys("reflex");
  const std::string one = keys.EntryOf(KeyOf(1)), two = keys.EntryOf(KeyOf(2));
  const std::string head = server_.Ask({"HGET", one, "h" + FieldOf(KeyOf(1))}).text;
  const std::string body = server_.Ask({"HGET", one, "b" + FieldOf(KeyOf(1))}).text;
  ASSERT_FALSE(head.empty());
  // A whole entry under another's key, which is what a server that mixes things up would send.
  server_.Ask({"HSET", two, "h" + FieldOf(KeyOf(2)), head, "b" + FieldOf(KeyOf(2)), body});
  EXPECT_EQ(*a->Find(KeyOf(2)), nullptr);
  EXPECT_EQ(*a->FindHead(KeyOf(2)), nullptr);
  std::uint64_t counted = a->Stats().corrupt_values;
  EXPECT_EQ(counted, 2u);
  for (std::size_t at = 0; at < head.size(); at += 7) {
    std::string wrong = head;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x55);
    server_.Ask({"HSET", one, "h" + FieldOf(KeyOf(1)), wrong});
    ASSERT_EQ(*a->Find(KeyOf(1)), nullptr) << at;
    ++counted;
  }
  server_.Ask({"HSET", one, "h" + FieldOf(KeyOf(1)), head, "b" + FieldOf(KeyOf(1)), body.substr(1)});
  EXPECT_EQ(*a->Find(KeyOf(1)), nullptr) << "half an answer";
  EXPECT_EQ(a->Stats().corrupt_values, counted + 1);
  server_.Ask({"HSET", one, "b" + FieldOf(KeyOf(1)), body});
  EXPECT_NE(*a->Find(KeyOf(1)), nullptr);
  server_.Ask({"DEL", two});
  server_.Ask({"SET", two, "a string where a hash should be"});
  counted = a->Stats().corrupt_values;
  const std::vector<Digest> both{KeyOf(2), KeyOf(1)};
  const auto found = a->FindMany(both);
  ASSERT_TRUE(found) << "one key that somebody else took spoils no other";
  EXPECT_EQ((*found)[0], nullptr);
  EXPECT_NE((*found)[1], nullptr);
  EXPECT_EQ(a->Stats().corrupt_values, counted + 1);
}

TEST_F(SharedStoreTest, TheWayToTheServerIsInTheMetrics) {
  base::MetricsRegistry metrics;
  const auto a = Open();
  AddStoreMetrics(metrics, *a);
  const auto value = [&](const std::string& name) {
    const std::string page = metrics.Render();
    const std::size_t at = page.find("\n" + name + " ");
    return at == std::string::npos ? -1.0 : std::stod(page.substr(at + name.size() + 2));
  };
  ASSERT_TRUE(a->Find(KeyOf(1)));
  EXPECT_GE(value("reflex_shared_store_round_trips_total"), 1);
  EXPECT_GE(value("reflex_shared_store_connections_total"), 1);
  EXPECT_EQ(value("reflex_shared_store_breaker_open"), 0);
  EXPECT_EQ(value("reflex_shared_store_refused_total"), 0);
  server_.Kill();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(a->Find(KeyOf(1)));
  EXPECT_GE(value("reflex_shared_store_failures_total"), 3);
  EXPECT_GE(value("reflex_shared_store_refused_total"), 1);
  EXPECT_EQ(value("reflex_shared_store_breaker_open"), 1);
}

TEST_F(SharedStoreTest, EntriesLiveAsLongAsTheySay) {
  const auto a = Open();
  ASSERT_TRUE(a->Put(MakeEntry(1, 100, 0, clock_.WallMs() + 60'000)));
  ASSERT_TRUE(a->Flush(10s));
  const std::int64_t left = server_.Ask({"PTTL", Keys("reflex").EntryOf(KeyOf(1))}).integer;
  EXPECT_GT(left, 30'000);
  EXPECT_LE(left, 60'000);
}

TEST_F(SharedStoreTest, TheFirstSecretIsEverybodysAndAnotherOneStops) {
  const auto a = Open(), b = Open();
  const std::string first(32, 'a'), second(32, 'b');
  EXPECT_EQ(*a->ExchangeSecret(first), first);
  EXPECT_EQ(*b->ExchangeSecret(second), first);
  ASSERT_TRUE(a->CheckSecret(first));
  ASSERT_TRUE(b->CheckSecret(first));
  const auto other = b->CheckSecret(second);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(other.error().message.find("REFLEX_TENANT_SECRET_FILE"), std::string::npos);
  EXPECT_EQ(server_.Ask({"GET", Keys("reflex").SecretCheck()}).text.find(first), std::string::npos);
}

TEST_F(SharedStoreTest, OneLeaseAtATimeAndOnlyItsHolderGivesItBack) {
  const auto a = Open(), b = Open();
  const auto mine = a->TakeLease(KeyOf(1), 60s);
  ASSERT_TRUE(mine);
  EXPECT_NE(*mine, "");
  EXPECT_EQ(*b->TakeLease(KeyOf(1), 60s), "");
  b->GiveLeaseBack(KeyOf(1), "not the token");
  ASSERT_TRUE(b->Flush(10s));
  EXPECT_EQ(*b->TakeLease(KeyOf(1), 60s), "");
  a->GiveLeaseBack(KeyOf(1), *mine);
  ASSERT_TRUE(a->Flush(10s));
  EXPECT_NE(*b->TakeLease(KeyOf(1), 60s), "");
}

TEST_F(SharedStoreTest, WhoeverGetsALeaseNextFindsWhatWasStoredBeforeItWasGivenBack) {
  const auto a = Open(), b = Open();
  for (int i = 0; i < 50; ++i) {
    const std::string mine = a->TakeLease(KeyOf(i), 60s).value();
    ASSERT_TRUE(a->Put(MakeEntry(i, 100)));
    a->GiveLeaseBack(KeyOf(i), mine);
    ASSERT_TRUE(a->Find(KeyOf(i)).value()) << "a lease on its way hides no entry";
    while (b->TakeLease(KeyOf(i), 60s).value().empty()) {
    }
    EXPECT_TRUE(b->Find(KeyOf(i)).value()) << i;
  }
}

TEST_F(SharedStoreTest, ALeaseThatIsNotGivenBackEndsByItself) {
  const auto a = Open(), b = Open();
  ASSERT_NE(a->TakeLease(KeyOf(1), 20ms).value(), "");
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (b->TakeLease(KeyOf(1), 60s).value().empty()) ASSERT_LT(std::chrono::steady_clock::now(), end);
}

// A server that answers too late took the lease all the same: it must not keep others waiting for its whole life.
TEST_F(SharedStoreTest, ALeaseWhoseReplyCameTooLateIsGivenBack) {
  RedisStoreOptions options = StoreOptions(server_.url());
  options.lookup_timeout = 500ms;
  const auto a = RedisStore::Open(options, clock_, logger_).value(), b = Open();
  ASSERT_TRUE(a->TakeLease(KeyOf(2), 60s)) << "connected";
  server_.Pause();
  const auto lost = a->TakeLease(KeyOf(1), 600s);
  server_.Resume();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kTimeout);
  const auto end = std::chrono::steady_clock::now() + 10s;
  for (std::string token; token.empty();) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    if (auto taken = b->TakeLease(KeyOf(1), 60s)) token = *taken;
  }
}

// The server executes the lease, its reply is lost with the kept connection, and the client sends it again.
TEST_F(SharedStoreTest, ALeaseThatWasTakenBeforeItsConnectionEndedIsOurs) {
  CuttingProxy proxy(server_.endpoint());
  const auto a = RedisStore::Open(StoreOptions("redis://127.0.0.1:" + std::to_string(proxy.port())), clock_, logger_).value();
  Result<std::string> taken;
  std::uint64_t key = 0;
  // On a fresh connection (the kept one may be in use by the store's own threads) nothing is sent again.
  do {
    ASSERT_LT(++key, 20u);
    ASSERT_TRUE(a->Find(KeyOf(key)));
    proxy.CutAfter("NX");
    taken = a->TakeLease(KeyOf(key), 60s);
  } while (!taken);
  EXPECT_EQ(proxy.cuts(), static_cast<int>(key));
  EXPECT_NE(*taken, "");
  EXPECT_EQ(server_.Ask({"GET", Keys("reflex").LeaseOf(KeyOf(key))}).text, *taken);
  EXPECT_EQ(*Open()->TakeLease(KeyOf(key), 60s), "");
}

TEST_F(SharedStoreTest, ChangesOfTheOtherAreNoticedAndSilenceToo) {
  Notices notices;
  const auto a = Open();
  auto b = Open();
  b->SetOnNotice([&](const StoreNotice& notice) { notices.Add(notice); });
  ASSERT_TRUE(notices.Wait([](const Notices& n) { return n.all_ == 1; })) << "from here on it listens";
  ASSERT_TRUE(a->Put(MakeEntry(1, 100)));
  ASSERT_TRUE(a->Flush(10s));
  EXPECT_TRUE(notices.Wait([](const Notices& n) { return n.labels_.contains(LabelOf(KeyOf(1))); }));
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(a->Purge(store::PurgeAll(), nullptr));
  EXPECT_TRUE(notices.Wait([](const Notices& n) { return n.all_ >= 2; }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s) << "a purge is everywhere within a second";
  server_.Pause();
  int told = 0;
  const auto silent = [&told](const Notices& n) {
    told = n.all_;
    return n.blind_ == 2;
  };
  EXPECT_TRUE(notices.Wait(silent)) << "a silent server is noticed";
  server_.Resume();
  EXPECT_TRUE(notices.Wait([&told](const Notices& n) { return n.all_ > told; })) << "and its return";
  b.reset();
}

TEST_F(SharedStoreTest, OptionsOutOfRangeAreNamed) {
  RedisStoreOptions options = StoreOptions(server_.url());
  options.prefix = "a b";
  EXPECT_EQ(RedisStore::Open(options, clock_, logger_).error().code, ErrorCode::kInvalidArgument);
  options.prefix = "ok";
  options.queue_age_max = 60s;
  EXPECT_EQ(RedisStore::Open(options, clock_, logger_).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace reflex::redis
