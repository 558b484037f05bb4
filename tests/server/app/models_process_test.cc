// The program with models in files: the small ones of the inference room's tests, whose weights are random.
#include "app/models.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/gguf_embedder.h"
#include "server/app/process.h"

namespace reflex::test {
namespace {

constexpr const char* kEmbedder = FIXTURES "/bert-embed.gguf";
constexpr const char* kCrossEncoder = FIXTURES "/bert-rerank.gguf";

// What the verifier leaves open, most of it: other words, no fact that differs.
constexpr std::pair<const char*, const char*> kOpenPairs[] = {
    {"How do I reset my password?", "What should I do when I forgot my password?"},
    {"Why is the sky blue?", "What makes the sky look blue?"},
    {"How do I boil an egg?", "What is the best way to cook eggs?"},
    {"How does a refrigerator work?", "What is the principle behind a fridge?"},
    {"What causes inflation?", "Why do prices rise over time?"},
    {"How do I merge two branches in git?", "How can I combine branches with git?"},
    {"How do vaccines work?", "What do vaccines do in the body?"},
    {"How do I learn to play the guitar?", "What helps a beginner to play guitar well?"},
};

class ModelFilesProcess : public testing::Test {
 protected:
  void SetUp() override {
    if (!inference::HasLlama()) GTEST_SKIP() << "built without llama.cpp";
  }

  // The report of `eval pairs` over kOpenPairs.
  std::string Judge(std::vector<std::string> further) {
    std::string pairs;
    for (const auto& [a, b] : kOpenPairs) {
      pairs += R"({"id":")" + std::string(a) + R"(","a":")" + a + R"(","b":")" + b + "\"}\n";
    }
    WriteText(folder_ / "pairs", pairs);
    std::vector<std::string> arguments = {"eval", "pairs", (folder_ / "pairs").string(), "--json"};
    arguments.insert(arguments.end(), further.begin(), further.end());
    const Finished run = RunProgram(arguments);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(run.err, "");
    return run.out;
  }
  static int HitsIn(const std::string& report) {
    constexpr std::string_view kKey = "\"hits\":{\"k\":";
    const std::size_t at = report.find(kKey);
    EXPECT_NE(at, std::string::npos) << report;
    return at == std::string::npos ? -1 : std::stoi(report.substr(at + kKey.size()));
  }
  static Reply Chat(const Served& served, const std::string& question) {
    return Ask(served.port(), "POST", kChatPath, kChatHeaders,
               R"({"model":"m","messages":[{"role":"user","content":")" + question + R"("}]})");
  }

  // How many of kOpenPairs a serving Reflex answers from another's answer.
  int HitsServed(const Process::Environment& environment) {
    const TempFolder folder;
    Provider provider;
    const Served served(folder, {"--upstream", provider.url(), "--semantic-time-limit", "20s"}, environment);
    EXPECT_TRUE(Mentions(Ask(served.port(), "GET", "/ready").body, R"("status":"ready")"));
    for (const auto& pair : kOpenPairs) EXPECT_EQ(Chat(served, pair.first).status, 200);
    int hits = 0;
    for (const auto& pair : kOpenPairs) hits += Mentions(Chat(served, pair.second).head, "hit-l3-verified") ? 1 : 0;
    return hits;
  }

