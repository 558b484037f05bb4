#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway_world.h"

// One call for many (docs/streams.md).
namespace reflex::gateway::testing {
namespace {

constexpr std::size_t kCallers = 6;

// Callers in turn on both threads, plain and streaming by `form`; all of them have joined when this returns.
std::vector<ExchangePtr> AskAll(GatewayWorld& world, const std::vector<Request>& requests) {
  std::vector<ExchangePtr> exchanges;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    exchanges.push_back(world.Ask(requests[i], i % 2));
    world.Settle(i % 2);
  }
  return exchanges;
}

void Stream(ProviderCall& call, const std::vector<std::string>& words) {
  call.EventHead({{"x-request-id", "req-provider"}});
  for (const std::string& event : AnswerEvents(words, true)) call.Piece(event);
  call.End();
}

TEST(Flight, EqualRequestsOnAllThreadsShareOneCall) {
  GatewayWorld world(2);
  world.Start();
  const auto exchanges = AskAll(world, std::vector<Request>(kCallers, Chat("q")));
  EXPECT_EQ(world.gateway->flights(), 1u);
  world.provider.Next()->Json(200, PlainAnswer("hello"), {{"x-request-id", "req-provider"}, {"set-cookie", "c=1"}});
  for (std::size_t i = 0; i < kCallers; ++i) {
    exchanges[i]->WaitForDone();
    EXPECT_EQ(exchanges[i]->body(), PlainAnswer("hello"));
    EXPECT_EQ(exchanges[i]->Header("X-Reflex-Status"), "miss");
    EXPECT_EQ(exchanges[i]->Header("X-Reflex-Reason"), i == 0 ? "no-entry" : "joined");
    EXPECT_EQ(exchanges[i]->Header("Cache-Status"),
              i == 0 ? "reflex; fwd=miss; fwd-status=200" : "reflex; fwd=miss; fwd-status=200; collapsed");
    EXPECT_EQ(exchanges[i]->Header("X-Reflex-Upstream-Request-Id"), "req-provider");
    EXPECT_EQ(exchanges[i]->Header("X-Request-Id") == "req-provider", i == 0) << "everybody has an id of their own";
    EXPECT_EQ(exchanges[i]->Header("set-cookie").empty(), i != 0);
  }
  EXPECT_EQ(world.provider.calls(), 1u);
  EXPECT_EQ(world.Metric("reflex_joined_requests_total"), kCallers - 1);
  world.WaitForNoFlights();
}

TEST(Flight, PlainAndStreamingCallersShareAStreamedCall) {
  GatewayWorld world(2);
  world.Start();
  const auto exchanges = AskAll(world, {StreamChat("q"), Chat("q"), StreamChat("q"), Chat("q"),
                                        StreamChat("q", R"(,"stream_options":{"include_usage":true})")});
  Stream(*world.provider.Next(), {"hel", "lo"});
  for (const auto& exchange : exchanges) exchange->WaitForDone();
  EXPECT_EQ(world.provider.calls(), 1u);
  for (const std::size_t streaming : {0, 2, 4}) {
    EXPECT_EQ(ContentOf(exchanges[streaming]->body()), "hello");
    EXPECT_EQ(exchanges[streaming]->Header("Content-Type"), "text/event-stream; charset=utf-8");
    EXPECT_EQ(exchanges[streaming]->body().find("usage") != std::string::npos, streaming == 4)
        << "each sees the usage it asked for";
  }
  for (const std::size_t plain : {1, 3}) {
    EXPECT_EQ(ContentOfPlain(exchanges[plain]->body()), "hello");
    EXPECT_EQ(exchanges[plain]->Header("Content-Type"), "application/json");
    EXPECT_TRUE(exchanges[plain]->sent_whole());
  }
}

TEST(Flight, PlainAndStreamingCallersShareAPlainCall) {
  GatewayWorld world(2);
  world.Start();
  const auto exchanges = AskAll(world, {Chat("q"), StreamChat("q"), Chat("q")});
  world.provider.Next()->Json(200, PlainAnswer("hello"));
  for (const auto& exchange : exchanges) exchange->WaitForDone();
  EXPECT_EQ(world.provider.calls(), 1u);
  EXPECT_EQ(ContentOf(exchanges[1]->body()), "hello");
  EXPECT_EQ(DataOf(exchanges[1]->body()).back(), "[DONE]");
  EXPECT_EQ(exchanges[1]->Header("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(exchanges[2]->body(), PlainAnswer("hello"));
}

TEST(Flight, ALateCallerGetsThePrefixAtOnceAndThenGoesLive) {
  GatewayWorld world(2);
  world.Start();
  const auto events = AnswerEvents({"a", "b", "c"}, false);
  const auto first = world.Ask(StreamChat("q"), 0);
  const auto call = world.provider.Next();
  call->EventHead().Piece(events[0]).Piece(events[1]).Piece(events[2]);
  const std::string prefix = events[0] + events[1] + events[2];
  first->WaitForBody(prefix.size());
  const auto late = world.Ask(StreamChat("q"), 1);
  late->WaitForBody(prefix.size());
  EXPECT_EQ(late->body(), prefix);
  call->Piece(events[3]);
  late->WaitForBody(prefix.size() + events[3].size());
  for (std::size_t i = 4; i < events.size(); ++i) call->Piece(events[i]);
  call->End();
  first->WaitForDone();
  late->WaitForDone();
  EXPECT_EQ(first->body(), late->body());
  EXPECT_EQ(world.provider.calls(), 1u);
}

TEST(Flight, TheCallOutlivesTheOneWhoStartedIt) {
  for (const bool head_came : {false, true}) {
    GatewayWorld world(2);
    world.Start();
    const auto exchanges = AskAll(world, {StreamChat("q"), StreamChat("q"), Chat("q")});
    const auto call = world.provider.Next();
    if (head_came) {
      call->EventHead();
      exchanges[1]->WaitForHead();
    }
    exchanges[0]->Leave();
    world.Settle(0);
    if (!head_came) call->EventHead();
    for (const std::string& event : AnswerEvents({"hel", "lo"}, true)) call->Piece(event);
    call->End();
    for (const auto& exchange : exchanges) exchange->WaitForDone();
    EXPECT_EQ(ContentOf(exchanges[1]->body()), "hello");
    EXPECT_EQ(ContentOfPlain(exchanges[2]->body()), "hello");
    EXPECT_EQ(world.Run(Chat("q"), 1)->Header("X-Reflex-Status"), "hit-l1-exact");
    EXPECT_EQ(world.provider.calls(), 1u);
  }
}

TEST(Flight, WhenTheLastCallerLeavesTheCallIsCancelled) {
  for (const bool head_came : {false, true}) {
    GatewayWorld world(2);
    world.Start();
    const auto exchanges = AskAll(world, {StreamChat("q"), StreamChat("q")});
    const auto call = world.provider.Next();
    if (head_came) {
      call->EventHead().Piece(AnswerEvents({}, true)[0]);
      exchanges[1]->WaitForBody(1);
    }
    exchanges[0]->Leave();
    world.Settle(0);
    EXPECT_FALSE(call->cancelled());
    exchanges[1]->Leave();
    EXPECT_TRUE(call->WaitForCancel());
    for (const auto& exchange : exchanges) exchange->WaitForDone();
    world.WaitForNoFlights();
    // A new caller does not join what was given up.
    const auto again = world.Ask(Chat("q"));
    world.provider.Next()->Json(200, PlainAnswer("new"));
    again->WaitForDone();
    EXPECT_EQ(ContentOfPlain(again->body()), "new");
  }
}

TEST(Flight, AnAbandonedCallIsFinishedForTheCacheWhereThatIsSet) {
  GatewayWorld world(2);
  world.options.finish_abandoned = true;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  exchange->Leave();
  Stream(*call, {"hel", "lo"});
  exchange->WaitForDone();
  world.WaitForNoFlights();
  EXPECT_FALSE(call->cancelled());
  EXPECT_EQ(world.Run(Chat("q"), 1)->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST(Flight, ASlowCallerSlowsNobodyAndIsDroppedByTheWriteLimit) {
  GatewayWorld world(2);
  world.Start();
  const auto slow = world.Ask(StreamChat("q"), 0);
  world.Settle(0);
  const auto quick = world.Ask(StreamChat("q"), 1);
  world.Settle(1);
  slow->StopReading();
  const auto call = world.provider.Next();
  Stream(*call, std::vector<std::string>(200, std::string(1000, 'x')));
  quick->WaitForDone();
  EXPECT_EQ(ContentOf(quick->body()).size(), 200'000u);
  slow->WaitForStalledWrite();
  EXPECT_EQ(world.Run(Chat("q"), 1)->Header("X-Reflex-Status"), "hit-l1-exact");
  slow->LetWriteTimeOut();
  slow->WaitForDone();
  EXPECT_FALSE(slow->ended());
}

TEST(Flight, ASlowCallerStillGetsAllOfIt) {
  GatewayWorld world(2);
  world.Start();
  const auto slow = world.Ask(StreamChat("q"), 0);
  world.Settle(0);
  const auto quick = world.Ask(StreamChat("q"), 1);
  world.Settle(1);
  slow->StopReading();
  Stream(*world.provider.Next(), std::vector<std::string>(200, std::string(1000, 'x')));
  quick->WaitForDone();
  slow->GoOnReading();
  slow->WaitForDone();
  EXPECT_EQ(slow->body(), quick->body());
}

TEST(Flight, AnErrorGoesToAllAndNobodyAsksAgain) {
  const std::string error = R"({"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}})";
  GatewayWorld world(2);
  world.Start();
  {
    const auto exchanges = AskAll(world, {Chat("q"), StreamChat("q"), Chat("q"), StreamChat("q")});
    world.provider.Next()->Json(429, error, {{"retry-after", "3"}});
    for (const auto& exchange : exchanges) {
      exchange->WaitForDone();
      EXPECT_EQ(exchange->status(), 429);
      EXPECT_EQ(exchange->body(), error);
      EXPECT_EQ(exchange->Header("retry-after"), "3");
    }
  }
  {
    const auto exchanges = AskAll(world, {StreamChat("q"), Chat("q"), Chat("q")});
    world.provider.Next()->Fail(ErrorCode::kTimeout);
    for (const auto& exchange : exchanges) {
      exchange->WaitForDone();
      EXPECT_EQ(exchange->status(), 504);
      EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "upstream-timeout");
    }
  }
  EXPECT_EQ(world.provider.calls(), 2u);
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

// What differs between requests of one key may be what was refused.
TEST(Flight, ARefusalOfAnotherBodyIsNotHandedOn) {
  const std::string error = R"({"error":{"message":"your organization must be verified to stream","param":"stream"}})";
  GatewayWorld world(2);
  world.Start();
  const auto exchanges = AskAll(world, {StreamChat("q"), Chat("q"), Chat("q", R"(,"user":"u")"), StreamChat("q")});
  const auto shared = world.provider.Next();
  world.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("own")); });
  shared->Json(400, error);
  for (const auto& exchange : exchanges) exchange->WaitForDone();
  for (const std::size_t same : {0, 3}) {
    EXPECT_EQ(exchanges[same]->status(), 400);
    EXPECT_EQ(exchanges[same]->body(), error);
  }
  for (const std::size_t other : {1, 2}) {
    EXPECT_EQ(exchanges[other]->status(), 200);
    EXPECT_EQ(ContentOfPlain(exchanges[other]->body()), "own");
    EXPECT_EQ(exchanges[other]->Header("X-Reflex-Reason"), "failed");
    EXPECT_EQ(exchanges[other]->Header("Cache-Status").find("collapsed"), std::string::npos);
  }
  EXPECT_EQ(world.provider.calls(), 3u);
}

