#include <string>
#include <vector>

#include "semantic_world.h"

// Explain and feedback: what a caller is told about a decision, and what a report does.
namespace reflex::gateway::testing {
namespace {

using Feedback = Semantic;

TEST_F(Feedback, WrongSemanticHitNeverMatchesAgain) {
  world_.Start();
  Ask("Capital of France?", {{"x-reflex-namespace", "n"}});
  const auto hit = Ask("capital city", {{"x-reflex-namespace", "n"}});
  const std::string report = R"({"request":")" + hit->Header("X-Request-Id") + R"(","verdict":"wrong"})";
  const auto reply = Call("feedback", report);
  EXPECT_EQ(reply->status(), 200) << reply->body();
  EXPECT_EQ(reply->body(), R"({"verdict":"wrong","hit":"hit-l3-verified","entry":")" + hit->Header("X-Reflex-Entry") +
                               R"(","erased":false,"counted":true})");
  EXPECT_EQ(Of(Ask("capital city", {{"x-reflex-namespace", "n"}})), "miss blocked");
  EXPECT_EQ(Of(Ask("Capital of France?", {{"x-reflex-namespace", "n"}})), "hit-l1-exact");
  // Again: known, but no second label.
  EXPECT_NE(Call("feedback", report)->body().find(R"("counted":false)"), std::string::npos);
  EXPECT_EQ(world_.tier.TakeLabels(), std::vector<std::string>{"report-wrong n"});
}

TEST_F(Feedback, WhatCouldNotBeKeptIsReportedAgain) {
  world_.Start();
  Ask("Capital of France?");
  const auto hit = Ask("capital city");
  const std::string report = R"({"request":")" + hit->Header("X-Request-Id") + R"(","verdict":"wrong"})";
  world_.tier.block_fails = true;
  const auto refused = Call("feedback", report);
  EXPECT_EQ(refused->status(), 503);
  EXPECT_NE(refused->body().find("store_failed"), std::string::npos) << refused->body();
  EXPECT_TRUE(world_.tier.TakeLabels().empty());
  world_.tier.block_fails = false;
  EXPECT_NE(Call("feedback", report)->body().find(R"("counted":true)"), std::string::npos);
  EXPECT_EQ(Of(Ask("capital city")), "miss blocked");
  EXPECT_EQ(world_.tier.TakeLabels(), std::vector<std::string>{"report-wrong "});
  EXPECT_EQ(world_.tier.blocked_canonicals.back(), CanonicalDigest("Capital of France?"));
}

TEST_F(Feedback, WrongAfterRightStillBlocks) {
  world_.Start();
  Ask("Capital of France?");
  const std::string request = Ask("capital city")->Header("X-Request-Id");
  EXPECT_EQ(Call("feedback", R"({"request":")" + request + R"(","verdict":"right"})")->status(), 200);
  EXPECT_NE(Call("feedback", R"({"request":")" + request + R"(","verdict":"wrong"})")->body().find(R"("counted":false)"),
            std::string::npos);
  EXPECT_EQ(Of(Ask("capital city")), "miss blocked");
  EXPECT_EQ(world_.tier.TakeLabels(), std::vector<std::string>{"report-right "});
}

TEST_F(Feedback, APairThatCannotBeJudgedNowIsAskedAboutAgain) {
  world_.Start();
  Ask("Capital of France?");
  const std::string entry = Ask("capital city")->Header("X-Reflex-Entry");
  world_.tier.always_miss = {{SimilarMiss::kTimeout, "", 0, 0}};
  const auto reply =
      Call("feedback", R"({"entry":")" + entry + R"(","body":)" + ChatBody("river of france") + R"(,"verdict":"wrong"})");
  EXPECT_EQ(reply->status(), 503);
  EXPECT_EQ(reply->Header("X-Reflex-Reason"), "busy");
  EXPECT_NE(reply->body().find("time-limit"), std::string::npos) << reply->body();
  EXPECT_TRUE(world_.tier.TakeLabels().empty());
}

TEST_F(Feedback, RightCountsOnceAndOnlyByRequest) {
  world_.Start();
  Ask("Capital of France?");
  const auto hit = Ask("capital city");
  const std::string report = R"({"request":")" + hit->Header("X-Request-Id") + R"(","verdict":"right"})";
  EXPECT_EQ(Call("feedback", report)->status(), 200);
  EXPECT_EQ(Call("feedback", report)->status(), 200);
  const std::string pair =
      R"({"entry":")" + hit->Header("X-Reflex-Entry") + R"(","body":)" + ChatBody("capital city") + R"(,"verdict":"right"})";
  EXPECT_EQ(Call("feedback", pair)->status(), 200);
  EXPECT_EQ(world_.tier.TakeLabels(), std::vector<std::string>{"report-right "});
}

