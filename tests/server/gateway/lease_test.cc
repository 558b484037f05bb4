// One call for many across processes: gateways that share a store, and wait for each other's answers (docs/redis.md).
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fake_leases.h"
#include "fakes/faulty_store.h"
#include "gateway_world.h"
#include "reflex/memory_store.h"

namespace reflex::gateway::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMinuteNs = 60'000'000'000;

std::string Ends(std::string_view end) { return "reflex_call_leases_total{end=\"" + std::string(end) + "\"}"; }

// The entry that another gateway stores when it asks this and gets that.
EntryPtr AnsweredElsewhere(const Request& request, const std::string& json) {
  GatewayWorld other;
  FakeLeases leases;
  other.leases = &leases;
  other.Start(store::MemoryStore::Create({}).value());
  other.provider.OnCall([&](ProviderCall& call) { call.Json(200, json); });
  other.Run(request);
  leases.WaitForNoneHeld();
  return other.cache->FindInMemory(leases.last_key());
}

class LeaseTest : public ::testing::Test {
 protected:
  LeaseTest() {
    world_.leases = &leases_;
    // Far away: a test that is about a limit moves the clock.
    world_.options.wait_plain = 1h;
    world_.options.wait_stream = 1h;
  }
  void Start() { world_.Start(store::MemoryStore::Create({}).value()); }
  void StoreElsewhere(const EntryPtr& entry) { ASSERT_TRUE(world_.cache->store()->Put(entry)); }

  FakeLeases leases_;  // Outlives the gateway.
  GatewayWorld world_{2};
};

TEST_F(LeaseTest, WhoGetsTheLeaseAsksAndGivesItBackBehindTheAnswer) {
  bool stored_before = false;
  leases_.on_give_back = [&](const Digest& key) { stored_before = *world_.cache->store()->Find(key) != nullptr; };
  world_.options.lease_life = 7s;
  Start();
  const auto exchange = world_.Ask(Chat("q"));
  const auto call = world_.provider.Next();
  EXPECT_EQ(leases_.held(), 1u);
  EXPECT_EQ(leases_.last_life(), 7s);
  call->Json(200, PlainAnswer("hello"));
  exchange->WaitForDone();
  EXPECT_EQ(exchange->Header("X-Reflex-Status"), "miss");
  leases_.WaitForNoneHeld();
  EXPECT_TRUE(stored_before);
  EXPECT_EQ(world_.Metric(Ends("taken")), 1);
  EXPECT_EQ(world_.Run(Chat("q"))->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(leases_.takes(), 1u) << "a hit needs no lease";
}

TEST_F(LeaseTest, TheAnswerOfAnotherGatewayIsAHitForAllWhoWait) {
  const EntryPtr entry = AnsweredElsewhere(Chat("q"), PlainAnswer("hello"));
  ASSERT_NE(entry, nullptr);
  leases_.OthersHaveAll(true);
  Start();
  std::vector<ExchangePtr> exchanges;
  for (const Request& request : {Chat("q"), StreamChat("q"), Chat("q"), StreamChat("q")}) {
    exchanges.push_back(world_.Ask(request, exchanges.size() % 2));
    world_.Settle((exchanges.size() - 1) % 2);
  }
  leases_.WaitForMoreTakes(2);
  EXPECT_EQ(world_.gateway->flights(), 1u) << "callers of one gateway wait in one flight";
  StoreElsewhere(entry);
  for (std::size_t i = 0; i < exchanges.size(); ++i) {
    exchanges[i]->WaitForDone();
    EXPECT_EQ(exchanges[i]->status(), 200);
    EXPECT_EQ(i % 2 == 0 ? ContentOfPlain(exchanges[i]->body()) : ContentOf(exchanges[i]->body()), "hello");
    EXPECT_EQ(exchanges[i]->Header("X-Reflex-Status"), "hit-l1-exact");
    EXPECT_EQ(exchanges[i]->Header("X-Reflex-Reason"), "");
    EXPECT_EQ(exchanges[i]->Header("Cache-Status").substr(0, 12), "reflex; hit;");
    EXPECT_EQ(exchanges[i]->Header("Cache-Status").find("collapsed"), std::string::npos);
    EXPECT_EQ(exchanges[i]->Header("Age"), "0");
    EXPECT_EQ(exchanges[i]->Header("X-Reflex-Saved-Tokens"), "in=3;out=5");
  }
  EXPECT_EQ(world_.provider.calls(), 0u);
  EXPECT_EQ(world_.Metric(Ends("answer")), 1);
  EXPECT_EQ(world_.Run(Chat("q"))->Header("X-Reflex-Status"), "hit-l1-exact") << "it is in memory now";
  world_.WaitForNoFlights();
}

TEST_F(LeaseTest, AnAnswerStoredBetweenTheLookUpAndTheLeaseIsFound) {
  const EntryPtr entry = AnsweredElsewhere(Chat("q"), PlainAnswer("hello"));
  Start();
  leases_.Shut();
  const auto exchange = world_.Ask(Chat("q"));
  leases_.WaitForTakes(1);
  StoreElsewhere(entry);
  leases_.Open();
  exchange->WaitForDone();
  EXPECT_EQ(exchange->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(world_.provider.calls(), 0u);
  leases_.WaitForNoneHeld();
}

TEST_F(LeaseTest, ToolCallsAreServedInBothForms) {
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}])";
  const std::string answer =
      R"({"id":"chatcmpl-t","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,"message":)"
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look",)"
      R"("arguments":"{\"at\":\"sky\"}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})";
  const EntryPtr entry = AnsweredElsewhere(Chat("q", tools), answer);
  ASSERT_NE(entry, nullptr);
  leases_.OthersHaveAll(true);
  Start();
  const auto plain = world_.Ask(Chat("q", tools), 0);
  const auto stream = world_.Ask(StreamChat("q", tools), 1);
  leases_.WaitForTakes(1);
  StoreElsewhere(entry);
  for (const auto& exchange : {plain, stream}) {
    exchange->WaitForDone();
    EXPECT_EQ(exchange->Header("X-Reflex-Status"), "hit-l1-exact");
    EXPECT_NE(exchange->body().find(R"("tool_calls":[{)"), std::string::npos) << exchange->body();
    EXPECT_NE(exchange->body().find(R"({\"at\":\"sky\"})"), std::string::npos) << exchange->body();
  }
  EXPECT_EQ(world_.provider.calls(), 0u);
}