TEST(Flight, WhatIsNotAboutABodyGoesToAll) {
  GatewayWorld world(2);
  world.Start();
  std::size_t calls = 0;
  for (const int status : {401, 403, 404, 429, 500}) {
    const auto exchanges = AskAll(world, {Chat("q"), Chat("q", R"(,"metadata":{"a":"b"})")});
    world.provider.Next()->Json(status, R"({"error":{"message":"x"}})");
    for (const auto& exchange : exchanges) {
      exchange->WaitForDone();
      EXPECT_EQ(exchange->status(), status);
    }
    EXPECT_EQ(world.provider.calls(), ++calls) << status;
  }
}

TEST(Flight, AStreamThatFailsIsAnErrorReplyToItsPlainCallers) {
  GatewayWorld world(2);
  world.Start();
  {
    const auto exchanges = AskAll(world, {StreamChat("q"), Chat("q")});
    world.provider.Next()->EventHead().Piece(AnswerEvents({}, true)[0]).Fail(ErrorCode::kClosed);
    for (const auto& exchange : exchanges) exchange->WaitForDone();
    EXPECT_EQ(exchanges[1]->status(), 502);
    EXPECT_EQ(exchanges[1]->Header("X-Reflex-Reason"), "upstream-truncated");
    EXPECT_NE(exchanges[0]->body().find("upstream_truncated"), std::string::npos);
  }
  {
    const auto exchanges = AskAll(world, {StreamChat("q"), Chat("q")});
    const std::string error = R"({"error":{"message":"overloaded","type":"server_error","param":null,"code":null}})";
    world.provider.Next()->EventHead().Piece("data: " + error + "\n\n").End();
    for (const auto& exchange : exchanges) exchange->WaitForDone();
    EXPECT_EQ(exchanges[1]->status(), 502);
    EXPECT_EQ(exchanges[1]->body(), error) << "the provider's own words";
  }
}

