#include "inference/gguf_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/files.h"

namespace reflex::inference {
namespace {

std::string Fixture(const std::string& name) { return base::ReadFile(std::string(FIXTURES "/") + name + ".gguf", 1 << 20).value(); }

TEST(GgufHead, SaysWhatTheFileHolds) {
  const std::string bytes = Fixture("bert-rerank");
  const auto head = GgufHead::Read(bytes);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->architecture(), "bert");
  EXPECT_EQ(head->ArchitectureNumber("block_count"), 2u);
  EXPECT_EQ(head->ArchitectureNumber("context_length"), 64u);
  EXPECT_EQ(head->vocabulary().at(2), "[CLS]");
  ASSERT_TRUE(head->Tensor("token_types.weight"));
  EXPECT_EQ(head->Tensor("token_types.weight")->dimensions, (std::vector<std::uint64_t>{32, 2}));
  EXPECT_FALSE(head->Tensor("nothing"));
  EXPECT_TRUE(head->CheckLoadable());
}

TEST(GgufHead, ACutFileIsRefusedWhereverItIsCut) {
  const std::string bytes = Fixture("bert-embed");
  const auto whole = GgufHead::Read(bytes);
  ASSERT_TRUE(whole);
  for (std::size_t size = 0; size < 20'000; size += 7) {
    // A copy of its own, so that a read beyond its end is seen by the sanitizer.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(GgufHead::Read({cut.data(), cut.size()})) << size;
  }
}

TEST(GgufHead, RefusesWhatWouldEndTheProcess) {
  const std::string repeated = Fixture("repeated-piece");
  const auto head = GgufHead::Read(repeated);
  ASSERT_TRUE(head);
  const auto twice = head->CheckLoadable();
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("twice"), std::string::npos) << twice.error().message;

  std::string layers = Fixture("bert-embed");
  const std::size_t at = layers.find("bert.block_count");
  ASSERT_NE(at, std::string::npos);
  layers.replace(at + 16 + 4, 4, std::string("\xa0\x0f\0\0", 4));
  const auto absurd = GgufHead::Read(layers)->CheckLoadable();
  ASSERT_FALSE(absurd);
  EXPECT_NE(absurd.error().message.find("4000 layers"), std::string::npos) << absurd.error().message;
}

TEST(GgufHead, LengthsAreNotBelieved) {
  std::string bytes = Fixture("bert-embed");
  bytes.replace(8, 8, 8, '\xff');  // Tensors.
  EXPECT_FALSE(GgufHead::Read(bytes));
  bytes = Fixture("bert-embed");
  bytes.replace(24, 8, 8, '\xff');  // Length of the first name.
  EXPECT_FALSE(GgufHead::Read(bytes));
}

TEST(MappedFile, AFolderIsToldWhatToWriteInstead) {
  const auto folder = MappedFile::Open(FIXTURES);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(folder.error().message.find(".gguf"), std::string::npos);
  EXPECT_EQ(MappedFile::Open(FIXTURES "/none.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::Open("/dev/null").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace reflex::inference
