#include "app/pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/files.h"

namespace reflex::app {
namespace {

TEST(Pages, TheDocumentIsThatOfTheTable) {
  const Result<std::string> document = base::ReadFile(std::filesystem::path(REFLEX_SOURCE_DIR) / "docs/configuration.md", 1 << 20);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_TRUE(*document == SettingsPage()) << "docs/configuration.md is out of date: write it anew with `reflex settings-page`";
}

TEST(Pages, HelpNamesEverySettingAndCommandInLinesThatFit) {
  const std::string help = HelpPage();
  for (const Setting& setting : SettingsTable()) {
    EXPECT_NE(help.find("  " + setting.FlagName() + " (" + setting.EnvName() + ")"), std::string::npos) << setting.key;
  }
  for (const char* part : {"serve", "config", "health", "stats", "purge", "entries delete", "explain", "eval", "models check",
                           "tauq encode|decode", "version", "Examples:", "--config"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("      ")) EXPECT_LE(line.size(), 106u) << line;
  }
}

TEST(Pages, ConfigIsASettingsFileThatGivesTheSameSettings) {
  SettingsInput input{
      .flags = {{"--port", "81"}, {"--server-hosts", "a,b"}, {"--cache-ttl", "90s"}, {"--storage-path", "/x/\"y\\"}}};
  const Result<LoadedSettings> loaded = LoadSettings(input);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const std::string page = ConfigPage(*loaded);
  EXPECT_NE(page.find("# flag --port"), std::string::npos);

  const Result<LoadedSettings> again = LoadSettings({.file_name = "r.toml", .file_text = page});
  ASSERT_TRUE(again) << again.error().message;
  for (const Setting& setting : SettingsTable()) {
    EXPECT_EQ(Show(setting, again->settings), Show(setting, loaded->settings)) << setting.key;
  }
}

TEST(Pages, ConfigWithAddressesIsNoContradiction) {
  const Result<LoadedSettings> loaded = LoadSettings({.flags = {{"--server-listen", "127.0.0.1:1,unix:/x"}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Result<LoadedSettings> again = LoadSettings({.file_name = "r.toml", .file_text = ConfigPage(*loaded)});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->settings.listen, loaded->settings.listen);
}

TEST(Pages, ConfigHidesSecrets) {
  SettingsInput input{.environment = {{"REFLEX_UPSTREAM_KEY", "sk-very-secret"}, {"https_proxy", "http://user:word@proxy:1"}}};
  const Result<LoadedSettings> loaded = LoadSettings(input);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const std::string page = ConfigPage(*loaded);
  EXPECT_EQ(page.find("sk-very"), std::string::npos);
  EXPECT_EQ(page.find("word"), std::string::npos);
  EXPECT_NE(page.find("upstream.key = \"[secret]\""), std::string::npos);
  EXPECT_NE(page.find("# environment REFLEX_UPSTREAM_KEY"), std::string::npos);
}

}  // namespace
}  // namespace reflex::app