TEST(Flight, NeverJoined) {
  GatewayWorld world(2);
  world.Start();
  const auto first = world.Ask(Chat("q"));
  const auto call = world.provider.Next();
  std::vector<Request> loners = {Chat("q", R"(,"store":true)"), Chat("q", R"(,"service_tier":"flex")")};
  for (const char* directive : {"no-cache", "max-age=0", "no-store"}) {
    loners.push_back(Chat("q"));
    loners.back().headers.emplace_back("cache-control", directive);
  }
  for (std::size_t i = 0; i < loners.size(); ++i) {
    const auto exchange = world.Ask(loners[i], i % 2);
    world.provider.Next()->Json(200, PlainAnswer("own"));
    exchange->WaitForDone();
    EXPECT_EQ(ContentOfPlain(exchange->body()), "own") << i;
    EXPECT_EQ(exchange->Header("Cache-Status").find("collapsed"), std::string::npos);
  }
  call->Json(200, PlainAnswer("first"));
  first->WaitForDone();
  EXPECT_EQ(ContentOfPlain(first->body()), "first");
}

TEST(Flight, APurgeKeepsTheAnswerFromBeingStoredAndLaterCallersFromIt) {
  GatewayWorld world(2);
  world.Start();
  const auto before = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  ASSERT_TRUE(world.cache->Clear());
  const auto after = world.Ask(StreamChat("q"), 1);
  const auto second = world.provider.Next();
  Stream(*call, {"old"});
  before->WaitForDone();
  EXPECT_EQ(ContentOf(before->body()), "old");
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
  Stream(*second, {"new"});
  after->WaitForDone();
  EXPECT_EQ(ContentOf(after->body()), "new");
  EXPECT_EQ(ContentOfPlain(world.Run(Chat("q"))->body()), "new");
}

