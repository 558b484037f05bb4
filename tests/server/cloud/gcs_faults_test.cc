// What only Google's resumable uploads and tokens can do wrong.
#include <gtest/gtest.h>

#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

class GcsFaults : public ::testing::Test {
 protected:
  GcsFaults() {
    world_.options.endpoint = world_.options.metadata_endpoint = fake_.url();
    WriteBytes(file_, bytes_);
    store_ = world_.Open("gs://bkt/p");
  }
  Result<void> Upload() { return store_->Upload(file_, "a", {}); }

  FakeGoogle fake_;
  CloudWorld world_;
  std::string bytes_ = SomeBytes(1'000'003);
  std::filesystem::path file_ = world_.folder / "source";
  std::unique_ptr<cloud::ObjectStore> store_;
};

TEST_F(GcsFaults, ACutUploadResumesWhereTheServerIs) {
  world_.options.part_bytes = 1 << 20;
  store_ = world_.Open("gs://bkt/p");
  // Twice: libcurl itself sends a request again whose kept connection turns out to be dead.
  for (int i = 0; i < 2; ++i) fake_.http().Plant("PUT", " piece", {.take_only = 600'000});
  std::uint64_t lowest_after_cut = bytes_.size();
  const auto progress = [&](std::uint64_t done, std::uint64_t) {
    if (!world_.pauses.empty()) lowest_after_cut = std::min(lowest_after_cut, done);
    return true;
  };
  const auto sent = store_->Upload(file_, "a", progress);
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_TRUE(fake_.objects()["p/a"].bytes == bytes_);
  // 512 KiB of the 600,000 bytes were kept, and are not sent again.
  EXPECT_GE(fake_.http().Count("PUT", " question"), 1);
  EXPECT_EQ(fake_.http().planted(), 0u);
  EXPECT_GE(lowest_after_cut, 512u << 10);
}

TEST_F(GcsFaults, AServerThatKeepsNothingIsNotAskedForEver) {
  fake_.KeepNothingOfCutPieces();
  for (int i = 0; i < 8; ++i) fake_.http().Plant("PUT", " piece", {.take_only = 100'000});
  const auto sent = Upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(fake_.objects().empty());
}

TEST_F(GcsFaults, ALastAnswerThatIsLostIsAskedFor) {
  fake_.http().Plant("PUT", "upload_id=", {.take_only = 1 << 20}, 3);
  ASSERT_TRUE(Upload());
  EXPECT_GE(fake_.http().Count("PUT", "upload_id="), 5);
  EXPECT_TRUE(fake_.objects()["p/a"].bytes == bytes_);
}

TEST_F(GcsFaults, ALostSessionIsBegunAnew) {
  fake_.http().Plant("PUT", "upload_id=", {.status = 410}, 2);
  ASSERT_TRUE(Upload());
  EXPECT_TRUE(fake_.objects()["p/a"].bytes == bytes_);
  EXPECT_EQ(fake_.http().Count("POST", "uploadType=resumable"), 2);
}

TEST_F(GcsFaults, AnExpiredTokenIsRenewedAfter401) {
  ASSERT_TRUE(Upload());
  EXPECT_EQ(fake_.tokens_given(), 1);
  fake_.ExpireTokens();
  ASSERT_TRUE(Upload());
  EXPECT_EQ(fake_.tokens_given(), 2);
  fake_.ExpireTokens();
  ASSERT_TRUE(store_->Download("a", world_.folder / "back", {}));
  EXPECT_EQ(fake_.tokens_given(), 3);
}

TEST_F(GcsFaults, ATokenThatExpiresBetweenPiecesIsRenewed) {
  fake_.http().Plant("PUT", "upload_id=", {.status = 401}, 1);
  ASSERT_TRUE(Upload());
  EXPECT_TRUE(fake_.objects()["p/a"].bytes == bytes_);
  EXPECT_EQ(fake_.tokens_given(), 2);
}

TEST_F(GcsFaults, ATokenIsRenewedBeforeItsEnd) {
  ASSERT_TRUE(store_->List());
  world_.clock.steady_ahead_ns += 3300LL * 1'000'000'000;
  ASSERT_TRUE(store_->List());
  EXPECT_EQ(fake_.tokens_given(), 1);
  world_.clock.steady_ahead_ns += 61LL * 1'000'000'000;
  ASSERT_TRUE(store_->List());
  EXPECT_EQ(fake_.tokens_given(), 2);
}

TEST_F(GcsFaults, ARefusalThatStaysIsAnErrorAfterOneRenewal) {
  for (int i = 0; i < 2; ++i) fake_.http().Plant("GET", "/storage/v1", {.status = 401});
  const auto listed = store_->List();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(fake_.tokens_given(), 2);
}

TEST_F(GcsFaults, AnObjectWithAnotherChecksumIsRemovedAndSentAgain) {
  fake_.LieAboutChecksums(1);
  ASSERT_TRUE(Upload());
  EXPECT_EQ(fake_.http().Count("DELETE", "generation="), 1);
  EXPECT_TRUE(fake_.objects()["p/a"].bytes == bytes_);
}

TEST_F(GcsFaults, AnObjectThatKeepsAnotherChecksumDoesNotStay) {
  fake_.LieAboutChecksums(2);
  const auto sent = Upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(fake_.objects().empty());
}

TEST_F(GcsFaults, BytesThatTheServerFindsDamagedAreSentAgain) {
  fake_.http().Plant("PUT", "upload_id=", {.status = 400, .headers = {}, .body = R"({"error":{"message":"CRC32C"}})"}, 3);
  ASSERT_TRUE(Upload());
  EXPECT_EQ(fake_.http().Count("POST", "uploadType=resumable"), 2);
  EXPECT_TRUE(fake_.objects()["p/a"].bytes == bytes_);
}

TEST_F(GcsFaults, AnImpossibleRangeIsAProtocolError) {
  for (const char* range : {"bytes=0-1000003", "bytes=5-9", "bytes=0-x"}) {
    fake_.http().Plant("PUT", "upload_id=", {.status = 308, .headers = {{"Range", range}}});
    EXPECT_EQ(Upload().error().code, ErrorCode::kProtocol) << range;
  }
  EXPECT_TRUE(fake_.objects().empty());
}

TEST_F(GcsFaults, TheMetadataServerThatIsNoneIsNamed) {
  fake_.http().Plant("GET", "computeMetadata", {.status = 200, .headers = {}, .body = "hello"});
  const auto listed = store_->List();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::kProtocol);
  fake_.http().Plant("GET", "computeMetadata", {.status = 404});
  const auto again = store_->List();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(again.error().message.find("cloud.credentials_file"), std::string::npos);
}

}  // namespace
}  // namespace reflex::test
