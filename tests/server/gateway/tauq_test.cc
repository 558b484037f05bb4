#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway_world.h"
#include "semantic_world.h"
#include "wire/chat_tauq.h"
#include "wire/json.h"
#include "wire/tauq.h"

// Answers as Tauq: who gets them, and that nobody else notices.
namespace reflex::gateway::testing {
namespace {

constexpr std::string_view kQuestion = "What is the answer?";

Request Asking(Request request, Headers headers = {{"X-Reflex-Format", "tauq"}}) {
  for (auto& header : headers) request.headers.push_back(std::move(header));
  return request;
}

// The JSON that the content of a reply stands for.
std::string Unwrapped(const std::string& reply) {
  wire::json::Document document;
  EXPECT_EQ(document.Parse(reply), "") << reply;
  std::string_view content;
  for (const auto choice : document.root().Find("choices").elements()) content = choice.Find("message").Find("content").text();
  const auto json = wire::tauq::Decode(content);
  EXPECT_TRUE(json.has_value()) << reply << ": " << (json ? "" : json.error().message);
  return json.value_or("");
}

class Tauq : public ::testing::Test {
 protected:
  Tauq() {
    world_.provider.OnCall([](ProviderCall& call) {
      if (call.body.find(R"("stream":true)") == std::string::npos) return call.Json(200, PlainAnswer("hello"));
      call.EventHead();
      for (std::string& event : AnswerEvents({"hel", "lo"}, true)) call.Piece(std::move(event));
      call.End();
    });
  }