TEST_F(LeaseTest, WhoGaveUpIsReplacedAtOnce) {
  leases_.OthersHaveAll(true);
  Start();
  const auto exchange = world_.Ask(Chat("q"));
  leases_.WaitForTakes(3);
  EXPECT_EQ(world_.provider.calls(), 0u);
  leases_.OthersHaveAll(false);
  world_.provider.Next()->Json(200, PlainAnswer("mine"));
  exchange->WaitForDone();
  EXPECT_EQ(ContentOfPlain(exchange->body()), "mine");
  EXPECT_EQ(exchange->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(world_.Metric(Ends("taken")), 1);
  leases_.WaitForNoneHeld();
}

TEST_F(LeaseTest, AtItsLimitARequestAsksItself) {
  leases_.OthersHaveAll(true);
  world_.options.wait_plain = 60min;
  world_.options.wait_stream = 1min;
  Start();
  const auto plain = world_.Ask(Chat("plain"), 0);
  const auto stream = world_.Ask(StreamChat("stream"), 1);
  leases_.WaitForTakes(4);
  EXPECT_EQ(world_.provider.calls(), 0u);
  world_.clock.ahead_ns += kMinuteNs;
  const auto first = world_.provider.Next();
  EXPECT_NE(first->body.find(R"("content":"stream")"), std::string::npos) << first->body;
  first->EventHead();
  for (const std::string& event : AnswerEvents({"hel", "lo"}, true)) first->Piece(event);
  first->End();
  stream->WaitForDone();
  EXPECT_EQ(ContentOf(stream->body()), "hello");
  leases_.WaitForMoreTakes(2);
  EXPECT_EQ(world_.provider.calls(), 1u) << "a plain request may wait longer";
  world_.clock.ahead_ns += 59 * kMinuteNs;
  world_.provider.Next()->Json(200, PlainAnswer("late"));
  plain->WaitForDone();
  EXPECT_EQ(ContentOfPlain(plain->body()), "late");
  EXPECT_EQ(plain->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(world_.Metric(Ends("limit")), 2);
  EXPECT_EQ(world_.Run(Chat("plain"))->Header("X-Reflex-Status"), "hit-l1-exact") << "what was asked without lease is stored";
}

TEST_F(LeaseTest, AStreamingCallerWhoJoinsShortensTheWait) {
  leases_.OthersHaveAll(true);
  world_.options.wait_plain = 60min;
  world_.options.wait_stream = 1min;
  Start();
  const auto plain = world_.Ask(Chat("q"), 0);
  leases_.WaitForTakes(2);
  world_.clock.ahead_ns += 2 * kMinuteNs;
  leases_.WaitForMoreTakes(2);
  EXPECT_EQ(world_.provider.calls(), 0u);
  const auto stream = world_.Ask(StreamChat("q"), 1);
  world_.Settle(1);
  EXPECT_EQ(world_.provider.calls(), 0u);
  world_.clock.ahead_ns += kMinuteNs;
  world_.provider.Next()->Json(200, PlainAnswer("hello"));
  plain->WaitForDone();
  stream->WaitForDone();
  EXPECT_EQ(ContentOf(stream->body()), "hello");
  EXPECT_EQ(world_.provider.calls(), 1u);
}

TEST_F(LeaseTest, ZeroIsNoWait) {
  leases_.OthersHaveAll(true);
  world_.options.wait_plain = world_.options.wait_stream = 0ms;
  Start();
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("mine")); });
  EXPECT_EQ(ContentOfPlain(world_.Run(Chat("q"))->body()), "mine");
  EXPECT_EQ(leases_.takes(), 1u);
  EXPECT_EQ(world_.Metric(Ends("limit")), 1);
}

