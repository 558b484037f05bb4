// A threshold outside its range ended the process. Here it is an error with a sentence, from settings and from the library.
#include <gtest/gtest.h>

#include <cmath>

#include "app/settings.h"
#include "regression/tier_world.h"

namespace reflex::regression {
namespace {

TEST(BadThreshold, SettingsRefuseIt) {
  for (const char* bad : {"2", "-0.1", "nan", "inf", "0", "high"}) {
    app::SettingsInput input;
    input.environment = {{"REFLEX_MAX_WRONG_HITS", bad}};
    const auto loaded = app::LoadSettings(input);
    ASSERT_FALSE(loaded.has_value()) << bad;
    EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(loaded.error().message.find("REFLEX_MAX_WRONG_HITS"), std::string::npos) << loaded.error().message;
  }
}

TEST(BadThreshold, TheLibraryRefusesIt) {
  TierWorld world(32);
  for (const double bad : {2.0, -0.1, 0.0, std::nan(""), HUGE_VAL}) {
    world.options = {};
    world.options.max_wrong_hits = bad;
    const auto started = world.Start();
    ASSERT_FALSE(started.has_value()) << bad;
    EXPECT_EQ(started.error().code, ErrorCode::kInvalidArgument);
  }
  for (const double bad : {1.5, -1.0, std::nan("")}) {
    world.options = {};
    world.options.reranker_threshold = bad;
    const auto started = world.Start();
    ASSERT_FALSE(started.has_value()) << bad;
    EXPECT_EQ(started.error().message, "semantic reranker_threshold must be 0 to 1");
  }
}

}  // namespace
}  // namespace reflex::regression
