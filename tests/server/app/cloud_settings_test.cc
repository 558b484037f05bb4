#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "app/settings.h"

namespace reflex::app {
namespace {

using namespace std::chrono_literals;

std::string Refusal(const char* name, const char* value) {
  const Result<LoadedSettings> loaded = LoadSettings({.environment = {{name, value}}});
  return loaded ? "" : loaded.error().message;
}

TEST(CloudSettings, DefaultsAreSafeAnywhere) {
  const Result<LoadedSettings> loaded = LoadSettings({});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const cloud::InstanceOptions& instance = loaded->settings.instance;
  EXPECT_EQ(instance.provider, "local");
  EXPECT_EQ(instance.stop_command, "");
  EXPECT_EQ(instance.cloud.endpoint, "");
  EXPECT_EQ(instance.cloud.time_limit, 1h);
  EXPECT_EQ(instance.cloud.part_bytes, 8u << 20);
}

TEST(CloudSettings, TheNamesOfMigratingUsersWork) {
  const Result<LoadedSettings> loaded =
      LoadSettings({.environment = {{"REFLEX_CLOUD_PROVIDER", "gcp"}, {"REFLEX_CLOUD_REGION", "europe-west3"}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.instance.provider, "gcp");
  EXPECT_EQ(loaded->settings.instance.cloud.region, "europe-west3");
}

TEST(CloudSettings, AWordThatIsNotKnownStopsTheStart) {
  const std::string message = Refusal("REFLEX_CLOUD_PROVIDER", "azure");
  EXPECT_NE(message.find("azure"), std::string::npos) << message;
  EXPECT_NE(message.find("local"), std::string::npos) << message;
  EXPECT_NE(message.find("aws"), std::string::npos) << message;
  EXPECT_NE(Refusal("REFLEX_CLOUD_REGION", "a/b").find("eu-central-1"), std::string::npos);
  EXPECT_NE(Refusal("REFLEX_CLOUD_ENDPOINT", "ftp://x"), "");
  EXPECT_NE(Refusal("REFLEX_CLOUD_S3_STYLE", "other"), "");
  EXPECT_NE(Refusal("REFLEX_CLOUD_PART_BYTES", "1MiB"), "");
}

}  // namespace
}  // namespace reflex::app
