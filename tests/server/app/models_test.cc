// Model files that settings name: what stops the start, and with what words.
#include "app/models.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "app/settings.h"

namespace reflex::app {
namespace {

void ExpectMentions(const std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
}

// The look at a file must not start this test again.
std::string Refusal(ModelSettings settings) {
  settings.program = "/bin/false";
  const auto models = OpenModels(settings);
  if (models) return "";
  EXPECT_EQ(models.error().code, ErrorCode::kInvalidArgument);
  return models.error().message;
}

class ModelFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("models-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(ModelFiles, NoneAreNeeded) {
  const auto models = OpenModels(ModelSettings());
  ASSERT_TRUE(models) << models.error().message;
  EXPECT_EQ((*models)->model, nullptr);
  EXPECT_EQ((*models)->reranker, nullptr);
  EXPECT_EQ((*models)->main().model_id(), (*models)->words.model_id());
}

TEST_F(ModelFiles, AMissingOneIsNamed) {
  ExpectMentions(Refusal({.path = folder_ / "no.gguf"}), {"model.path: \"", "no.gguf\": no such file", "allowed: a GGUF file"});
}

TEST_F(ModelFiles, AFolderIsToldWhatToWriteInstead) {
  ExpectMentions(Refusal({.reranker_path = folder_}),
                 {"reranker.path: \"", "is a folder", "allowed: one GGUF file, for example \"", (folder_ / "model.gguf").string()});
}

TEST_F(ModelFiles, ADeviceIsNoFile) { ExpectMentions(Refusal({.path = "/dev/null"}), {"model.path", "is no file"}); }

TEST_F(ModelFiles, WhatIsNoModelIsASentence) {
  const std::filesystem::path path = folder_ / "bad.gguf";
  std::ofstream(path) << "no model at all";
  const std::string message = Refusal({.path = path});
  ExpectMentions(message, {"model.path"});
  EXPECT_FALSE(DescribeModel(path, false, "/bin/false"));
  EXPECT_FALSE(DescribeModel(folder_, false));
  EXPECT_FALSE(DescribeModel(folder_ / "no.gguf", true));
}

}  // namespace
}  // namespace reflex::app
