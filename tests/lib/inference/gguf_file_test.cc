#include "inference/gguf_file.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

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

std::string Number(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

// What is wrong with a file of one setting, of this type and value.
std::string RefusalOf(std::string_view name, std::uint32_t type, const std::string& value) {
  const std::string bytes =
      "GGUF" + Number(3, 4) + Number(0, 8) + Number(1, 8) + Number(name.size(), 8) + std::string(name) + Number(type, 4) + value;
  const auto head = GgufHead::Read(bytes);
  return head ? "" : head.error().message;
}

TEST(GgufHead, WhatIsWrongIsSaidWithWhatIsAllowed) {
  constexpr std::uint32_t kU32 = 4, kI32 = 5, kText = 8, kArray = 9;
  const std::string file = "no usable GGUF file: ";
  for (const std::uint64_t alignment : {0u, 48u, 1u << 21}) {
    EXPECT_EQ(RefusalOf("general.alignment", kU32, Number(alignment, 4)),
              file + "its alignment is " + std::to_string(alignment) + "; allowed are powers of two up to 1048576");
  }
  EXPECT_EQ(RefusalOf("general.alignment", kU32, Number(64, 4)), "");
  const auto array = [](std::uint32_t type, std::uint64_t count) { return Number(type, 4) + Number(count, 8); };
  EXPECT_EQ(RefusalOf("x", kArray, array(kArray, 1)),
            file + "setting 1 has an array of arrays; allowed are arrays of numbers, truth values and texts");
  EXPECT_EQ(
      RefusalOf("x", kArray, array(77, 1)),
      file + "setting 1 has an array of values of the unknown type 77; allowed are arrays of numbers, truth values and texts");
  EXPECT_EQ(RefusalOf("x", kArray, array(kText, 2'097'153)),
            file + "setting 1 has an array of 2097153 texts; allowed are at most 2097152");
  EXPECT_EQ(RefusalOf("x", kArray, array(kI32, 1) + Number(7, 4)), "");
  EXPECT_EQ(RefusalOf("x", 77, ""), file + "setting 1 has the unknown type 77; allowed are 0 to 12");
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
