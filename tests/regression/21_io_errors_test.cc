// Every failure of a file became one error without its kind: a missing file, a full disk and a missing right looked the same.
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/files.h"
#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"

namespace reflex::base {
namespace {

TEST(IoErrors, KeepTheirKindAndNameTheFile) {
  store::TempFolder folder;
  const auto path = folder.path() / "file";
  EXPECT_EQ(ReadFile(path, 100).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(ReadFile(folder.path(), 100).error().code, ErrorCode::kIo) << "a folder";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(200, 'x'), 0600).has_value());
  EXPECT_EQ(ReadFile(path, 100).error().code, ErrorCode::kTooLarge);
  EXPECT_NE(ReadFile(path, 100).error().message.find(path.string()), std::string::npos);
  EXPECT_EQ(WriteFileAtomically(folder.path() / "none" / "file", "x", 0600).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(WriteFileAtomically(path / "file", "x", 0600).error().code, ErrorCode::kIo) << "a file where a folder should be";
}

TEST(IoErrors, AFullDiskIsItsOwnKind) {
  for (const int error : {ENOSPC, EDQUOT}) EXPECT_EQ(FileError("cannot write", "f", error).code, ErrorCode::kFull);
  EXPECT_EQ(FileError("cannot read", "f", ENOENT).code, ErrorCode::kNotFound);
  EXPECT_EQ(FileError("cannot read", "f", EIO).code, ErrorCode::kIo);
  EXPECT_EQ(FileError("cannot open", "f", EACCES).code, ErrorCode::kIo);
  EXPECT_NE(FileError("cannot open", "f", EACCES).message, FileError("cannot open", "f", EIO).message);
}

TEST(IoErrors, AStoreThatCannotBeOpenedSaysWhy) {
  store::TempFolder folder;
  store::ManualClock clock;
  store::KeepingLogger logger;
  const auto file = folder.path() / "file";
  ASSERT_TRUE(WriteFileAtomically(file, "x", 0600).has_value());
  store::LmdbOptions options;
  options.path = file / "store";
  const auto opened = store::LmdbStore::Open(options, clock, logger);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
  EXPECT_NE(opened.error().message.find(file.string()), std::string::npos) << opened.error().message;
}

}  // namespace
}  // namespace reflex::base
