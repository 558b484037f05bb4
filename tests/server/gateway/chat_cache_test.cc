#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway_world.h"

// What a chat request gets from the cache, in either form, and what its headers say about it.
namespace reflex::gateway::testing {
namespace {

void AnswerPlain(ProviderCall& call) {
  call.Json(200, PlainAnswer("hello"), {{"x-request-id", "req-provider"}, {"x-ratelimit-limit-requests", "9"}});
}

void AnswerInTheirForm(ProviderCall& call) {
  if (call.body.find(R"("stream":true)") == std::string::npos) return AnswerPlain(call);
  call.EventHead({{"x-request-id", "req-provider"}});
  const bool usage = call.body.find("include_usage") != std::string::npos;
  for (const std::string& event : AnswerEvents({"hel", "lo"}, usage)) call.Piece(event);
  call.End();
}

TEST(ChatCache, MissGoesUpstreamAsReceivedAndReturnsTheAnswerUnchanged) {
  GatewayWorld world;
  world.provider.OnCall(AnswerPlain);
  world.Start();
  CallPtr call;
  world.provider.OnCall(nullptr);
  const auto exchange = world.Ask(Chat("q"));
  call = world.provider.Next();
  EXPECT_EQ(call->body, ChatBody("q"));
  EXPECT_EQ(call->target, "/v1/chat/completions");
  EXPECT_EQ(call->Header("authorization"), "Bearer sk-test");
  EXPECT_TRUE(call->decode);
  AnswerPlain(*call);
  exchange->WaitForDone();
  EXPECT_EQ(exchange->status(), 200);
  EXPECT_EQ(exchange->body(), PlainAnswer("hello"));
  EXPECT_TRUE(exchange->sent_whole()) << "a small answer is one write";
  EXPECT_EQ(exchange->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "no-entry");
  EXPECT_EQ(exchange->Header("Cache-Status"), "reflex; fwd=miss; fwd-status=200");
  EXPECT_EQ(exchange->Header("X-Request-Id"), "req-provider");
  EXPECT_EQ(exchange->Header("X-Reflex-Upstream-Request-Id"), "req-provider");
  EXPECT_EQ(exchange->Header("x-ratelimit-limit-requests"), "9");
  EXPECT_EQ(exchange->Header("Content-Type"), "application/json");
  EXPECT_EQ(exchange->Header("Age"), "");
}

TEST(ChatCache, HitHasFreshIdentityAndOurHeadersOnly) {
  GatewayWorld world;
  world.provider.OnCall(AnswerPlain);
  world.Start();
  world.Run(Chat("q"));
  world.clock.wall_ms += 2500;
  const auto first = world.Run(Chat("q"));
  const auto second = world.Run(Chat("q"));
  EXPECT_EQ(world.provider.calls(), 1u);
  EXPECT_EQ(first->status(), 200);
  EXPECT_EQ(first->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(first->Header("X-Reflex-Reason"), "");
  EXPECT_EQ(first->Header("Age"), "2");
  EXPECT_EQ(first->Header("X-Reflex-Saved-Tokens"), "in=3;out=5");
  EXPECT_EQ(first->Header("X-Reflex-Upstream-Request-Id"), "req-provider");
  EXPECT_EQ(first->Header("X-Reflex-Entry").size(), 64u);
  EXPECT_TRUE(first->Header("Cache-Status").starts_with("reflex; hit; ttl=86397; key=\"")) << first->Header("Cache-Status");
  EXPECT_EQ(first->Header("x-ratelimit-limit-requests"), "");
  EXPECT_TRUE(first->Header("Content-Type").starts_with("application/json"));
  EXPECT_NE(first->Header("X-Request-Id"), second->Header("X-Request-Id"));
  EXPECT_NE(first->Header("X-Request-Id"), "req-provider");
  EXPECT_NE(first->body(), second->body()) << "each has its own id";
  EXPECT_EQ(first->body().find("chatcmpl-provider"), std::string::npos);
  EXPECT_NE(first->body().find("\"created\":1800000002"), std::string::npos) << first->body();
  EXPECT_EQ(ContentOfPlain(first->body()), "hello");
  EXPECT_NE(first->body().find(R"("usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8})"), std::string::npos);
  EXPECT_TRUE(first->sent_whole());
}

TEST(ChatCache, PlainAnswerIsReplayedAsAStreamWithItsFirstEventAlone) {
  GatewayWorld world;
  world.provider.OnCall(AnswerPlain);
  world.Start();
  world.Run(Chat("q"));
  const auto hit = world.Run(StreamChat("q"));
  EXPECT_EQ(world.provider.calls(), 1u);
  EXPECT_EQ(hit->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(hit->Header("Content-Type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(hit->Header("Cache-Control"), "no-cache");
  EXPECT_EQ(ContentOf(hit->body()), "hello");
  EXPECT_EQ(DataOf(hit->body()).back(), "[DONE]");
  EXPECT_EQ(hit->body().find("usage"), std::string::npos) << "nobody asked for it";
  EXPECT_EQ(hit->writes(), 2u);
  EXPECT_TRUE(hit->ended());
  const auto with_usage = world.Run(StreamChat("q", R"(,"stream_options":{"include_usage":true})"));
  EXPECT_NE(with_usage->body().find(R"("usage":{"prompt_tokens":3)"), std::string::npos);
}

TEST(ChatCache, StreamedAnswerIsFoldedAndServedInBothForms) {
  GatewayWorld world;
  world.provider.OnCall(AnswerInTheirForm);
  world.Start();
  const auto miss = world.Run(StreamChat("q"));
  EXPECT_EQ(miss->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(ContentOf(miss->body()), "hello");
  EXPECT_EQ(DataOf(miss->body()).back(), "[DONE]");
  const auto plain = world.Run(Chat("q"));
  const auto stream = world.Run(StreamChat("q"));
  EXPECT_EQ(world.provider.calls(), 1u);
  EXPECT_EQ(plain->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(ContentOfPlain(plain->body()), "hello");
  EXPECT_EQ(plain->Header("X-Reflex-Saved-Tokens"), "in=3;out=5") << "usage was asked for and kept";
  EXPECT_EQ(ContentOf(stream->body()), "hello");
}

TEST(ChatCache, UsageIsAskedForAndHiddenFromWhoDidNotAsk) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  EXPECT_NE(call->body, StreamChat("q").body);
  EXPECT_NE(call->body.find(R"("include_usage":true)"), std::string::npos);
  AnswerInTheirForm(*call);
  exchange->WaitForDone();
  EXPECT_EQ(exchange->body().find("usage"), std::string::npos) << exchange->body();
  std::string as_without;
  for (const std::string& event : AnswerEvents({"hel", "lo"}, false)) as_without += event;
  EXPECT_EQ(DataOf(exchange->body()), DataOf(as_without));

  const auto asks = world.Ask(StreamChat("other", R"(,"stream_options":{"include_usage":true})"));
  const auto second = world.provider.Next();
  EXPECT_EQ(second->body, StreamChat("other", R"(,"stream_options":{"include_usage":true})").body) << "nothing to add";
  AnswerInTheirForm(*second);
  asks->WaitForDone();
  std::string as_sent;
  for (const std::string& event : AnswerEvents({"hel", "lo"}, true)) as_sent += event;
  EXPECT_EQ(asks->body(), as_sent) << "every event as it came";
}

// A stream whose provider takes no stream_options, and answers without.
void RefuseTheAddedUsage(GatewayWorld& world, std::string_view question) {
  const auto refused = world.Ask(StreamChat(question));
  world.provider.Next()->Json(400, R"({"error":{"message":"Unrecognized request argument: stream_options"}})");
  AnswerInTheirForm(*world.provider.Next());
  refused->WaitForDone();
}

// One address may serve several models.
TEST(ChatCache, ARefusalOfTheAddedUsageIsRememberedForItsModelAlone) {
  GatewayWorld world;
  world.Start();
  RefuseTheAddedUsage(world, "q");

  Request other = StreamChat("q");
  other.body.replace(other.body.find(R"("m")"), 3, R"("n")");
  const auto asks = world.Ask(other);
  const auto call = world.provider.Next();
  EXPECT_NE(call->body.find("include_usage"), std::string::npos);
  AnswerInTheirForm(*call);
  asks->WaitForDone();
  EXPECT_EQ(ContentOf(asks->body()), "hello");

  world.clock.ahead_ns += 3'600'000'000'000;
  const auto later = world.Ask(StreamChat("later"));
  const auto later_call = world.provider.Next();
  EXPECT_NE(later_call->body.find("include_usage"), std::string::npos) << "after an hour";
  AnswerInTheirForm(*later_call);
  later->WaitForDone();
}

TEST(ChatCache, WhoWantsUsageDoesNotJoinAStreamThatIsNotAskedForIt) {
  GatewayWorld world;
  world.Start();
  RefuseTheAddedUsage(world, "first");

  const auto without = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  EXPECT_EQ(call->body, StreamChat("q").body);
  const auto alike = world.Ask(StreamChat("q"));
  const auto with = world.Ask(StreamChat("q", R"(,"stream_options":{"include_usage":true})"));
  const auto own = world.provider.Next();
  const auto plain = world.Ask(Chat("q"));
  world.Settle();
  AnswerInTheirForm(*call);
  AnswerInTheirForm(*own);
  for (const auto& exchange : {without, alike, with, plain}) exchange->WaitForDone();
  EXPECT_EQ(alike->Header("X-Reflex-Reason"), "joined");
  EXPECT_NE(with->body().find("total_tokens"), std::string::npos);
  EXPECT_NE(plain->body().find("total_tokens"), std::string::npos) << "a plain answer has it too";
  EXPECT_EQ(plain->Header("X-Reflex-Reason"), "joined");
  EXPECT_EQ(world.provider.calls(), 4u);
}

TEST(ChatCache, RefusedStreamOptionsAreTriedOnceMoreWithoutAndRemembered) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  world.provider.Next()->Json(400, R"({"error":{"message":"Unrecognized request argument: stream_options"}})");
  const auto again = world.provider.Next();
  EXPECT_EQ(again->body, StreamChat("q").body);
  AnswerInTheirForm(*again);
  exchange->WaitForDone();
  EXPECT_EQ(exchange->status(), 200);
  EXPECT_EQ(ContentOf(exchange->body()), "hello");
  const auto other = world.Ask(StreamChat("other"));
  const auto plain_call = world.provider.Next();
  EXPECT_EQ(plain_call->body, StreamChat("other").body) << "remembered";
  AnswerInTheirForm(*plain_call);
  other->WaitForDone();
  EXPECT_EQ(world.provider.calls(), 3u);
}

TEST(ChatCache, ARefusalOfTheAddedUsageMayHaveAnotherStatusAndAnotherText) {
  for (const int status : {400, 413, 422}) {
    for (const std::string_view named : {"stream_options", "include_usage"}) {
      GatewayWorld world;
      world.Start();
      const auto exchange = world.Ask(StreamChat("q"));
      world.provider.Next()->Json(status,
                                  R"({"detail":[{"type":"extra_forbidden","loc":["body",")" + std::string(named) + R"("]}]})");
      const auto again = world.provider.Next();
      EXPECT_EQ(again->body, StreamChat("q").body);
      AnswerInTheirForm(*again);
      exchange->WaitForDone();
      EXPECT_EQ(exchange->status(), 200) << status;
      EXPECT_EQ(ContentOf(exchange->body()), "hello");
    }
  }
}

TEST(ChatCache, AStatusThatRefusesNoFieldIsNotTriedAgain) {
  GatewayWorld world;
  world.Start();
  const std::string error = R"({"error":{"message":"stream_options"}})";
  std::size_t calls = 0;
  for (const int status : {401, 403, 404, 408, 409, 429, 500, 503}) {
    const auto exchange = world.Ask(StreamChat("q"));
    world.provider.Next()->Json(status, error);
    exchange->WaitForDone();
    EXPECT_EQ(exchange->status(), status);
    EXPECT_EQ(exchange->body(), error);
    EXPECT_EQ(world.provider.calls(), ++calls) << status;
  }
}

// Providers repeat to a client what is wrong with its request: that is no reason to ask nobody's stream for usage any more.
TEST(ChatCache, ARefusalOfTheClientsOwnRequestIsNotRemembered) {
  GatewayWorld world;
  world.Start();
  const std::string error = R"({"error":{"message":"bad request: {\"x\":1,\"stream_options\":{}}"}})";
  const auto exchange = world.Ask(StreamChat("q"));
  world.provider.Next()->Json(400, error);
  world.provider.Next()->Json(400, error);  // The body as received is no better.
  exchange->WaitForDone();
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(exchange->body(), error);

  // Nor is one remembered that may be about what the client itself put there.
  const std::string_view own = R"(,"stream_options":{"include_obfuscation":false})";
  const auto obfuscation = world.Ask(StreamChat("own", own));
  world.provider.Next()->Json(400, error);
  const auto as_received = world.provider.Next();
  EXPECT_EQ(as_received->body, StreamChat("own", own).body);
  AnswerInTheirForm(*as_received);
  obfuscation->WaitForDone();
  EXPECT_EQ(obfuscation->status(), 200);

  const auto other = world.Ask(StreamChat("other"));
  const auto call = world.provider.Next();
  EXPECT_NE(call->body.find(R"("include_usage":true)"), std::string::npos) << "still asked for";
  AnswerInTheirForm(*call);
  other->WaitForDone();
  EXPECT_EQ(world.Run(Chat("other"))->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST(ChatCache, Another400IsNotTriedAgain) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const std::string error = R"({"error":{"message":"context too long","type":"invalid_request_error","param":null,"code":"x"}})";
  world.provider.Next()->Json(400, error);
  exchange->WaitForDone();
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(exchange->body(), error);
  EXPECT_EQ(world.provider.calls(), 1u);
}

TEST(ChatCache, AnswerIsInMemoryBeforeItsLastByteLeaves) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  call->EventHead();
  for (const std::string& event : AnswerEvents({"hel", "lo"}, true)) call->Piece(event);
  call->End();
  exchange->WaitForText("[DONE]");
  EXPECT_EQ(world.cache->Stats().memory_entries, 1u);
  exchange->WaitForDone();
}

TEST(ChatCache, DoneDoesNotWaitLongForAProviderThatDoesNotEnd) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  call->EventHead();
  for (const std::string& event : AnswerEvents({"hel", "lo"}, true)) call->Piece(event);
  exchange->WaitForText("[DONE]");
  EXPECT_FALSE(exchange->ended());
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
  call->End();
  exchange->WaitForDone();
  EXPECT_TRUE(exchange->ended());
  EXPECT_EQ(world.cache->Stats().memory_entries, 1u);
}

TEST(ChatCache, EachEventLeavesAtOnceWithItsComments) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask(StreamChat("q"));
  const auto call = world.provider.Next();
  call->EventHead();
  exchange->WaitForHead();
  EXPECT_EQ(exchange->status(), 200) << "the head does not wait for an event";
  call->Piece(": keep-alive\n\n");
  exchange->WaitForText(": keep-alive\n\n");
  std::string sent = ": keep-alive\n\n";
  for (const std::string& event : AnswerEvents({"a", "b", "c"}, false)) {
    call->Piece(event.substr(0, event.size() / 2));
    call->Piece(event.substr(event.size() / 2));
    sent += event;
    if (event.find("[DONE]") == std::string::npos) exchange->WaitForBody(sent.size());
  }
  call->End();
  exchange->WaitForDone();
  EXPECT_EQ(exchange->body(), sent);
}

TEST(ChatCache, AStreamAnsweredWithJsonIsPassedAsItIsAndNotStored) {
  GatewayWorld world;
  world.provider.OnCall(AnswerPlain);
  world.Start();
  const auto exchange = world.Run(StreamChat("q"));
  EXPECT_EQ(exchange->body(), PlainAnswer("hello"));
  EXPECT_EQ(exchange->Header("Content-Type"), "application/json");
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatCache, LargeBodiesAreReadOnThePoolToTheSameKey) {
  GatewayWorld world;
  world.options.parse_in_place_bytes_max = 1000;
  world.provider.OnCall(AnswerPlain);
  world.Start();
  const std::string question(2000, 'x');
  EXPECT_EQ(world.Run(Chat(question))->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(world.Run(Chat(question))->Header("X-Reflex-Status"), "hit-l1-exact");
  Request spaced = Chat(question);
  spaced.body.insert(1, "  ");
  EXPECT_EQ(world.Run(spaced)->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST(ChatCache, PathWithAndWithoutV1IsTheSameQuestion) {
  GatewayWorld world;
  world.provider.OnCall(AnswerPlain);
  world.Start();
  world.Run(Chat("q"));
  Request bare = Chat("q");
  bare.target = "/chat/completions";
  EXPECT_EQ(world.Run(bare)->Header("X-Reflex-Status"), "hit-l1-exact");
}

// Every part of the key that is not in the body, one at a time.
TEST(ChatCache, WhatSelectsBehaviourIsInTheKey) {
  GatewayWorld world;
  world.options.key_headers = {"X-Experiment"};
  world.provider.OnCall(AnswerPlain);
  world.Start();
  world.Run(Chat("q"));
  const std::vector<std::pair<std::string, std::string>> different = {{"OpenAI-Beta", "assistants=v2"},
                                                                      {"anthropic-beta", "b1"},
                                                                      {"X-Experiment", "1"},
                                                                      {"X-Experiment", ""},
                                                                      {"X-Reflex-Namespace", "n"},
                                                                      {"OpenAI-Organization", "org"},
                                                                      {"OpenAI-Project", "p"},
                                                                      {"x-api-key", "k"},
                                                                      {"Cookie", "c=1"}};
  for (const auto& header : different) {
    Request request = Chat("q");
    request.headers.push_back(header);
    EXPECT_EQ(world.Run(request)->Header("X-Reflex-Status"), "miss") << header.first;
    EXPECT_EQ(world.Run(request)->Header("X-Reflex-Status"), "hit-l1-exact") << header.first;
  }
  for (const std::string target : {"/v1/chat/completions?api-version=1", "/v1/chat/completions?key=abc"}) {
    Request request = Chat("q");
    request.target = target;
    EXPECT_EQ(world.Run(request)->Header("X-Reflex-Status"), "miss") << target;
    EXPECT_EQ(world.Run(request)->Header("X-Reflex-Status"), "hit-l1-exact") << target;
  }
  for (const auto& header : std::vector<std::pair<std::string, std::string>>{{"User-Agent", "x"},
                                                                             {"X-Stainless-Retry-Count", "1"},
                                                                             {"traceparent", "x"},
                                                                             {"Accept", "*/*"},
                                                                             {"Idempotency-Key", "1"}}) {
    Request request = Chat("q");
    request.headers.push_back(header);
    EXPECT_EQ(world.Run(request)->Header("X-Reflex-Status"), "hit-l1-exact") << header.first;
  }
}

TEST(ChatCache, AnotherBaseUrlIsAnotherKey) {
  // One store behind two gateways would mix answers of two providers otherwise: the entries' names differ.
  std::vector<std::string> entries;
  for (const std::string base : {"https://a.test/v1", "https://b.test/v1", "https://a.test/v2"}) {
    GatewayWorld world;
    world.provider.table.openai = http::ParseBaseUrl(base).value();
    world.provider.OnCall(AnswerPlain);
    world.Start();
    world.Run(Chat("q"));
    entries.push_back(world.Run(Chat("q"))->Header("X-Reflex-Entry"));
  }
  EXPECT_NE(entries[0], entries[1]);
  EXPECT_NE(entries[0], entries[2]);
}

}  // namespace
}  // namespace reflex::gateway::testing