TEST_F(LeaseTest, AStoreInTroubleCostsASecondCallAndNoWait) {
  Start();
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("mine")); });
  leases_.OthersHaveAll(true);
  const auto waiting = world_.Ask(Chat("waiting"));
  leases_.WaitForTakes(2);
  leases_.FailFromNowOn();
  waiting->WaitForDone();
  EXPECT_EQ(ContentOfPlain(waiting->body()), "mine") << "trouble ends a wait";
  EXPECT_EQ(ContentOfPlain(world_.Run(Chat("q"))->body()), "mine");
  EXPECT_EQ(world_.Metric(Ends("failed")), 2);
}

// A store that is far away, and gone.
class GoneStore final : public fakes::FaultyStore {
 public:
  bool FindsInPlace() const override { return false; }
  Result<std::vector<EntryPtr>> FindMany(std::span<const Digest>) override { return Fail(ErrorCode::kTimeout, "gone"); }
};

TEST_F(LeaseTest, WhoseLookUpFailedDoesNotWaitForTheStoreTwice) {
  world_.Start(std::make_unique<GoneStore>());
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("mine")); });
  const auto exchange = world_.Run(Chat("q"));
  EXPECT_EQ(ContentOfPlain(exchange->body()), "mine");
  EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "failed");
  EXPECT_EQ(leases_.takes(), 0u);
  EXPECT_EQ(world_.Metric(Ends("failed")), 1);
}

TEST_F(LeaseTest, AFullPoolCostsASecondCallAndNoWait) {
  Start();
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("mine")); });
  leases_.Shut();
  std::vector<ExchangePtr> exchanges;
  // Two at work, 64 in the queue, and four for whom there is no place.
  for (int i = 0; i < 70; ++i) exchanges.push_back(world_.Ask(Chat("q" + std::to_string(i))));
  while (world_.Metric(Ends("busy")) < 4) world_.Settle();
  EXPECT_GE(world_.provider.calls(), 4u);
  leases_.Open();
  for (const auto& exchange : exchanges) {
    exchange->WaitForDone();
    EXPECT_EQ(ContentOfPlain(exchange->body()), "mine");
  }
  leases_.WaitForNoneHeld();
}

