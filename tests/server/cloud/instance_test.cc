#include "cloud/instance.h"

#include <gtest/gtest.h>

#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

using std::chrono::milliseconds;

class InstanceStop : public ::testing::Test {
 protected:
  Result<void> Stop() {
    options_.cloud = world_.options;
    auto instance = cloud::OpenInstance(options_, world_.clock, world_.log);
    if (!instance) return std::unexpected(instance.error());
    return (*instance)->Stop();
  }

  CloudWorld world_;
  cloud::InstanceOptions options_;
};

TEST_F(InstanceStop, WithoutAnythingSetSaysWhatToSet) {
  const auto stopped = Stop();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kInvalidArgument);
  for (const char* name : {"cloud.provider", "REFLEX_CLOUD_PROVIDER", "cloud.stop_command"}) {
    EXPECT_NE(stopped.error().message.find(name), std::string::npos);
  }
}

TEST_F(InstanceStop, OfAnUnknownProviderIsRefused) {
  options_.provider = "azure";
  EXPECT_NE(Stop().error().message.find("allowed: local, gcp, aws"), std::string::npos);
  options_.provider = "gcp";
  options_.endpoint = "nonsense";
  EXPECT_NE(Stop().error().message.find("cloud.instance_endpoint"), std::string::npos);
}

TEST_F(InstanceStop, OpeningContactsNothing) {
  FakeGoogle fake;
  options_.endpoint = world_.options.metadata_endpoint = fake.url();
  options_.cloud = world_.options;
  for (const char* provider : {"local", "gcp", "aws"}) {
    options_.provider = provider;
    EXPECT_TRUE(cloud::OpenInstance(options_, world_.clock, world_.log));
  }
  EXPECT_TRUE(fake.http().seen().empty());
}

TEST_F(InstanceStop, OfComputeEngineAsksItsApi) {
  FakeGoogle fake;
  options_.provider = "gcp";
  options_.endpoint = world_.options.metadata_endpoint = fake.url();
  fake.http().Plant("POST", "/stop", {.status = 503});
  const auto stopped = Stop();
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_TRUE(fake.stopped());
}

TEST_F(InstanceStop, OfComputeEngineThatIsRefusedIsAnError) {
  FakeGoogle fake;
  options_.provider = "gcp";
  options_.endpoint = world_.options.metadata_endpoint = fake.url();
  fake.http().Plant("POST", "/stop",
                    {.status = 403, .headers = {}, .body = R"({"error":{"message":"no compute.instances.stop"}})"});
  const auto refused = Stop();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find("no compute.instances.stop"), std::string::npos);
  fake.http().Plant("POST", "/stop", {.status = 200, .headers = {}, .body = R"({"error":{"message":"at once"}})"});
  EXPECT_FALSE(Stop());
  fake.http().Plant("GET", "/instance/name", {.status = 200, .headers = {{"Metadata-Flavor", "Google"}}, .body = "../../evil"});
  EXPECT_EQ(Stop().error().code, ErrorCode::kProtocol);
  EXPECT_FALSE(fake.stopped());
}

TEST_F(InstanceStop, OfEc2AsksItsApi) {
  FakeS3 fake;
  options_.provider = "aws";
  options_.endpoint = world_.options.metadata_endpoint = fake.url();
  const auto stopped = Stop();
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_TRUE(fake.stopped());
  EXPECT_EQ(fake.http().Count("GET", "placement/region"), 1);
  EXPECT_EQ(fake.sessions_seen().size(), 1u);
}

TEST_F(InstanceStop, OfEc2ThatIsRefusedIsAnError) {
  FakeS3 fake;
  options_.provider = "aws";
  options_.endpoint = world_.options.metadata_endpoint = fake.url();
  fake.ExpireKeys();
  fake.http().Plant("POST", "/",
                    {.status = 403,
                     .headers = {},
                     .body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>"});
  const auto refused = Stop();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().message.find("UnauthorizedOperation"), std::string::npos);
  EXPECT_FALSE(fake.stopped());
}

TEST_F(InstanceStop, ByACommandRunsIt) {
  const std::string made = (world_.folder / "made").string();
  options_.stop_command = "printf done > '" + made + "'";
  ASSERT_TRUE(Stop());
  EXPECT_EQ(ReadBytes(made), "done");
  options_.provider = "gcp";  // The operator's own word goes before the cloud's.
  std::filesystem::remove(made);
  ASSERT_TRUE(Stop());
  EXPECT_EQ(ReadBytes(made), "done");
}

TEST_F(InstanceStop, ByACommandThatFailsIsAnError) {
  options_.stop_command = "exit 3";
  EXPECT_EQ(Stop().error().code, ErrorCode::kUnavailable);
  EXPECT_NE(Stop().error().message.find("status 3"), std::string::npos);
  options_.stop_command = "kill -9 $$";
  EXPECT_NE(Stop().error().message.find("signal 9"), std::string::npos);
}

TEST_F(InstanceStop, ByACommandThatHangsIsKilled) {
  options_.stop_command = "sleep 1000 & wait";
  options_.stop_timeout = milliseconds(200);
  const auto stopped = Stop();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kTimeout);
  EXPECT_NE(stopped.error().message.find("200 ms"), std::string::npos);
}

}  // namespace
}  // namespace reflex::test
