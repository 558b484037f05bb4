#include "remote/http_reranker.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/provider.h"
#include "server/remote/remote_world.h"
#include "wire/json.h"

namespace reflex::remote {
namespace {

using fakes::Always;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;

// Scores a pair by its query: "b" first gives the second score. Answers in the form of its kind, best first.
struct RerankServer {
  RerankServer(RerankForm form, std::string first, std::string second)
      : provider([this, form, first, second](Peer& peer) {
          while (const auto request = peer.ReadRequest()) {
            wire::json::Document document;
            EXPECT_EQ(document.Parse(request->body), "");
            const bool tei = form == RerankForm::kTei;
            const auto texts = document.root().Find(tei ? "texts" : "documents");
            const std::string& score = document.root().Find("query").text() == "b" ? second : first;
            std::string list;
            for (std::size_t i = texts.size(); i-- > 0;) {
              list += (list.empty() ? "" : ",") + std::string(R"({"index":)") + std::to_string(i) +
                      (tei ? R"(,"score":)" : R"(,"relevance_score":)") + score + "}";
            }
            {
              std::lock_guard lock(mutex);
              bodies.push_back(request->body);
            }
            if (!peer.Send(Ok(tei ? "[" + list + "]" : R"({"id":"x","results":[)" + list + "]}"))) return;
          }
        }) {}
  std::mutex mutex;
  std::vector<std::string> bodies;
  Provider provider;
};

HttpRerankerOptions With(RerankForm form, ScoreScale scores) {
  HttpRerankerOptions options;
  options.form = form;
  options.scores = scores;
  options.model = "r";
  options.time_limit = kPatience;
  return options;
}

TEST(HttpReranker, BothOrdersAreAskedAndTheMeanOfTheirLogitsIsTheScore) {
  RerankServer server(RerankForm::kDocuments, "0.9", "0.5");
  RemoteWorld world;
  const auto service = world.Open(server.provider.url(), {.name = "reranker"});
  const auto opened = HttpReranker::Open(With(RerankForm::kDocuments, ScoreScale::kProbability), *service, kPatience);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  const auto score = (*opened)->Score("a", "b", kPatience);
  ASSERT_TRUE(score.has_value()) << score.error().message;
  EXPECT_NEAR(*score, std::log(0.9 / 0.1) / 2, 1e-5);
  std::lock_guard lock(server.mutex);
  const auto sent = [&](const std::string& body) { return std::ranges::count(server.bodies, body) == 1; };
  EXPECT_TRUE(sent(R"({"model":"r","query":"a","documents":["b"],"top_n":1})"));
  EXPECT_TRUE(sent(R"({"model":"r","query":"b","documents":["a"],"top_n":1})"));
}

TEST(HttpReranker, SpeaksTeiWithRawScores) {
  RerankServer server(RerankForm::kTei, "-3.5", "4.5");
  RemoteWorld world;
  const auto service = world.Open(server.provider.url(), {.name = "reranker"});
  const auto opened = HttpReranker::Open(With(RerankForm::kTei, ScoreScale::kLogit), *service, kPatience);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_NEAR((*opened)->Score("a", "b", kPatience).value(), 0.5, 1e-6);
  std::lock_guard lock(server.mutex);
  EXPECT_EQ(std::ranges::count(server.bodies, R"({"query":"a","texts":["b"],"raw_scores":true,"truncate":false})"), 1);
}

TEST(HttpReranker, RawScoresTakenForProbabilitiesStopTheStart) {
  RerankServer server(RerankForm::kDocuments, "7.25", "-2");
  RemoteWorld world;
  const auto service = world.Open(server.provider.url(), {.name = "reranker"});
  const auto opened = HttpReranker::Open(With(RerankForm::kDocuments, ScoreScale::kProbability), *service, kPatience);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("7.25 is no probability; allowed: reranker.scores = \"logit\""), std::string::npos)
      << opened.error().message;
}

TEST(HttpReranker, AServiceThatIsAwayIsNoErrorAtStartAndAMissLater) {
  RemoteWorld world;
  const auto service = world.Open("http://127.0.0.1:" + std::to_string(fakes::UnusedPort()), {.name = "reranker"});
  const auto opened = HttpReranker::Open(With(RerankForm::kTei, ScoreScale::kLogit), *service, kPatience);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ((*opened)->Score("a", "b", kPatience).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ((*opened)->Score("a", "\xFF", kPatience).error().code, ErrorCode::kInvalidArgument);
}

TEST(HttpReranker, ASlowServiceIsATimeout) {
  Provider provider([](Peer& peer) { peer.AwaitClose(); });
  RemoteWorld world;
  const auto service = world.Open(provider.url(), {.name = "reranker"});
  const auto opened = HttpReranker::Open(With(RerankForm::kTei, ScoreScale::kLogit), *service, std::chrono::milliseconds(20));
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ((*opened)->Score("a", "b", std::chrono::milliseconds(20)).error().code, ErrorCode::kTimeout);
}

TEST(ReadScores, MapsByIndexAndBelievesNoWrongAnswer) {
  const auto logits = [](const std::string& body) { return ReadScores(ScoreScale::kLogit, body, 2); };
  const std::vector<float> expected{1.5, -2};
  EXPECT_EQ(logits(R"([{"index":1,"score":-2},{"index":0,"score":1.5,"text":"x"}])").value(), expected);
  EXPECT_EQ(
      logits(R"({"results":[{"index":1,"relevance_score":-2},{"index":0,"relevance_score":1.5,"document":{"text":"x"}}]})").value(),
      expected);
  for (const char* wrong :
       {"", "7", "{}", R"({"results":{}})", "[]", R"([{"index":0,"score":1}])", R"([{"index":0,"score":1},{"index":0,"score":1}])",
        R"([{"index":0,"score":1},{"index":2,"score":1}])", R"([{"index":0,"score":1},{"score":1}])",
        R"([{"index":0,"score":1},{"index":1}])", R"([{"index":0,"score":1},{"index":1,"score":null}])",
        R"([{"index":0,"score":1},{"index":1,"score":1e99}])", R"([{"index":0,"score":1},{"index":1.5,"score":1}])"}) {
    const auto read = logits(wrong);
    ASSERT_FALSE(read.has_value()) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::kProtocol) << wrong;
  }
  const auto probability = [](const std::string& p) {
    return ReadScores(ScoreScale::kProbability, R"([{"index":0,"score":)" + p + "}]", 1);
  };
  EXPECT_NEAR(probability("0.5")->front(), 0, 1e-6);
  EXPECT_GT(probability("1")->front(), 20);
  EXPECT_LT(probability("0")->front(), -20);
  EXPECT_FALSE(probability("1.01").has_value());
  EXPECT_FALSE(probability("-0.01").has_value());
  EXPECT_FALSE(RerankFormFromName("cohere").has_value());
  EXPECT_FALSE(ScoreScaleFromName("percent").has_value());
}

}  // namespace
}  // namespace reflex::remote