  GatewayWorld world_;
};

TEST_F(Tauq, ContentIsTheQuestionAndTheAnswerOfTheCallersOwnCall) {
  world_.Start();
  const auto miss = world_.Run(Asking(Chat(kQuestion)));
  EXPECT_EQ(miss->Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(miss->Header("X-Reflex-Format"), "tauq");
  EXPECT_EQ(miss->Header("Content-Type"), "application/json");
  EXPECT_EQ(Unwrapped(miss->body()), R"({"semantic_request":"What is the answer?","response":)" + PlainAnswer("hello") + "}");
  // All but the content is as the provider sent it.
  const std::string body = miss->body();
  wire::json::Document document;
  ASSERT_EQ(document.Parse(body), "");
  const auto content = (*document.root().Find("choices").elements().begin()).Find("message").Find("content");
  EXPECT_EQ(body.substr(0, content.begin()) + "\"hello\"" + body.substr(content.end()), PlainAnswer("hello"));
}

TEST_F(Tauq, HitsHaveNoQuestionAndTheReplysOwnIdentity) {
  world_.Start();
  world_.Run(Asking(Chat(kQuestion)));
  const auto hit = world_.Run(Asking(Chat(kQuestion)));
  EXPECT_EQ(hit->Header("X-Reflex-Status"), "hit-l1-exact");
  EXPECT_EQ(hit->Header("X-Reflex-Format"), "tauq");
  const std::string json = Unwrapped(hit->body());
  EXPECT_TRUE(json.starts_with(R"({"response":{"id":"chatcmpl-)")) << json;
  EXPECT_EQ(json.find("What is"), std::string::npos) << json;
  const std::string id = json.substr(json.find("chatcmpl-"), 20);
  EXPECT_EQ(hit->body().find(id), hit->body().find("chatcmpl-")) << "the reply's id is the answer's";
}

TEST_F(Tauq, OtherCallersAndTheStoredEntryAreNotTouched) {
  world_.Start();
  world_.Run(Asking(Chat(kQuestion)));
  const auto plain = world_.Run(Chat(kQuestion));
  EXPECT_EQ(plain->Header("X-Reflex-Status"), "hit-l1-exact") << "the format is no part of the key";
  EXPECT_EQ(plain->Header("X-Reflex-Format"), "");
  EXPECT_EQ(ContentOfPlain(plain->body()), "hello");
  const auto json = world_.Run(Asking(Chat(kQuestion), {{"X-Reflex-Format", "JSON"}}));
  EXPECT_EQ(json->Header("X-Reflex-Format"), "json");
  EXPECT_EQ(ContentOfPlain(json->body()), "hello");
  EXPECT_EQ(ContentOf(world_.Run(StreamChat(kQuestion))->body()), "hello");
  EXPECT_EQ(world_.provider.calls(), 1u);
}

TEST_F(Tauq, CallersOfOneCallGetEachTheirForm) {
  world_.provider.OnCall(nullptr);
  world_.Start();
  const auto first = world_.Ask(Chat(kQuestion));
  const CallPtr call = world_.provider.Next();
  const auto joined = world_.Ask(Asking(Chat(kQuestion)));
  world_.Settle();
  call->Json(200, PlainAnswer("hello"));
  first->WaitForDone();
  joined->WaitForDone();
  EXPECT_EQ(first->body(), PlainAnswer("hello"));
  EXPECT_EQ(joined->Header("X-Reflex-Reason"), "joined");
  EXPECT_EQ(Unwrapped(joined->body()), R"({"response":)" + PlainAnswer("hello") + "}") << "another caller's call: no question";
}

TEST_F(Tauq, AStreamedAnswerIsFoldedFirst) {
  world_.provider.OnCall(nullptr);
  world_.Start();
  const auto stream = world_.Ask(StreamChat(kQuestion));
  const CallPtr call = world_.provider.Next();
  const auto joined = world_.Ask(Asking(Chat(kQuestion)));
  world_.Settle();
  call->EventHead();
  for (std::string& event : AnswerEvents({"hel", "lo"}, true)) call->Piece(std::move(event));
  call->End();
  stream->WaitForDone();
  joined->WaitForDone();
  EXPECT_EQ(ContentOf(stream->body()), "hello");
  EXPECT_EQ(joined->Header("X-Reflex-Format"), "tauq");
  EXPECT_NE(Unwrapped(joined->body()).find(R"("content":"hello")"), std::string::npos);
}

TEST_F(Tauq, NeverForStreamsToolsStructuredOutputOrSeveralChoices) {
  world_.Start();
  const auto stream = world_.Run(Asking(StreamChat(kQuestion)));
  EXPECT_EQ(ContentOf(stream->body()), "hello");
  EXPECT_EQ(stream->Header("X-Reflex-Format"), "json");
  EXPECT_EQ(world_.Run(Asking(StreamChat(kQuestion)))->Header("X-Reflex-Format"), "json") << "a hit";
  for (const char* extra : {R"(,"tools":[{"type":"function","function":{"name":"f"}}])", R"(,"functions":[{"name":"f"}])",
                            R"(,"n":2)", R"(,"response_format":{"type":"json_object"})",
                            R"(,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{}}})"}) {
    for (int i = 0; i < 2; ++i) {
      const auto reply = world_.Run(Asking(Chat(kQuestion, extra)));
      EXPECT_EQ(ContentOfPlain(reply->body()), "hello") << extra;
      EXPECT_EQ(reply->Header("X-Reflex-Format"), "json") << extra;
    }
  }
  Request used = Asking(Chat(kQuestion));
  used.body = R"({"model":"m","messages":[{"role":"user","content":"q"},{"role":"tool","tool_call_id":"1","content":"5"}]})";
  EXPECT_EQ(world_.Run(used)->Header("X-Reflex-Format"), "json");
  EXPECT_EQ(world_.Run(Asking(Chat(kQuestion, R"(,"response_format":{"type":"text"})")))->Header("X-Reflex-Format"), "tauq");
}

TEST_F(Tauq, AnswersWithoutATextAndErrorsStayAsTheyAre) {
  const std::string refusal =
      R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"no"},"finish_reason":"stop"}]})";
  world_.provider.OnCall([&](ProviderCall& call) { call.Json(200, refusal); });
  world_.Start();
  const auto refused = world_.Run(Asking(Chat("a")));
  EXPECT_EQ(refused->body(), refusal);
  EXPECT_EQ(refused->Header("X-Reflex-Format"), "json");
  world_.provider.OnCall([](ProviderCall& call) { call.Json(429, R"({"error":{"message":"slow down"}})"); });
  const auto failed = world_.Run(Asking(Chat("b")));
  EXPECT_EQ(failed->status(), 429);
  EXPECT_EQ(failed->body(), R"({"error":{"message":"slow down"}})");
  EXPECT_EQ(failed->Header("X-Reflex-Format"), "json");
}