TEST_F(LeaseTest, WhenTheLastCallerLeavesTheWaitEnds) {
  leases_.OthersHaveAll(true);
  Start();
  const auto first = world_.Ask(Chat("q"), 0);
  const auto second = world_.Ask(StreamChat("q"), 1);
  world_.Settle(0);
  world_.Settle(1);
  first->Leave();  // Its request ends with the flight, which would send its bytes.
  leases_.WaitForMoreTakes(3);
  EXPECT_EQ(world_.gateway->flights(), 1u) << "one still waits";
  second->Leave();
  first->WaitForDone();
  second->WaitForDone();
  world_.WaitForNoFlights();
  EXPECT_EQ(world_.provider.calls(), 0u);
  EXPECT_EQ(world_.Metric(Ends("left")), 1);
  EXPECT_EQ(leases_.held(), 0u);
}

TEST_F(LeaseTest, AnAbandonedFlightAsksForTheCacheWhereThatIsSet) {
  leases_.OthersHaveAll(true);
  world_.options.finish_abandoned = true;
  Start();
  const auto exchange = world_.Ask(Chat("q"));
  leases_.WaitForTakes(2);
  exchange->Leave();
  leases_.OthersHaveAll(false);
  world_.provider.Next()->Json(200, PlainAnswer("kept"));
  exchange->WaitForDone();
  world_.WaitForNoFlights();
  EXPECT_EQ(world_.Run(Chat("q"))->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST_F(LeaseTest, TheLeaseIsGivenBackHoweverTheCallEnds) {
  world_.options.reply_bytes_max = 1000;
  Start();
  struct Case {
    const char* name;
    std::function<void(ProviderCall&)> answer;
  };
  const Case cases[] = {
      {"refused", [](ProviderCall& call) { call.Json(429, "{}"); }},
      {"failed", [](ProviderCall& call) { call.Fail(ErrorCode::kTimeout); }},
      {"cut", [](ProviderCall& call) { call.Head(200).Piece("{").Fail(ErrorCode::kClosed); }},
      {"not storable", [](ProviderCall& call) { call.Json(200, "no answer"); }},
  };
  for (const Case& one : cases) {
    const auto exchange = world_.Ask(Chat(one.name));
    const auto call = world_.provider.Next();
    EXPECT_EQ(leases_.held(), 1u) << one.name;
    one.answer(*call);
    exchange->WaitForDone();
    leases_.WaitForNoneHeld();
  }
  const auto leaves = world_.Ask(Chat("leaves"));
  const auto call = world_.provider.Next();
  leaves->Leave();
  EXPECT_TRUE(call->WaitForCancel());
  leases_.WaitForNoneHeld();

  const auto large = world_.Ask(Chat("large"));
  const auto relay = world_.provider.Next();
  relay->Head(200).Piece(std::string(2000, '{'));
  leases_.WaitForNoneHeld();  // As soon as it is clear that nothing will be stored.
  relay->End();
  large->WaitForDone();
}

TEST_F(LeaseTest, AnAnswerTooOldForWhoWaitsIsNotTaken) {
  const EntryPtr entry = AnsweredElsewhere(Chat("q"), PlainAnswer("old"));
  leases_.OthersHaveAll(true);
  Start();
  StoreElsewhere(entry);
  world_.clock.wall_ms += 10'000;
  Request request = Chat("q");
  request.headers.emplace_back("cache-control", "max-age=5");
  const auto exchange = world_.Ask(request);
  leases_.WaitForTakes(3);
  EXPECT_EQ(world_.gateway->flights(), 1u) << "it waits for a newer one";
  leases_.OthersHaveAll(false);
  world_.provider.Next()->Json(200, PlainAnswer("new"));
  exchange->WaitForDone();
  EXPECT_EQ(ContentOfPlain(exchange->body()), "new");
  EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "too-old");
}

TEST_F(LeaseTest, WhoJoinedAndWantsAnAnswerThatIsNewerAsksItself) {
  const EntryPtr entry = AnsweredElsewhere(Chat("q"), PlainAnswer("old"));
  leases_.OthersHaveAll(true);
  Start();
  const auto patient = world_.Ask(Chat("q"), 0);
  leases_.WaitForTakes(1);
  Request strict = Chat("q");
  strict.headers.emplace_back("cache-control", "max-age=5");
  const auto joined = world_.Ask(strict, 1);
  world_.Settle(1);
  world_.clock.wall_ms += 10'000;
  StoreElsewhere(entry);
  world_.provider.Next()->Json(200, PlainAnswer("new"));
  patient->WaitForDone();
  joined->WaitForDone();
  EXPECT_EQ(ContentOfPlain(patient->body()), "old");
  EXPECT_EQ(patient->Header("Age"), "10");
  EXPECT_EQ(ContentOfPlain(joined->body()), "new");
  EXPECT_EQ(joined->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(joined->Header("X-Reflex-Reason"), "too-old");
  EXPECT_EQ(joined->Header("Cache-Status"), "reflex; fwd=request; fwd-status=200");
}

TEST_F(LeaseTest, AnAnswerThatCannotBeReplayedIsAsGoodAsNone) {
  auto damaged = std::make_shared<Entry>(*AnsweredElsewhere(Chat("q"), PlainAnswer("hello")));
  damaged->reply = "no JSON";
  leases_.OthersHaveAll(true);
  Start();
  const auto exchange = world_.Ask(StreamChat("q"));
  leases_.WaitForTakes(1);
  StoreElsewhere(damaged);
  world_.provider.Next()->Json(200, PlainAnswer("sound"));
  exchange->WaitForDone();
  EXPECT_NE(exchange->body().find("sound"), std::string::npos);
}

TEST_F(LeaseTest, AnotherServiceTierHasALeaseOfItsOwnAndTheSameAnswers) {
  Start();
  const auto usual = world_.Ask(Chat("q"));
  const auto usual_call = world_.provider.Next();
  const auto flex = world_.Ask(Chat("q", R"(,"service_tier":"flex")"), 1);
  const auto flex_call = world_.provider.Next();
  EXPECT_EQ(leases_.held(), 2u);
  flex_call->Json(200, PlainAnswer("flex"));
  flex->WaitForDone();
  usual_call->Json(200, PlainAnswer("usual"));
  usual->WaitForDone();
  leases_.WaitForNoneHeld();
  // As a stored answer is a hit whatever the tier, so is one that came meanwhile.
  const EntryPtr entry = AnsweredElsewhere(Chat("p"), PlainAnswer("hello"));
  leases_.OthersHaveAll(true);
  const auto waiting = world_.Ask(Chat("p", R"(,"service_tier":"flex")"));
  leases_.WaitForMoreTakes(2);
  StoreElsewhere(entry);
  waiting->WaitForDone();
  EXPECT_EQ(waiting->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST_F(LeaseTest, AnAnswerFromBeforeAPurgeIsNotServed) {
  const EntryPtr entry = AnsweredElsewhere(Chat("q"), PlainAnswer("old"));
  leases_.OthersHaveAll(true);
  Start();
  const auto before = world_.Ask(Chat("q"), 0);
  leases_.WaitForTakes(1);
  leases_.Shut();
  leases_.WaitForMoreTakes(1);  // It waits in its look.
  StoreElsewhere(entry);
  ASSERT_TRUE(world_.cache->Clear());
  const auto after = world_.Ask(Chat("q"), 1);
  leases_.Open();
  leases_.WaitForMoreTakes(4);
  EXPECT_EQ(world_.gateway->flights(), 2u) << "who comes after the purge does not join who came before";
  EXPECT_EQ(world_.provider.calls(), 0u);
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("new")); });
  leases_.OthersHaveAll(false);
  after->WaitForDone();
  EXPECT_EQ(ContentOfPlain(after->body()), "new");
  before->WaitForDone();
  EXPECT_EQ(ContentOfPlain(before->body()), "new");
}

TEST_F(LeaseTest, WhatIsNotSharedTakesNoLease) {
  leases_.OthersHaveAll(true);
  Start();
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("own")); });
  for (const char* directive : {"no-cache", "max-age=0", "no-store"}) {
    Request request = Chat("q" + std::string(directive));
    request.headers.emplace_back("cache-control", directive);
    EXPECT_EQ(ContentOfPlain(world_.Run(request)->body()), "own");
  }
  EXPECT_EQ(ContentOfPlain(world_.Run(Chat("q", R"(,"store":true)"))->body()), "own");
  EXPECT_EQ(leases_.takes(), 0u);
}

}  // namespace
}  // namespace reflex::gateway::testing
