// What goes wrong on the way, on both clouds: the right outcome each, nothing lost, nothing half.
#include <gtest/gtest.h>

#include <algorithm>

#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

using std::chrono::milliseconds;

class CloudFaults : public ::testing::TestWithParam<const char*> {
 protected:
  CloudFaults() {
    world_.options.endpoint = world_.options.metadata_endpoint = google() ? google_.url() : s3_.url();
    if (!google()) world_.options.part_bytes = 5 << 20;
    if (!google()) world_.variables = {{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    store_ = world_.Open(google() ? "gs://bkt/p" : "s3://bkt/p");
    WriteBytes(file_, bytes_);
  }

  bool google() const { return std::string_view(GetParam()) == "gs"; }
  FakeHttp& http() { return google() ? google_.http() : s3_.http(); }
  std::map<std::string, FakeObject> objects() { return google() ? google_.objects() : s3_.objects(); }
  int unfinished() { return google() ? google_.sessions_open() : s3_.uploads_open(); }
  void Put(const std::string& bytes) { google() ? google_.Put("p/a", bytes) : s3_.Put("p/a", bytes); }
  // Requests that carry bytes up and down.
  const char* piece() const { return google() ? " piece" : "partNumber="; }
  const char* media() const { return google() ? "alt=media" : "/bkt/p/a"; }

  const char* description_method() const { return google() ? "GET" : "HEAD"; }
  const char* object() const { return google() ? "/o/p%2Fa" : "/bkt/p/a"; }

  void ExpectUploaded(const Result<void>& sent) {
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_TRUE(objects()["p/a"].bytes == bytes_);
    EXPECT_EQ(unfinished(), 0);
    EXPECT_EQ(http().planted(), 0u);
  }
  void ExpectNothing(const Result<void>& sent, ErrorCode code) {
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, code) << sent.error().message;
    EXPECT_TRUE(objects().empty());
    EXPECT_EQ(unfinished(), 0);
  }
  void ExpectDownloaded(const Result<void>& got) {
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(ReadBytes(world_.folder / "back") == bytes_);
    EXPECT_EQ(world_.folder.files(), 2u);
    EXPECT_EQ(http().planted(), 0u);
  }
  Result<void> Upload() { return store_->Upload(file_, "a", {}); }
  Result<void> Download() { return store_->Download("a", world_.folder / "back", {}); }

  FakeGoogle google_;
  FakeS3 s3_;
  CloudWorld world_;
  std::string bytes_ = SomeBytes(google() ? 1'000'003 : (6 << 20) + 5);
  std::filesystem::path file_ = world_.folder / "source";
  std::unique_ptr<cloud::ObjectStore> store_;
};

TEST_P(CloudFaults, UploadGoesOnAfterStatusesThatMayPass) {
  for (const int status : {500, 502, 503, 504, 408, 429}) {
    http().Plant("PUT", piece(), {.status = status});
    ExpectUploaded(Upload());
  }
  EXPECT_EQ(world_.pauses.size(), 6u);
  EXPECT_NE(world_.log.text().find("cloud-retry attempt=1"), std::string::npos);
}

TEST_P(CloudFaults, RetryAfterIsHonoured) {
  http().Plant("POST", "upload", {.status = 429, .headers = {{"Retry-After", "7"}}});
  http().Plant("PUT", piece(), {.status = 503, .headers = {{"Retry-After", "86000"}}});
  ExpectUploaded(Upload());
  EXPECT_EQ(world_.pauses, (std::vector<milliseconds>{milliseconds(7000), world_.options.retry_pause_max}));
}

TEST_P(CloudFaults, PausesGrowWithJitterUpToTheLimit) {
  world_.options.retries_max = 9;
  world_.options.retry_pause_max = milliseconds(10'000);
  store_ = world_.Open(store_->target());
  for (int i = 0; i < 9; ++i) http().Plant("POST", "upload", {.status = 503});
  ExpectUploaded(Upload());
  ASSERT_EQ(world_.pauses.size(), 9u);
  milliseconds whole{500};
  for (const milliseconds pause : world_.pauses) {
    EXPECT_GE(pause, whole / 2);
    EXPECT_LE(pause, whole);
    whole = std::min(whole * 2, milliseconds(10'000));
  }
}

TEST_P(CloudFaults, RepeatsEndAndLeaveNothing) {
  for (int i = 0; i < 4; ++i) http().Plant("PUT", piece(), {.status = 500}, i == 0 ? 1 : 0);
  const auto sent = Upload();
  ExpectNothing(sent, ErrorCode::kUnavailable);
  EXPECT_NE(sent.error().message.find("500"), std::string::npos);
  EXPECT_NE(sent.error().message.find("/a"), std::string::npos);
  EXPECT_EQ(world_.pauses.size(), 3u);
}

TEST_P(CloudFaults, AnUploadThatIsCutGoesOn) {
  http().Plant("PUT", piece(), {.take_only = 1000});
  http().Plant("PUT", piece(), {.take_only = 200'000});
  http().Plant("PUT", piece(), {.take_only = 0}, 1);
  ExpectUploaded(Upload());
}

TEST_P(CloudFaults, AnAnswerThatIsLostIsAskedForAgain) {
  // The piece arrives whole, its answer does not.
  http().Plant("PUT", piece(), {.take_only = 200u << 20});
  ExpectUploaded(Upload());
}

TEST_P(CloudFaults, ASilentServerIsLeftAndTriedAgain) {
  world_.options.stall_timeout = milliseconds(300);
  store_ = world_.Open(store_->target());
  http().Plant("PUT", piece(), {.silent = true});
  ExpectUploaded(Upload());
  EXPECT_NE(world_.log.text().find("no byte moved for 300 ms"), std::string::npos) << world_.log.text();
  http().Plant("GET", media(), {.silent = true});
  ExpectDownloaded(Download());
}

TEST_P(CloudFaults, TheWholeTimeIsLimited) {
  world_.options.time_limit = milliseconds(60'000);
  store_ = world_.Open(store_->target());
  for (int i = 0; i < 3; ++i) http().Plant("POST", "upload", {.status = 503, .headers = {{"Retry-After", "29"}}});
  ExpectNothing(Upload(), ErrorCode::kTimeout);
}

TEST_P(CloudFaults, ARefusalIsNotTriedAgain) {
  http().Plant("POST", "upload", {.status = 403, .headers = {}, .body = "<Error><Code>AccessDenied</Code></Error>"});
  ExpectNothing(Upload(), ErrorCode::kUnavailable);
  EXPECT_EQ(http().Count("POST", "upload"), 1);
  EXPECT_TRUE(world_.pauses.empty());
  http().Plant(description_method(), object(), {.status = 403});
  const auto got = Download();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  http().Plant("GET", "prefix", {.status = 403});
  EXPECT_EQ(store_->List().error().code, ErrorCode::kUnavailable);
  http().Plant("DELETE", "/", {.status = 403});
  EXPECT_EQ(store_->Delete("a").error().code, ErrorCode::kUnavailable);
}

TEST_P(CloudFaults, ABucketThatIsNotThereIsNothingYetButCannotBeWritten) {
  store_ = world_.Open(google() ? "gs://other/p" : "s3://other/p");
  const auto listed = store_->List();
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_TRUE(listed->empty());
  EXPECT_EQ(Download().error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store_->Delete("a"));
  ExpectNothing(Upload(), ErrorCode::kUnavailable);
}

TEST_P(CloudFaults, NotFoundIsToldByStatusNotByText) {
  Put("x");
  http().Plant(description_method(), object(), {.status = 404, .headers = {}, .body = "<html>gateway</html>"});
  EXPECT_EQ(Download().error().code, ErrorCode::kNotFound);
  http().Plant(description_method(), object(), {.status = 400, .headers = {}, .body = "<Error><Code>NoSuchKey</Code></Error>"});
  EXPECT_EQ(Download().error().code, ErrorCode::kUnavailable);
}

TEST_P(CloudFaults, ADownloadThatIsCutGoesOnWhereItStopped) {
  Put(bytes_);
  http().Plant("GET", media(), {.status = 200, .headers = {}, .body = bytes_, .cut_after = 300'000});
  http().Plant("GET", media(), {.status = 503}, 0);
  ExpectDownloaded(Download());
  // The last GET carried on: it has far fewer bytes than the whole.
  EXPECT_GE(http().Count("GET", media()), 3);
}

TEST_P(CloudFaults, AServerWithoutRangesIsReadFromTheStart) {
  Put(bytes_);
  http().Plant("GET", media(), {.status = 200, .headers = {}, .body = bytes_, .cut_after = 300'000});
  http().Plant("GET", media(), {.status = 200, .headers = {}, .body = bytes_});
  ExpectDownloaded(Download());
}

TEST_P(CloudFaults, AnAnswerThatEndsEarlyIsACut) {
  Put(bytes_);
  http().Plant("GET", media(), {.status = 200, .headers = {}, .body = bytes_.substr(0, 500'000)});
  ExpectDownloaded(Download());
}

TEST_P(CloudFaults, DamagedBytesAreFetchedAgain) {
  Put(bytes_);
  std::string damaged = bytes_;
  damaged[700'000] ^= 1;
  http().Plant("GET", media(), {.status = 200, .headers = {}, .body = damaged});
  ExpectDownloaded(Download());
}

TEST_P(CloudFaults, BytesThatStayDamagedNeverGetTheName) {
  Put(bytes_);
  std::string damaged = bytes_;
  damaged[700'000] ^= 1;
  for (int i = 0; i < 2; ++i) http().Plant("GET", media(), {.status = 200, .headers = {}, .body = damaged});
  const auto got = Download();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kCorrupt) << got.error().message;
  EXPECT_EQ(world_.folder.files(), 1u);
}

TEST_P(CloudFaults, MoreBytesThanAnnouncedAreRefused) {
  Put(bytes_);
  http().Plant("GET", media(), {.status = 200, .headers = {}, .body = bytes_ + "x"});
  const auto got = Download();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(world_.folder.files(), 1u);
}

TEST_P(CloudFaults, AFolderThatIsNotThereIsALocalError) {
  Put(bytes_);
  const auto got = store_->Download("a", world_.folder / "no/such/folder", {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kNotFound);
  EXPECT_NE(got.error().message.find("cannot create"), std::string::npos);
}

TEST_P(CloudFaults, AnAnswerThatIsNoneIsAProtocolError) {
  http().Plant("GET", "prefix", {.status = 200, .headers = {}, .body = "<html>hello</html>"});
  EXPECT_EQ(store_->List().error().code, ErrorCode::kProtocol);
  http().Plant("POST", "upload", {.status = 200, .headers = {}, .body = "<html>hello</html>"});
  ExpectNothing(Upload(), ErrorCode::kProtocol);
}

TEST_P(CloudFaults, AServerThatIsNotThereIsUnavailable) {
  world_.options.endpoint = "http://127.0.0.1:1";
  store_ = world_.Open(store_->target());
  ExpectNothing(Upload(), ErrorCode::kUnavailable);
  EXPECT_EQ(Download().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(store_->List().error().code, ErrorCode::kUnavailable);
}

TEST_P(CloudFaults, APauseCanBeCancelled) {
  for (int i = 0; i < 2; ++i) http().Plant("POST", "upload", {.status = 503});
  const auto sent = store_->Upload(file_, "a", [&](std::uint64_t, std::uint64_t) { return world_.pauses.empty(); });
  ExpectNothing(sent, ErrorCode::kCancelled);
}

TEST_P(CloudFaults, ManyThreadsShareAStore) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      const std::string name = "of-" + std::to_string(i);
      EXPECT_TRUE(store_->Upload(file_, name, {}));
      EXPECT_TRUE(store_->Download(name, world_.folder / name, {}));
      EXPECT_TRUE(ReadBytes(world_.folder / name) == bytes_);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->List()->size(), 4u);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Clouds, CloudFaults, ::testing::Values("gs", "s3"), NameOf);

}  // namespace reflex::test
