// What only servers of others can show: they check signatures and rights themselves.
#include <gtest/gtest.h>

#include <sstream>

#include "child.h"
#include "cloud/instance.h"
#include "fake_clouds.h"
#include "place.h"

namespace reflex::test {
namespace {

TEST(S3Server, RefusesAWrongSecretAndAnUnknownKey) {
  const auto place = MakePlace("s3_server");
  ASSERT_TRUE(place->Open()->List());
  const std::string secret = place->world.variables["AWS_SECRET_ACCESS_KEY"];
  place->world.variables["AWS_SECRET_ACCESS_KEY"] = secret + "x";
  const auto wrong = place->Open()->List();
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(wrong.error().message.find("SignatureDoesNotMatch"), std::string::npos) << wrong.error().message;
  place->world.variables = {{"AWS_ACCESS_KEY_ID", "AKIAUNKNOWN"}, {"AWS_SECRET_ACCESS_KEY", secret}};
  const auto unknown = place->Open()->List();
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("InvalidAccessKeyId"), std::string::npos) << unknown.error().message;
}

TEST(S3Server, StopsAnInstanceThatSignsItsRequest) {
  Child server({REFLEX_CLOUD_PYTHON, std::string(REFLEX_SOURCE_DIR) + "/tests/cloud/s3_server.py"});
  std::istringstream line(server.Line());
  std::string url, id, secret, machine;
  line >> url >> id >> secret >> machine;
  ASSERT_FALSE(machine.empty()) << "tests/cloud/s3_server.py did not start; its Python is made by tools/cloud_servers.sh";
  FakeS3 metadata;
  metadata.http().Plant("GET", "/instance-id", {.status = 200, .headers = {}, .body = machine});
  CloudWorld world;
  world.options.metadata_endpoint = metadata.url();
  world.variables = {{"AWS_ACCESS_KEY_ID", id}, {"AWS_SECRET_ACCESS_KEY", secret}};
  cloud::InstanceOptions options{.provider = "aws", .stop_command = {}, .endpoint = url, .cloud = world.options};
  auto instance = cloud::OpenInstance(options, world.clock, world.log);
  ASSERT_TRUE(instance);
  const auto stopped = (*instance)->Stop();
  ASSERT_TRUE(stopped) << stopped.error().message;
  metadata.http().Plant("GET", "/instance-id", {.status = 200, .headers = {}, .body = machine});
  options.cloud.variable = [&, id](const char* name) {
    return std::string_view(name) == "AWS_ACCESS_KEY_ID"       ? id
           : std::string_view(name) == "AWS_SECRET_ACCESS_KEY" ? secret + "x"
                                                               : std::string();
  };
  instance = cloud::OpenInstance(options, world.clock, world.log);
  const auto refused = (*instance)->Stop();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace reflex::test