TEST_F(Tauq, WhatIsNotCachedIsRelayedAsItIs) {
  world_.Start();
  const auto reply = world_.Run(Asking(Chat(kQuestion), {{"X-Reflex-Format", "tauq"}, {"Cache-Control", "no-store"}}));
  EXPECT_EQ(reply->Header("X-Reflex-Status"), "bypass");
  EXPECT_EQ(reply->Header("X-Reflex-Format"), "json");
  EXPECT_EQ(reply->body(), PlainAnswer("hello"));
}

TEST_F(Tauq, AcceptAsksAsWell) {
  world_.Start();
  const auto accepted = world_.Run(Asking(Chat("a"), {{"Accept", "application/json;q=0.5, Application/vnd.reflex+TAUQ; q=1"}}));
  EXPECT_EQ(accepted->Header("X-Reflex-Format"), "tauq");
  const auto refused = world_.Run(Asking(Chat("a"), {{"Accept", "application/vnd.reflex+tauq;q=0.0, */*"}}));
  EXPECT_EQ(refused->Header("X-Reflex-Format"), "");
  const auto overruled =
      world_.Run(Asking(Chat("a"), {{"Accept", std::string(wire::kTauqMediaType)}, {"X-Reflex-Format", "json"}}));
  EXPECT_EQ(overruled->Header("X-Reflex-Format"), "json");
}

TEST_F(Tauq, NoTransformForbidsIt) {
  world_.Start();
  const auto reply = world_.Run(Asking(Chat("a"), {{"X-Reflex-Format", "tauq"}, {"Cache-Control", "no-transform"}}));
  EXPECT_EQ(reply->body(), PlainAnswer("hello"));
  EXPECT_EQ(reply->Header("X-Reflex-Format"), "json");
}

TEST_F(Tauq, TheSettingSwitchesItOff) {
  world_.options.tauq = TauqUse::kOff;
  world_.Start();
  const auto refused = world_.Run(Asking(Chat("a")));
  EXPECT_EQ(refused->status(), 400);
  EXPECT_NE(refused->body().find("allowed is json: the setting format.tauq is off"), std::string::npos) << refused->body();
  const auto accept = world_.Run(Asking(Chat("a"), {{"Accept", std::string(wire::kTauqMediaType)}}));
  EXPECT_EQ(accept->body(), PlainAnswer("hello"));
  EXPECT_EQ(accept->Header("X-Reflex-Format"), "json");
}

TEST_F(Tauq, TheSettingForcesItForThoseWhoMigrate) {
  world_.options.tauq = TauqUse::kAlways;
  world_.Start();
  const auto forced = world_.Run(Chat("a"));
  EXPECT_EQ(forced->Header("X-Reflex-Format"), "tauq");
  EXPECT_NE(Unwrapped(forced->body()).find(R"("semantic_request":"a")"), std::string::npos);
  const auto json = world_.Run(Asking(Chat("a"), {{"X-Reflex-Format", "json"}}));
  EXPECT_EQ(ContentOfPlain(json->body()), "hello");
  EXPECT_EQ(ContentOf(world_.Run(StreamChat("a"))->body()), "hello");
  EXPECT_EQ(world_.Run(Chat("a", R"(,"response_format":{"type":"json_object"})"))->body(), PlainAnswer("hello"));
}

TEST_F(Tauq, LargeAnswersAreEncodedBesideTheThread) {
  world_.options.parse_in_place_bytes_max = 16;
  world_.Start();
  const auto miss = world_.Run(Asking(Chat(kQuestion)));
  EXPECT_NE(Unwrapped(miss->body()).find(R"("semantic_request":"What is)"), std::string::npos);
  EXPECT_EQ(world_.Run(Asking(Chat(kQuestion)))->Header("X-Reflex-Format"), "tauq");
}

TEST_F(Semantic, TauqOfAHitInOtherWordsShowsNobodysQuestion) {
  world_.Start();
  Ask("Capital of France?");
  const auto hit = Ask("capital of france", {{"X-Reflex-Format", "tauq"}});
  EXPECT_EQ(Of(hit), "hit-l2-canonical");
  EXPECT_EQ(hit->Header("X-Reflex-Format"), "tauq");
  const std::string json = Unwrapped(hit->body());
  EXPECT_NE(json.find(R"("content":"answer 1")"), std::string::npos) << json;
  EXPECT_EQ(json.find("semantic_request"), std::string::npos) << json;
  EXPECT_EQ(json.find("rance"), std::string::npos) << json;
}

}  // namespace
}  // namespace reflex::gateway::testing
