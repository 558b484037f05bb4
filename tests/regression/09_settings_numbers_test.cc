// A number that could not be read became the default without a word. Here it stops the start, for every setting that has a number.
#include <gtest/gtest.h>

#include <string>

#include "app/settings.h"

namespace reflex::app {
namespace {

bool HasNumber(Kind kind) {
  return kind == Kind::kCount || kind == Kind::kPercent || kind == Kind::kShare || kind == Kind::kBytes || kind == Kind::kDuration;
}

TEST(SettingsNumbers, WhatIsNoNumberIsRefusedByName) {
  int settings = 0;
  for (const Setting& setting : SettingsTable()) {
    if (!HasNumber(setting.kind)) continue;
    ++settings;
    for (const char* bad : {"twelve", "12x", "-1", "1e99999", "0x10", " ", "99999999999999999999999999"}) {
      SettingsInput input;
      input.environment = {{setting.EnvName(), bad}};
      const auto loaded = LoadSettings(input);
      ASSERT_FALSE(loaded.has_value()) << setting.key << " took \"" << bad << '"';
      EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidArgument);
      EXPECT_NE(loaded.error().message.find(setting.EnvName()), std::string::npos) << loaded.error().message;
    }
  }
  EXPECT_GT(settings, 20);
}

TEST(SettingsNumbers, TheSameFromTheFileAndAFlag) {
  SettingsInput file;
  file.file_name = "reflex.toml";
  file.file_text = "[server]\nport = \"eighty\"\n";
  EXPECT_FALSE(LoadSettings(file).has_value());
  SettingsInput flag;
  flag.flags = {{"--port", "70000"}};
  EXPECT_FALSE(LoadSettings(flag).has_value());
}

}  // namespace
}  // namespace reflex::app
