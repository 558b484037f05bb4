#include "base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::uint32_t Mode(const std::filesystem::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777;
  }

  std::filesystem::path folder_;
};

TEST_F(Files, WhatIsWrittenIsRead) {
  std::string content = "line\n";
  content.push_back('\0');
  content.append(100'000, 'x');
  ASSERT_TRUE(WriteFileAtomically(folder_ / "a", content, 0600));
  const auto read = ReadFile(folder_ / "a", content.size());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, content);
  EXPECT_EQ(Mode(folder_ / "a"), 0600u);
}

TEST_F(Files, WritingReplacesAndLeavesNoTemporary) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "a", "old and longer", 0600));
  ASSERT_TRUE(WriteFileAtomically(folder_ / "a", "new", 0600));
  EXPECT_EQ(*ReadFile(folder_ / "a", 100), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()), 1);
}

TEST_F(Files, AMissingFileIsNotFoundAndNamed) {
  const auto read = ReadFile(folder_ / "nothing", 10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
  EXPECT_NE(read.error().message.find("nothing"), std::string::npos);
}

TEST_F(Files, AFileBeyondTheLimitIsTooLarge) {
  std::ofstream(folder_ / "a") << "12345";
  EXPECT_TRUE(ReadFile(folder_ / "a", 5));
  const auto read = ReadFile(folder_ / "a", 4);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kTooLarge);
}

TEST_F(Files, ReadingAFolderIsAnIoError) {
  const auto read = ReadFile(folder_, 10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kIo);
}

TEST_F(Files, WritingWhereNoFolderIsFails) { EXPECT_FALSE(WriteFileAtomically(folder_ / "no" / "a", "x", 0600)); }

TEST_F(Files, FoldersAreMadeWithTheirParents) {
  ASSERT_TRUE(MakeDirectory(folder_ / "a" / "b", 0700));
  EXPECT_EQ(Mode(folder_ / "a" / "b"), 0700u);
  EXPECT_TRUE(MakeDirectory(folder_ / "a" / "b", 0700));
}

TEST_F(Files, AFileInTheWayOfAFolderIsAnError) {
  std::ofstream(folder_ / "a") << "x";
  const auto made = MakeDirectory(folder_ / "a", 0700);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kIo);
}

TEST_F(Files, ErrorsCarryTheCodeThatFits) {
  EXPECT_EQ(FileError("cannot write", "/x", ENOSPC).code, ErrorCode::kFull);
  EXPECT_EQ(FileError("cannot write", "/x", EDQUOT).code, ErrorCode::kFull);
  EXPECT_EQ(FileError("cannot open", "/x", ENOENT).code, ErrorCode::kNotFound);
  const Error error = FileError("cannot open", "/x", EACCES);
  EXPECT_EQ(error.code, ErrorCode::kIo);
  EXPECT_EQ(error.message, "cannot open /x: Permission denied");
}

}  // namespace
}  // namespace reflex::base
