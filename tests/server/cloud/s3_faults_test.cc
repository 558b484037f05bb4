// What only S3's multipart uploads, keys and clock can do wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

class S3Faults : public ::testing::Test {
 protected:
  S3Faults() {
    world_.options.endpoint = world_.options.metadata_endpoint = fake_.url();
    world_.options.part_bytes = 5 << 20;
    world_.variables = {{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    WriteBytes(file_, bytes_);
    store_ = world_.Open("s3://bkt/p");
  }
  Result<void> Upload() { return store_->Upload(file_, "a", {}); }
  void ExpectUploaded(const Result<void>& sent) {
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_TRUE(fake_.objects()["p/a"].bytes == ReadBytes(file_));
    EXPECT_EQ(fake_.uploads_open(), 0);
  }

  FakeS3 fake_;
  CloudWorld world_;
  std::string bytes_ = SomeBytes((6 << 20) + 5);
  std::filesystem::path file_ = world_.folder / "source";
  std::unique_ptr<cloud::ObjectStore> store_;
};

TEST_F(S3Faults, AWrongClockIsCorrectedOnce) {
  for (const std::int64_t hours : {1, -26}) {
    fake_.http().SetClockAhead(hours * 3'600'000);
    ExpectUploaded(Upload());
  }
  EXPECT_TRUE(world_.pauses.empty());
  // An answer to HEAD tells no code: the Date is enough.
  fake_.http().SetClockAhead(50 * 3'600'000);
  ASSERT_TRUE(store_->Download("a", world_.folder / "back", {}));
  const auto seen = fake_.http().seen();
  EXPECT_EQ(std::ranges::count(seen, std::string("HEAD /bkt/p/a")), 4);
}

TEST_F(S3Faults, AClockThatCannotBeCorrectedIsAnError) {
  for (int i = 0; i < 2; ++i) {
    fake_.http().Plant("GET", "list-type",
                       {.status = 403, .headers = {}, .body = "<Error><Code>RequestTimeTooSkewed</Code></Error>"});
  }
  const auto listed = store_->List();
  ASSERT_FALSE(listed);
  EXPECT_NE(listed.error().message.find("RequestTimeTooSkewed"), std::string::npos);
  EXPECT_EQ(fake_.http().Count("GET", "list-type"), 1);
}

TEST_F(S3Faults, ExpiredKeysOfARoleAreRenewed) {
  world_.variables.clear();
  ExpectUploaded(Upload());
  fake_.ExpireKeys();
  ExpectUploaded(Upload());
  EXPECT_EQ(fake_.sessions_seen().back(), "session-2");
  EXPECT_EQ(fake_.http().Count("GET", "/latest/meta-data/iam/security-credentials/my-role"), 2);
  EXPECT_EQ(fake_.http().Count("PUT", "/latest/api/token"), 4);
}

TEST_F(S3Faults, KeysOfARoleAreRenewedBeforeTheirEnd) {
  world_.variables.clear();
  const std::string soon = R"({"AccessKeyId":"a","SecretAccessKey":"b","Token":"session-1","Expiration":"2001-01-01T00:00:00Z"})";
  fake_.http().Plant("GET", "security-credentials/my-role", {.status = 200, .headers = {}, .body = soon});
  ASSERT_TRUE(store_->List());
  ASSERT_TRUE(store_->List());
  ASSERT_TRUE(store_->List());
  EXPECT_EQ(fake_.http().Count("GET", "security-credentials/my-role"), 2);
}

TEST_F(S3Faults, KeysOfTheEnvironmentCannotBeRenewed) {
  world_.variables["AWS_SESSION_TOKEN"] = "session-0";
  const auto listed = store_->List();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(listed.error().message.find("ExpiredToken: said \"no\""), std::string::npos) << listed.error().message;
  EXPECT_EQ(fake_.http().Count("GET", "list-type"), 1);
}

TEST_F(S3Faults, APartWithAnotherEtagIsSentAgain) {
  fake_.LieAboutEtags(1);
  ExpectUploaded(Upload());
  EXPECT_EQ(fake_.http().Count("PUT", "partNumber=1"), 2);
}

TEST_F(S3Faults, PartsThatKeepAnotherEtagAreNotCompleted) {
  fake_.LieAboutEtags(3);
  const auto sent = Upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(fake_.objects().empty());
  EXPECT_EQ(fake_.uploads_open(), 0);
}

TEST_F(S3Faults, AWholePutWithAnotherEtagIsSentAgainAndElseRemoved) {
  WriteBytes(file_, "small");
  fake_.LieAboutEtags(2);
  ExpectUploaded(Upload());
  fake_.LieAboutEtags(3);
  const auto sent = Upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(fake_.objects().empty());
}

TEST_F(S3Faults, ABodyThatTheServerFindsDamagedIsSentAgain) {
  fake_.http().Plant("PUT", "partNumber=2", {.status = 400, .headers = {}, .body = "<Error><Code>BadDigest</Code></Error>"});
  ExpectUploaded(Upload());
}

TEST_F(S3Faults, AnErrorAfterTheGoodStatusOfCompleteIsSeen) {
  fake_.http().Plant("POST", "uploadId=", {.status = 200, .headers = {}, .body = "<Error><Code>InternalError</Code></Error>"});
  ExpectUploaded(Upload());
  fake_.http().Plant("POST", "uploadId=", {.status = 200, .headers = {}, .body = "<Error><Code>InvalidPart</Code></Error>"});
  ASSERT_TRUE(store_->Delete("a"));
  const auto sent = Upload();
  ASSERT_FALSE(sent);
  EXPECT_TRUE(fake_.objects().empty());
  EXPECT_EQ(fake_.uploads_open(), 0);
}

TEST_F(S3Faults, ACompleteWhoseAnswerWasLostIsFoundDone) {
  fake_.http().Plant("POST", "uploadId=", {.status = 500});
  fake_.http().Plant("POST", "uploadId=", {.status = 404, .headers = {}, .body = "<Error><Code>NoSuchUpload</Code></Error>"});
  const auto sent = Upload();
  // Nothing was completed in truth, and the look at the object tells.
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kUnavailable);
  fake_.Put("p/a", bytes_);
  fake_.http().Plant("POST", "uploadId=", {.status = 500});
  fake_.http().Plant("POST", "uploadId=", {.status = 404, .headers = {}, .body = "<Error><Code>NoSuchUpload</Code></Error>"});
  EXPECT_TRUE(Upload());
}

TEST_F(S3Faults, AnObjectOfAnotherSizeDoesNotStay) {
  WriteBytes(file_, "small");
  fake_.http().Plant("HEAD", "/p/a", {.status = 200, .headers = {{"Content-Length", "4"}}});
  const auto sent = Upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(fake_.objects().empty());
}

TEST_F(S3Faults, AnObjectThatIsReplacedDuringADownloadIsNotMixed) {
  fake_.Put("p/a", bytes_);
  fake_.http().Plant("GET", "/bkt/p/a", {.status = 200, .headers = {}, .body = bytes_, .cut_after = 300'000});
  bool replaced = false;
  const auto got = store_->Download("a", world_.folder / "back", [&](std::uint64_t done, std::uint64_t) {
    if (done >= 200'000 && !replaced) replaced = true, fake_.Put("p/a", SomeBytes(bytes_.size(), 7));
    return true;
  });
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("replaced"), std::string::npos) << got.error().message;
  EXPECT_EQ(world_.folder.files(), 1u);
}

TEST_F(S3Faults, AnObjectOfOthersHasNoChecksumToCompare) {
  fake_.Put("p/a", "theirs");
  fake_.http().Plant("HEAD", "/p/a", {.status = 200, .headers = {{"Content-Length", "6"}}});
  ASSERT_TRUE(store_->Download("a", world_.folder / "back", {}));
  EXPECT_EQ(ReadBytes(world_.folder / "back"), "theirs");
}

TEST_F(S3Faults, VirtualHostStylePutsTheBucketIntoTheName) {
  world_.options.s3_style = "virtual";
  world_.options.endpoint = "http://localhost:1";
  world_.options.retries_max = 0;
  const auto listed = world_.Open("s3://my-bucket/p")->List();
  ASSERT_FALSE(listed);
  EXPECT_NE(listed.error().message.find("//my-bucket.localhost:1/"), std::string::npos) << listed.error().message;
}

}  // namespace
}  // namespace reflex::test
