// `reflex eval`, `explain` and `models` as commands.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "server/app/process.h"

namespace reflex::test {
namespace {

class EvalCommand : public testing::Test {
 protected:
  std::string File(std::string_view name, const std::string& text) {
    WriteText(folder_ / name, text);
    return (folder_ / name).string();
  }
  TempFolder folder_;
};

constexpr const char* kPairs =
    "{\"id\":\"p1\",\"a\":\"What is the capital of France?\",\"b\":\"what is the capital of "
    "france\",\"same\":true,\"category\":\"near_repeat\"}\n"
    "{\"id\":\"p2\",\"a\":\"Boil 2 eggs\",\"b\":\"Boil 3 eggs\",\"same\":false,\"category\":\"numbers\"}\n";

TEST_F(EvalCommand, PairsGivePredictionsAndAReport) {
  const std::string out = (folder_ / "pred").string(), features = (folder_ / "features").string();
  const Finished run = RunProgram({"eval", "pairs", File("pairs", kPairs), "--out", out, "--features", features});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_TRUE(Mentions(run.out, "false hits (FHR)") && Mentions(run.out, "0 of 1")) << run.out;
  EXPECT_EQ(ReadText(out),
            "{\"id\":\"p1\",\"hit\":true,\"score\":1.000000,\"reason\":\"hit-l2-canonical\"}\n"
            "{\"id\":\"p2\",\"hit\":false,\"score\":0.000000,\"reason\":\"guard-numbers\"}\n");
  const std::string table = ReadText(features);
  EXPECT_TRUE(table.starts_with("id\tcos\t")) << table.substr(0, 60);
  EXPECT_TRUE(Mentions(table, "\np1\t") && Mentions(table, "\np2\t"));
}

// Of the texts in the order of their first coming, the tokens' pieces and vectors: what a pair net is trained with.
TEST_F(EvalCommand, WordsAreWrittenForTraining) {
  const std::string words = (folder_ / "words").string();
  const std::string pairs =
      File("pairs", "{\"id\":1,\"a\":\"boil eggs\",\"b\":\"Boil\"}\n{\"id\":2,\"a\":\"Boil\",\"b\":\"boil eggs\"}\n");
  const Finished run = RunProgram({"eval", "pairs", pairs, "--tokens", words});
  EXPECT_EQ(run.status, 0) << run.err;
  const std::string bytes = ReadText(words);
  constexpr std::size_t kWord = 1 + 2 + 128;  // Each of one piece.
  ASSERT_EQ(bytes.size(), 4 + 2 * kWord + 4 + kWord);
  EXPECT_EQ(bytes.substr(0, 4), std::string("\2\0\0\0", 4));
  EXPECT_EQ(bytes.substr(4 + 2 * kWord, 4), std::string("\1\0\0\0", 4));
  // The same piece, which means something else beside another word.
  EXPECT_EQ(bytes.substr(4, 3), bytes.substr(4 + 2 * kWord + 4, 3));
  EXPECT_NE(bytes.substr(4, kWord), bytes.substr(4 + 2 * kWord + 4, kWord));
  const auto largest = std::ranges::max(bytes.substr(7, 128), {}, [](char x) { return std::abs(static_cast<int>(x)); });
  EXPECT_EQ(std::abs(static_cast<int>(largest)), 127);
}

TEST_F(EvalCommand, StreamsNameTheRowThatWasServed) {
  const std::string out = (folder_ / "pred").string();
  const std::string stream = File("stream", "{\"id\":0,\"prompt\":\"Explain ARP\"}\n{\"id\":1,\"prompt\":\"explain ARP!\"}\n");
  const Finished run = RunProgram({"eval", "stream", stream, "--out", out, "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(run.out.starts_with("{\"kind\":\"stream\"")) << run.out;
  EXPECT_EQ(ReadText(out),
            "{\"id\":0,\"hit\":false,\"source\":null,\"layer\":null}\n{\"id\":1,\"hit\":true,\"source\":0,\"layer\":\"l2\"}\n");
}

TEST_F(EvalCommand, RequestsAreWholeBodies) {
  const std::string body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Explain ARP\"}]}";
  const std::string out = (folder_ / "pred").string();
  const Finished run =
      RunProgram({"eval", "requests", File("requests", "{\"id\":\"d\",\"a\":" + body + ",\"b\":" + body + "}"), "--out", out});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(ReadText(out), "{\"id\":\"d\",\"hit\":true}\n");
}

TEST_F(EvalCommand, TheTiersSettingHolds) {
  const Finished run = RunProgram({"eval", "pairs", File("pairs", kPairs), "--json", "--tiers", "l1"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Mentions(run.out, "\"hits\":{\"k\":0,")) << run.out;
}

TEST_F(EvalCommand, WhatIsWrongIsNamed) {
  const Finished bad = RunProgram({"eval", "pairs", File("bad", "{\"id\":1,\"a\":\"x\"}")});
  EXPECT_EQ(bad.status, 2);
  EXPECT_TRUE(Mentions(bad.err, "bad:1: \"b\" is missing; allowed: a line of")) << bad.err;
  const Finished missing = RunProgram({"eval", "pairs", (folder_ / "none").string()});
  EXPECT_EQ(missing.status, 2);
  EXPECT_TRUE(Mentions(missing.err, "none")) << missing.err;
  const Finished kind = RunProgram({"eval", "pears", "x"});
  EXPECT_EQ(kind.status, 2);
  const Finished model = RunProgram({"eval", "pairs", File("pairs", kPairs), "--model", folder_.path().string()});
  EXPECT_EQ(model.status, 2);
  EXPECT_TRUE(Mentions(model.err, "is a folder; allowed: one GGUF file")) << model.err;
  const Finished unwritable = RunProgram({"eval", "pairs", File("pairs", kPairs), "--out", "/nowhere/pred"});
  EXPECT_NE(unwritable.status, 0);
  EXPECT_TRUE(Mentions(unwritable.err, "/nowhere/pred")) << unwritable.err;
}

TEST_F(EvalCommand, AFolderAsRerankerStopsTheStart) {
  const Finished run = RunProgram({"serve", "--port", "0", "--storage-path", (folder_ / "data").string()},
                                  {{"REFLEX_RERANKER_PATH", folder_.path().string()}});
  EXPECT_EQ(run.status, 2);
  EXPECT_TRUE(Mentions(run.err, "reranker.path") && Mentions(run.err, "is a folder")) << run.err;
}

TEST_F(EvalCommand, ModelsCheckSaysWhatIsWrong) {
  const Finished none = RunProgram({"models", "check", (folder_ / "none.gguf").string()});
  EXPECT_EQ(none.status, 2);
  EXPECT_TRUE(Mentions(none.err, "no such file")) << none.err;
  EXPECT_NE(RunProgram({"models", "check", File("bad.gguf", "no model")}).status, 0);
}

TEST_F(EvalCommand, ExplainAsksTheRunningReflex) {
  Served served(folder_);
  const std::string body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Explain ARP, please\"}]}";
  const Finished page = RunProgram({"explain", File("request", body), "--url", served.url()}, {{"OPENAI_API_KEY", "sk-1"}});
  EXPECT_EQ(page.status, 0) << page.err;
  EXPECT_TRUE(Mentions(page.out, "ARP")) << page.out;
  const Finished raw = RunProgram({"explain", File("request", body), "--url", served.url(), "--json"});
  EXPECT_EQ(raw.status, 0) << raw.err;
  EXPECT_TRUE(raw.out.starts_with("{")) << raw.out;
  const Finished bad = RunProgram({"explain", File("request", "no json"), "--url", served.url()});
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(bad.err, "");
  EXPECT_EQ(RunProgram({"explain", (folder_ / "none").string()}).status, 2);
}

}  // namespace
}  // namespace reflex::test