  TempFolder folder_;
};

TEST_F(ModelFilesProcess, CheckSaysWhatAFileIs) {
  const Finished embedder = RunProgram({"models", "check", kEmbedder});
  EXPECT_EQ(embedder.status, 0) << embedder.err;
  for (const char* part : {"embedder (model.path)", "fixture-bert", "mean", "\ndimension       32\n", "\nwindow, pieces  64\n"}) {
    EXPECT_TRUE(Mentions(embedder.out, part)) << "no " << part << " in: " << embedder.out;
  }
  const Finished scorer = RunProgram({"models", "check", kCrossEncoder, "--json"});
  EXPECT_EQ(scorer.status, 0) << scorer.err;
  EXPECT_TRUE(Mentions(scorer.out, "\"use\":\"pair scorer (reranker.path)\",\"architecture\":\"bert\"")) << scorer.out;
  EXPECT_TRUE(Mentions(scorer.out, R"("pooling":"rank")")) << scorer.out;
  const Finished damaged = RunProgram({"models", "check", FIXTURES "/repeated-piece.gguf"});
  EXPECT_EQ(damaged.status, 2);
  EXPECT_TRUE(Mentions(damaged.err, "twice")) << damaged.err;
}

TEST_F(ModelFilesProcess, ATrialIsJudgedWithTheFileOfTheCommandLine) {
  EXPECT_TRUE(Mentions(Judge({}), R"("embedder":"static-minilm-128-v1")"));
  const std::string report = Judge({"--model", kEmbedder});
  EXPECT_TRUE(Mentions(report, R"("embedder":"gguf-)") && Mentions(report, R"(-mean")")) << report;
}

// The cross-encoder's word means nothing here; what becomes of it is the calibration's.
TEST_F(ModelFilesProcess, TheCalibrationDecidesWhatTheCrossEncodersScoreMeans) {
  const int without = HitsIn(Judge({}));
  const int never = HitsIn(Judge({"--reranker", kCrossEncoder, "--reranker-offset", "-1000"}));
  const int always = HitsIn(Judge({"--reranker", kCrossEncoder, "--reranker-scale", "0.5", "--reranker-offset", "1000"}));
  EXPECT_EQ(never, without);
  EXPECT_GT(always, without);
}

TEST_F(ModelFilesProcess, OneSegmentForBothTextsIsASetting) {
  app::ModelSettings settings;
  settings.program = REFLEX_PROGRAM;
  settings.reranker_path = kCrossEncoder;
  const auto two = app::OpenModels(settings);
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_TRUE((*two)->reranker->model_id().ends_with("-pair")) << (*two)->reranker->model_id();
  settings.reranker_segments = false;
  const auto one = app::OpenModels(settings);
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_TRUE((*one)->reranker->model_id().ends_with("-pair-one-segment")) << (*one)->reranker->model_id();
}

TEST_F(ModelFilesProcess, AServingReflexFindsOtherWordsWithTheModelsVectors) {
  Provider provider;
  // Random weights say nothing of what is alike: everything in the scope is compared. Time for a busy machine.
  Served served(folder_, {"--upstream", provider.url(), "--semantic-time-limit", "20s", "--semantic-candidates-max", "64"},
                {{"REFLEX_MODEL_PATH", kEmbedder}});
  const Reply ready = Ask(served.port(), "GET", "/ready");
  EXPECT_EQ(ready.status, 200);
  EXPECT_TRUE(Mentions(ready.body, R"("status":"ready")")) << ready.body;
  const auto metrics = [&] { return Ask(served.port(), "GET", "/metrics").body; };
  EXPECT_TRUE(Mentions(metrics(), "\nreflex_semantic_model_queue 0")) << "no model";
  // More than are compared without vectors.
  for (const char* thing : {"volcano", "piano", "bicycle", "glacier", "sonnet", "enzyme", "castle", "violin", "tornado"}) {
    ASSERT_EQ(Chat(served, std::string("describe a ") + thing).status, 200);
    ASSERT_EQ(Chat(served, std::string("who first painted a ") + thing).status, 200);
  }
  ASSERT_EQ(Chat(served, "How do I reverse a linked list in Python?").status, 200);
  EXPECT_TRUE(Eventually([&] { return Mentions(metrics(), "\nreflex_index_vectors 19\n"); }));
  const Reply hit = Chat(served, "How do I revrese a linked list in Python?");
  EXPECT_TRUE(Mentions(hit.head, "hit-l3-verified")) << hit.head;
  EXPECT_EQ(provider.requests(), 19);
}

TEST_F(ModelFilesProcess, AServingReflexAsksTheCrossEncoderLast) {
  const int without = HitsServed({});
  EXPECT_GT(HitsServed({{"REFLEX_RERANKER_PATH", kCrossEncoder}, {"REFLEX_RERANKER_OFFSET", "1000"}}), without);
}

// What the settings name must be what it is used as.
TEST_F(ModelFilesProcess, AnEmbedderIsNoCrossEncoder) {
  const std::string data = (folder_ / "data").string();
  const Finished run = RunProgram({"serve", "--port", "0", "--storage-path", data}, {{"REFLEX_RERANKER_PATH", kEmbedder}});
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(Mentions(run.err, "reranker.path: ") && Mentions(run.err, "no rank head")) << run.err;
}

}  // namespace
}  // namespace reflex::test