TEST_F(Feedback, WrongExactHitIsErased) {
  world_.Start();
  Ask("Capital of France?");
  const auto hit = Ask("Capital of France?");
  const auto reply = Call("feedback", R"({"request":")" + hit->Header("X-Request-Id") + R"(","verdict":"wrong"})");
  EXPECT_NE(reply->body().find(R"("hit":"hit-l1-exact")"), std::string::npos) << reply->body();
  EXPECT_NE(reply->body().find(R"("erased":true)"), std::string::npos) << reply->body();
  EXPECT_EQ(Of(Ask("Capital of France?", {{"cache-control", "only-if-cached"}, {"x-reflex-tiers", "l1"}})), "miss only-if-cached");
}

TEST_F(Feedback, ReportByEntryAndBody) {
  world_.Start();
  Ask("Capital of France?");
  const std::string entry = Ask("capital city")->Header("X-Reflex-Entry");
  const auto report = [&](std::string_view question) {
    return R"({"entry":")" + entry + R"(","body":)" + ChatBody(question) + R"(,"verdict":"wrong"})";
  };
  EXPECT_EQ(Call("feedback", report("river of france"))->status(), 404);  // Never served to that.
  EXPECT_EQ(Call("feedback", report("capital city"))->status(), 200);
  EXPECT_EQ(Call("feedback", report("capital city"))->status(), 404);  // It matches no more.
  EXPECT_EQ(Of(Ask("capital city")), "miss blocked");
  EXPECT_EQ(Call("feedback", report("Capital of France?"))->status(), 200);  // Its own question: erased.
  EXPECT_EQ(Of(Ask("Capital of France?", {{"x-reflex-tiers", "l1"}})), "miss no-entry");
}

TEST_F(Feedback, FeedbackStaysInsideTheTenant) {
  world_.Start();
  Ask("Capital of France?");
  const auto semantic = Ask("capital city");
  const auto exact = Ask("Capital of France?");
  const auto report_as_other = [&](std::string body) {
    Request request = Chat("q");
    request.target = "/v1/reflex/feedback";
    request.headers[0].second = "Bearer sk-other";
    request.body = std::move(body);
    return world_.Run(std::move(request));
  };
  const auto unknown = report_as_other(R"({"request":"req_00000000000000000000000000000000","verdict":"wrong"})");
  EXPECT_EQ(unknown->status(), 404);
  EXPECT_EQ(unknown->Header("X-Reflex-Reason"), "not-found");
  for (const std::string& body :
       {R"({"request":")" + semantic->Header("X-Request-Id") + R"(","verdict":"wrong"})",
        R"({"request":")" + exact->Header("X-Request-Id") + R"(","verdict":"wrong"})",
        R"({"entry":")" + exact->Header("X-Reflex-Entry") + R"(","body":)" + ChatBody("Capital of France?") +
            R"(,"verdict":"wrong"})",
        R"({"entry":")" + exact->Header("X-Reflex-Entry") + R"(","body":)" + ChatBody("capital city") + R"(,"verdict":"wrong"})"}) {
    const auto reply = report_as_other(body);
    EXPECT_EQ(reply->status(), 404) << body;
    EXPECT_EQ(reply->body(), unknown->body()) << body;
  }
  EXPECT_EQ(Of(Ask("capital city")), "hit-l3-verified");
  EXPECT_EQ(Of(Ask("Capital of France?")), "hit-l1-exact");
  EXPECT_TRUE(world_.tier.TakeLabels().empty());
}

TEST_F(Feedback, BadFeedbackIsRefused) {
  world_.Start();
  for (const char* body :
       {"", "[]", "{}", R"({"verdict":"wrong"})", R"({"request":"r","verdict":"bad"})", R"({"request":1,"verdict":"wrong"})",
        R"({"request":"r","verdict":"wrong","x":1})", R"({"entry":"00","body":{},"verdict":"wrong"})"}) {
    EXPECT_EQ(Call("feedback", body)->status(), 400) << body;
  }
  Request get = Chat("q");
  get.method = "GET";
  get.target = "/v1/reflex/feedback";
  EXPECT_EQ(world_.Run(get)->status(), 405);
}

