#include "inference/probe.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/files.h"

namespace reflex::inference {
namespace {

using namespace std::chrono_literals;

ProbeOptions Options(std::vector<std::string> further = {}) {
  ProbeOptions options;
  options.command = {PROBE};
  options.command.insert(options.command.end(), further.begin(), further.end());
  return options;
}

const std::string kModelFile = FIXTURES "/bert-embed.gguf";

TEST(ModelReport, IsReadAsWritten) {
  const ModelReport report{"bert", "a name", "mean", std::string(64, 'a'), 12, 384, 512, 30522, 1.5, 0.25};
  EXPECT_EQ(ParseReport(FormatReport(report)), report);
}

TEST(ModelReport, ANameOfAFileIsOneLine) {
  ModelReport report;
  report.name = "a\nbytes 7\x01";
  const auto read = ParseReport(FormatReport(report));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, "a bytes 7 ");
  EXPECT_EQ(read->bytes, 0u);
}

TEST(ModelReport, SaysWhichLineIsWrongAndWhichKeyIsMissing) {
  EXPECT_EQ(ParseReport("architecture bert\nwindow many\n").error().message, "model report: line 2 is not understood");
  EXPECT_EQ(ParseReport("architecture bert\narchitecture bert\n").error().message, "model report: line 2 is not understood");
  EXPECT_EQ(ParseReport("architecture bert\n").error().message, "model report: name is missing");
  EXPECT_FALSE(ParseReport(""));
  EXPECT_FALSE(ParseReport(std::string(1 << 20, 'x')));
}

TEST(ModelReport, ATimeThatIsNoneIsRefused) {
  for (const char* time :
       {"1e300", "nan", "inf", "-1", "99999999999999999999999999999999999999999999999999999999999999999999999999999999999"}) {
    std::string text = FormatReport({});
    text.replace(text.find("load_ms 0.000"), 13, std::string("load_ms ") + time);
    EXPECT_EQ(ParseReport(text).error().message, "model report: line 9 is not understood") << time;
  }
  ModelReport report;
  report.load_ms = 1e300;
  EXPECT_TRUE(ParseReport(FormatReport(report)));
}

TEST(CheckModel, AChildThatIsEndedBySignalIsASentence) {
  const auto ended = CheckModel(kModelFile, Options({"abort"}));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(ended.error().message.find("signal 6"), std::string::npos) << ended.error().message;
}

TEST(CheckModel, AChildThatHangsIsKilled) {
  for (const char* how : {"hang", "hang-closed"}) {
    ProbeOptions options = Options({how});
    options.limit = 1s;
    const auto hung = CheckModel(kModelFile, options);
    ASSERT_FALSE(hung);
    EXPECT_EQ(hung.error().code, ErrorCode::kTimeout) << how;
  }
}

TEST(CheckModel, AChildWithoutAnswerOrWithoutProgramIsAnError) {
  EXPECT_EQ(CheckModel(kModelFile, Options({"silent"})).error().code, ErrorCode::kIo);
  ProbeOptions options;
  EXPECT_EQ(CheckModel(kModelFile, options).error().code, ErrorCode::kInvalidArgument);
  options.command = {"/nonexistent/program"};
  EXPECT_EQ(CheckModel(kModelFile, options).error().code, ErrorCode::kIo);
}

TEST(CheckModel, WhatNeedsNoLookIsSaidAtOnce) {
  EXPECT_EQ(CheckModel(FIXTURES, Options({"hang"})).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(CheckModel(FIXTURES "/none.gguf", Options({"hang"})).error().code, ErrorCode::kNotFound);
}

TEST(CheckModel, ReportsOnAModelOrThatLlamaIsAbsent) {
  const auto report = CheckModel(kModelFile, Options());
  if (!HasLlama()) {
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(report.error().message.find("--models"), std::string::npos);
    return;
  }
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->architecture, "bert");
  EXPECT_EQ(report->name, "fixture-bert");
  EXPECT_EQ(report->pooling, "mean");
  EXPECT_EQ(report->dimension, 32u);
  EXPECT_EQ(report->window, 64u);
  EXPECT_EQ(report->bytes, std::filesystem::file_size(kModelFile));
  EXPECT_EQ(report->sha256.size(), 64u);
  EXPECT_GT(report->sample_ms, 0);
}

TEST(CheckModel, TheKindOfModelMustBeTheOneAskedFor) {
  if (!HasLlama()) GTEST_SKIP() << "built without llama.cpp";
  ProbeOptions pair = Options();
  pair.use = ModelUse::kPairScorer;
  EXPECT_NE(CheckModel(kModelFile, pair).error().message.find("no rank head"), std::string::npos);
  EXPECT_TRUE(CheckModel(FIXTURES "/bert-rerank.gguf", pair));
  EXPECT_NE(CheckModel(FIXTURES "/bert-rerank.gguf", Options()).error().message.find("scores pairs"), std::string::npos);
  EXPECT_NE(CheckModel(FIXTURES "/bert-rerank3.gguf", pair).error().message.find("several scores"), std::string::npos);
}

TEST(CheckModel, DamagedFilesAreSentences) {
  if (!HasLlama()) GTEST_SKIP() << "built without llama.cpp";
  const std::string bytes = base::ReadFile(kModelFile, 1 << 20).value();
  const std::filesystem::path path = testing::TempDir() + "/damaged.gguf";
  for (const std::size_t size : {std::size_t{10}, std::size_t{5000}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(path, std::ios::binary) << bytes.substr(0, size);
    const auto cut = CheckModel(path, Options());
    EXPECT_TRUE(!cut || size == bytes.size() - 1) << size;
  }
  const auto repeated = CheckModel(FIXTURES "/repeated-piece.gguf", Options());
  ASSERT_FALSE(repeated);
  EXPECT_NE(repeated.error().message.find("twice"), std::string::npos);
}

}  // namespace
}  // namespace reflex::inference