TEST(Flight, ALargeStreamStopsBeingSharedAndIsRelayedWithBackPressure) {
  GatewayWorld world(2);
  world.options.reply_bytes_max = 100'000;
  world.Start();
  const auto leader = world.Ask(StreamChat("q"), 0);
  const auto call = world.provider.Next();
  call->EventHead();
  const auto events = AnswerEvents(std::vector<std::string>(2000, std::string(1000, 'x')), true);
  leader->StopReading();
  for (const std::string& event : events) call->Piece(event);
  call->End();
  leader->WaitForStalledWrite();
  // The limit, what a relay may run ahead, and what is in the caller's hand.
  call->WaitForPiecesRead(100);
  world.Settle(0);
  world.Settle(0);
  EXPECT_LT(call->pieces_read(), 400u) << "the provider waits for the caller";
  // Nobody joins a relay.
  const auto other = world.Ask(StreamChat("q"), 1);
  Stream(*world.provider.Next(), {"small"});
  other->WaitForDone();
  EXPECT_EQ(ContentOf(other->body()), "small");
  EXPECT_EQ(other->Header("X-Reflex-Reason"), "no-entry");
  leader->GoOnReading();
  leader->WaitForDone();
  EXPECT_EQ(ContentOf(leader->body()).size(), 2'000'000u);
  EXPECT_TRUE(leader->ended());
  EXPECT_EQ(ContentOfPlain(world.Run(Chat("q"))->body()), "small") << "the large one was not stored over it";
}

TEST(Flight, ACallerFarBehindARelayIsCutAndTheOthersGoOn) {
  GatewayWorld world(2);
  world.options.reply_bytes_max = 100'000;
  world.Start();
  const auto exchanges = AskAll(world, {StreamChat("q"), StreamChat("q")});
  exchanges[1]->StopReading();
  const auto call = world.provider.Next();
  const auto events = AnswerEvents(std::vector<std::string>(2000, std::string(1000, 'x')), true);
  call->EventHead().Piece(events[0]).Piece(events[1]);
  exchanges[1]->WaitForStalledWrite();
  for (std::size_t i = 2; i < events.size(); ++i) call->Piece(events[i]);
  call->End();
  exchanges[0]->WaitForDone();
  EXPECT_EQ(ContentOf(exchanges[0]->body()).size(), 2'000'000u);
  exchanges[1]->GoOnReading();
  exchanges[1]->WaitForDone();
  EXPECT_TRUE(exchanges[1]->aborted());
  EXPECT_FALSE(exchanges[1]->ended());
}