TEST_F(Feedback, ExactHitsOfEveryThreadCanBeReported) {
  GatewayWorld two(2);
  two.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("a")); });
  two.Start();
  two.Run(Chat("q"), 0);
  const auto hit = two.Run(Chat("q"), 1);
  Request report = Chat("q");
  report.target = "/v1/reflex/feedback";
  report.body = R"({"request":")" + hit->Header("X-Request-Id") + R"(","verdict":"wrong"})";
  EXPECT_EQ(two.Run(report, 0)->status(), 200);
  EXPECT_EQ(Of(two.Run(Chat("q"), 1)), "miss no-entry");
}

TEST_F(Feedback, ExplainShowsTheDecisionAndServesNothing) {
  world_.Start();
  Ask("Capital of France?");
  const int lookups = world_.tier.lookups;
  const auto reply = Call("explain", ChatBody("capital city"));
  EXPECT_EQ(reply->status(), 200);
  EXPECT_EQ(Of(reply), "own");
  const std::string body = reply->body();
  for (const char* part :
       {R"("decision":"hit-l3-verified")", R"("stored":false)", R"("canonical":"capitalcity")", R"("facts":["number 120 s"])",
        R"("threshold":0.8)", R"("scope_entries":1)", R"("question":"Capital of France?")", R"("differences":[])"}) {
    EXPECT_NE(body.find(part), std::string::npos) << part << "\n" << body;
  }
  EXPECT_EQ(world_.tier.lookups, lookups);
  EXPECT_EQ(world_.provider.calls(), 1U);
  EXPECT_NE(Call("explain", ChatBody("Capital of France?"))->body().find(R"("decision":"hit-l1-exact")"), std::string::npos);
  EXPECT_NE(Call("explain", ChatBody("q", R"(,"n":2)"))->body().find(R"("not_semantic":"several-choices")"), std::string::npos);
  EXPECT_NE(Call("explain", ChatBody("q", R"(,"store":true)"))->body().find(R"({"decision":"bypass","reason":"store-true")"),
            std::string::npos);
  EXPECT_EQ(Call("explain", "{")->status(), 400);
}

// Explained, then sent: both say the same.
TEST_F(Feedback, ExplainSaysWhatTheRequestGets) {
  world_.Start();
  const auto same = [&](std::string_view question, std::string_view extra, const Headers& headers) {
    const std::string page = Call("explain", ChatBody(question, extra), headers)->body();
    const auto sent = Run(Chat(question, extra), headers);
    const std::string wanted =
        R"({"decision":")" + sent->Header("X-Reflex-Status") + R"(","reason":")" + sent->Header("X-Reflex-Reason") + R"(",)";
    EXPECT_TRUE(page.starts_with(wanted)) << wanted << "\n" << page;
    return Of(sent);
  };
  EXPECT_EQ(same("Capital of France?", "", {}), "miss no-entry") << "its scope is empty";
  EXPECT_EQ(same("Capital of France?", "", {{"cache-control", "no-cache"}}), "refresh no-cache");
  EXPECT_EQ(same("Capital of France?", "", {{"cache-control", "max-age=0"}}), "refresh no-cache");
  EXPECT_EQ(same("Capital of France?", "", {{"cache-control", "no-store"}}), "bypass no-store");
  EXPECT_EQ(same("q", R"(,"store":true)", {{"cache-control", "no-cache"}}), "bypass store-true");
  EXPECT_EQ(same("q", R"(,"store":true,"web_search_options":{})", {}), "bypass store-true");
  EXPECT_EQ(same("Weather", "", {{"cache-control", "only-if-cached"}}), "miss only-if-cached");
  EXPECT_EQ(same("Weather", "", {{"cache-control", "only-if-cached, no-cache"}}), "miss only-if-cached");
  EXPECT_EQ(same("Weather", "", {{"cache-control", "only-if-cached, no-store"}}), "miss only-if-cached");
  EXPECT_EQ(same("Weather", "", {}), "miss no-candidate");
}

TEST_F(Feedback, ExplainStaysInsideTheTenant) {
  world_.Start();
  Ask("Capital of France?");
  Request request = Chat("capital city");
  request.target = "/v1/reflex/explain";
  request.headers[0].second = "Bearer sk-other";
  const std::string body = world_.Run(request)->body();
  EXPECT_NE(body.find(R"({"decision":"miss")"), std::string::npos) << body;
  EXPECT_EQ(body.find("France"), std::string::npos) << body;
}

}  // namespace
}  // namespace reflex::gateway::testing
