// How a model's vectors become one was fixed in the code, which is wrong for most models. Here the model's file says it, and a
// setting overrules the file.
#include <gtest/gtest.h>

#include <string>

#include "app/settings.h"
#include "inference/gguf_embedder.h"

namespace reflex::app {
namespace {

TEST(Pooling, CanBeChosen) {
  EXPECT_EQ(Settings().models.pooling, "file");
  for (const char* name : {"file", "mean", "cls", "last"}) {
    SettingsInput input;
    input.environment = {{"REFLEX_MODEL_POOLING", name}};
    const auto loaded = LoadSettings(input);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    EXPECT_EQ(loaded->settings.models.pooling, name);
    const auto pooling = inference::PoolingFromName(name);
    ASSERT_TRUE(pooling.has_value());
    EXPECT_EQ(inference::Name(*pooling), name);
  }
  const auto mean = inference::PoolingFromName("mean"), last = inference::PoolingFromName("last");
  EXPECT_NE(*mean, *last);
}

TEST(Pooling, AnUnknownWordIsRefused) {
  SettingsInput input;
  input.environment = {{"REFLEX_MODEL_POOLING", "average"}};
  EXPECT_FALSE(LoadSettings(input).has_value());
  EXPECT_FALSE(inference::PoolingFromName("average").has_value());
}

}  // namespace
}  // namespace reflex::app