TEST(Flight, ALargePlainAnswerIsRelayedToItsPlainCallersAndAskedAgainByStreamingOnes) {
  GatewayWorld world(2);
  world.options.reply_bytes_max = 100'000;
  world.Start();
  const auto exchanges = AskAll(world, {Chat("q"), Chat("q"), StreamChat("q")});
  // Beyond the limit, but no plain caller can fall too far behind the other one.
  const std::string answer = PlainAnswer(std::string(105'000, 'x'));
  const auto call = world.provider.Next();
  world.provider.OnCall([&](ProviderCall& own) {
    EXPECT_EQ(own.body, StreamChat("q").body);
    Stream(own, {"own"});
  });
  call->Head(200, {{"content-type", "application/json"}}, answer.size());
  for (std::size_t at = 0; at < answer.size(); at += 10'000) call->Piece(answer.substr(at, 10'000));
  call->End();
  exchanges[2]->WaitForDone();
  EXPECT_EQ(ContentOf(exchanges[2]->body()), "own");
  EXPECT_EQ(exchanges[2]->Header("X-Reflex-Reason"), "too-large");
  for (const std::size_t plain : {0, 1}) {
    exchanges[plain]->WaitForDone();
    EXPECT_EQ(exchanges[plain]->body(), answer);
    EXPECT_TRUE(exchanges[plain]->ended());
  }
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

// What came can be given to nobody as a stream.
TEST(Flight, AReplyThatHasNoOtherFormIsAskedForAgain) {
  GatewayWorld world(2);
  world.Start();
  const auto exchanges = AskAll(world, {Chat("q"), StreamChat("q")});
  const auto call = world.provider.Next();
  world.provider.OnCall([](ProviderCall& own) {
    EXPECT_EQ(own.body, StreamChat("q").body);
    Stream(own, {"own"});
  });
  call->Json(200, R"({"odd":true})");
  for (const auto& exchange : exchanges) exchange->WaitForDone();
  EXPECT_EQ(exchanges[0]->body(), R"({"odd":true})");
  EXPECT_EQ(ContentOf(exchanges[1]->body()), "own");
  EXPECT_EQ(exchanges[1]->Header("X-Reflex-Reason"), "failed");
}

TEST(Flight, ALargePlainAnswerThatIsCutIsSeenAsCut) {
  GatewayWorld world;
  world.options.reply_bytes_max = 1000;
  world.Start();
  const auto exchange = world.Ask(Chat("q"));
  const auto call = world.provider.Next();
  call->Head(200).Piece(std::string(2000, '{'));
  exchange->WaitForBody(2000);
  call->Fail(ErrorCode::kClosed);
  exchange->WaitForDone();
  EXPECT_TRUE(exchange->aborted());
  EXPECT_FALSE(exchange->ended());
}

TEST(Flight, TheLastCallerOfARelayCancelsItToo) {
  GatewayWorld world;
  world.options.reply_bytes_max = 1000;
  world.options.finish_abandoned = true;  // There is nothing to finish for.
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  call->EventHead();
  exchange->StopReading();
  for (const std::string& event : AnswerEvents(std::vector<std::string>(1000, std::string(1000, 'x')), true)) call->Piece(event);
  exchange->WaitForStalledWrite();
  exchange->Leave();
  EXPECT_TRUE(call->WaitForCancel());
  exchange->WaitForDone();
  world.WaitForNoFlights();
}

TEST(Flight, ARequestThatIsAloneIsCancelledWhenItsClientLeaves) {
  GatewayWorld world;
  world.Start();
  for (const bool head_came : {false, true}) {
    Request request = StreamChat("q");
    request.headers.emplace_back("cache-control", "no-store");
    const auto exchange = world.Ask(request);
    const auto call = world.provider.Next();
    if (head_came) {
      call->EventHead();
      exchange->WaitForHead();
    }
    exchange->Leave();
    EXPECT_TRUE(call->WaitForCancel());
    exchange->WaitForDone();
    world.WaitForNoFlights();
  }
}

}  // namespace
}  // namespace reflex::gateway::testing
