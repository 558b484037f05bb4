#include "app/setting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "app/settings.h"

namespace reflex::app {
namespace {

TEST(Setting, SizesAreReadInBinaryAndDecimalUnits) {
  EXPECT_EQ(ParseBytes("0").value(), 0u);
  EXPECT_EQ(ParseBytes("4096").value(), 4096u);
  EXPECT_EQ(ParseBytes("64MiB").value(), 64ull << 20);
  EXPECT_EQ(ParseBytes("8 GiB").value(), 8ull << 30);
  EXPECT_EQ(ParseBytes("1tib").value(), 1ull << 40);
  EXPECT_EQ(ParseBytes("500kB").value(), 500'000u);
  for (const char* bad :
       {"", "MiB", "-1", "1.5GiB", "64 M B", "64MiBs", "0x10", "18446744073709551616", "9999999999TiB", " 1", "1 "}) {
    EXPECT_FALSE(ParseBytes(bad)) << bad;
  }
}

TEST(Setting, DurationsNeedAUnit) {
  EXPECT_EQ(ParseDuration("100ms").value().count(), 100);
  EXPECT_EQ(ParseDuration("10s").value().count(), 10'000);
  EXPECT_EQ(ParseDuration("5m").value().count(), 300'000);
  EXPECT_EQ(ParseDuration("24h").value().count(), 86'400'000);
  EXPECT_EQ(ParseDuration("7d").value().count(), 604'800'000);
  for (const char* bad : {"", "10", "s", "-5s", "1.5s", "5 minutes", "99999999999999999d"}) EXPECT_FALSE(ParseDuration(bad)) << bad;
}

TEST(Setting, ShownSizesAndDurationsReadBackAsThemselves) {
  for (const std::uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 1536ull, 64ull << 20, 8ull << 30, (1ull << 40) + 1}) {
    EXPECT_EQ(ParseBytes(ShowBytes(bytes)).value(), bytes);
  }
  for (const int ms : {0, 1, 999, 1000, 1500, 60'000, 75'000, 300'000, 600'000, 86'400'000, 172'800'000, 604'800'000}) {
    EXPECT_EQ(ParseDuration(ShowDuration(std::chrono::milliseconds(ms))).value().count(), ms) << ms;
  }
  EXPECT_EQ(ShowBytes(64ull << 20), "64MiB");
  EXPECT_EQ(ShowDuration(std::chrono::hours(24)), "24h");
  EXPECT_EQ(ShowDuration(std::chrono::seconds(75)), "75s");
}

TEST(Setting, SharesAreDecimalsOrPercentages) {
  const auto row = std::ranges::find(SettingsTable(), "semantic.audit_share", &Setting::key);
  ASSERT_NE(row, SettingsTable().end());
  Settings settings;
  for (const auto& [text, value] : {std::pair("0", 0.0), std::pair("1", 1.0), std::pair("0.003", 0.003), std::pair("0.3%", 0.003),
                                    std::pair("12.5 %", 0.125), std::pair(".5", 0.5), std::pair("100%", 1.0)}) {
    ASSERT_TRUE(Assign(*row, settings, {text})) << text;
    EXPECT_DOUBLE_EQ(settings.gateway.audits.share, value) << text;
    Settings again;
    ASSERT_TRUE(Assign(*row, again, {Show(*row, settings)})) << Show(*row, settings);
    EXPECT_EQ(again.gateway.audits.share, settings.gateway.audits.share);
  }
  for (const char* bad : {"", "%", "-0.1", "1.1", "101%", "1e-3", "nan", "inf", "0,5", "0.5x", "+0.5", "0x1"}) {
    EXPECT_FALSE(Assign(*row, settings, {bad})) << bad;
  }
}

TEST(Setting, DecimalsMayBeNegativeAndStayInTheirRange) {
  const auto row = std::ranges::find(SettingsTable(), "reranker.offset", &Setting::key);
  ASSERT_NE(row, SettingsTable().end());
  Settings settings;
  for (const auto& [text, value] : {std::pair("0", 0.0), std::pair("-1.25", -1.25), std::pair("1000", 1000.0),
                                    std::pair("-1000", -1000.0), std::pair(".5", 0.5), std::pair(" 2.5 ", 2.5)}) {
    ASSERT_TRUE(Assign(*row, settings, {text})) << text;
    EXPECT_EQ(settings.semantic.reranker_offset, value) << text;
    Settings again;
    ASSERT_TRUE(Assign(*row, again, {Show(*row, settings)})) << Show(*row, settings);
    EXPECT_EQ(again.semantic.reranker_offset, settings.semantic.reranker_offset);
  }
  for (const char* bad : {"", "-", "1000.1", "-1001", "1e2", "nan", "-nan", "inf", "-inf", "1,5", "2x", "+1", "5%"}) {
    const Result<void> assigned = Assign(*row, settings, {bad});
    ASSERT_FALSE(assigned) << bad;
    EXPECT_EQ(assigned.error().message, "a decimal number from -1000 to 1000");
  }
}

TEST(Setting, NamesFollowFromTheKeyAndAreUnique) {
  std::set<std::string> keys, variables, flags;
  for (const Setting& setting : SettingsTable()) {
    EXPECT_TRUE(keys.insert(std::string(setting.key)).second) << setting.key;
    EXPECT_TRUE(variables.insert(setting.EnvName()).second) << setting.key;
    EXPECT_TRUE(flags.insert(setting.FlagName()).second) << setting.key;
    EXPECT_FALSE(SectionHelp(setting.Section()).empty()) << setting.key;
    EXPECT_FALSE(setting.help.empty()) << setting.key;
    EXPECT_FALSE(Allowed(setting).empty()) << setting.key;
    // An orchestrator's variables could not be told from ours.
    EXPECT_FALSE(setting.EnvName().starts_with("REFLEX_PORT_")) << setting.key;
    EXPECT_FALSE(setting.EnvName().starts_with("REFLEX_SERVICE_")) << setting.key;
  }
  for (const char* name : {"REFLEX_PORT",
                           "REFLEX_BIND_ADDR",
                           "REFLEX_STORAGE_PATH",
                           "REFLEX_L1_CAPACITY",
                           "REFLEX_TIERS",
                           "REFLEX_IO_THREADS",
                           "REFLEX_UPSTREAM",
                           "REFLEX_ANTHROPIC_UPSTREAM",
                           "REFLEX_GEMINI_UPSTREAM",
                           "REFLEX_UPSTREAM_KEY",
                           "REFLEX_CLIENT_KEYS_FILE",
                           "REFLEX_TENANT_SECRET_FILE",
                           "REFLEX_MEMORY_BYTES",
                           "REFLEX_MAX_WRONG_HITS",
                           "REFLEX_MODEL_PATH",
                           "REFLEX_RERANKER_PATH",
                           "REFLEX_RERANKER_THRESHOLD",
                           "REFLEX_RERANKER_SCALE",
                           "REFLEX_RERANKER_OFFSET",
                           "REFLEX_RERANKER_SEGMENTS"}) {
    EXPECT_TRUE(variables.contains(name)) << name;
  }
  EXPECT_TRUE(flags.contains("--memory-bytes"));
  EXPECT_TRUE(flags.contains("--port"));
}

// Whatever a row's kind and field are, its own default is allowed, and showing and reading it gives it again.
TEST(Setting, EveryDefaultIsAllowedAndReadsBack) {
  for (const Setting& setting : SettingsTable()) {
    Settings defaults, copy;
    const std::string plain = ShowPlain(setting, defaults);
    const std::vector<std::string> pieces = setting.kind == Kind::kList ? SplitList(plain, ',') : std::vector<std::string>{plain};
    EXPECT_TRUE(Assign(setting, copy, pieces)) << setting.key << " = " << plain;
    EXPECT_EQ(ShowPlain(setting, copy), plain) << setting.key;
  }
}

TEST(Setting, ValuesOutsideTheRangeAreRefusedWithWhatIsAllowed) {
  for (const Setting& setting : SettingsTable()) {
    const bool is_number = setting.kind == Kind::kCount || setting.kind == Kind::kBytes || setting.kind == Kind::kDuration ||
                           setting.kind == Kind::kPercent || setting.kind == Kind::kBool || setting.kind == Kind::kChoice;
    if (!is_number) continue;
    const bool is_duration = setting.kind == Kind::kDuration;
    Settings settings;
    std::vector<std::string> bad = {"", "x", "-1", "1.5", "99999999999999999999"};
    if (setting.min > 0) bad.push_back(std::to_string(setting.min - 1) + (is_duration ? "ms" : ""));
    if (setting.max < (1ull << 62) && setting.kind != Kind::kBool && setting.kind != Kind::kChoice) {
      bad.push_back(std::to_string(setting.max + 1) + (is_duration ? "ms" : ""));
    }
    for (const std::string& value : bad) {
      const Result<void> assigned = Assign(setting, settings, {value});
      ASSERT_FALSE(assigned) << setting.key << " = " << value;
      EXPECT_EQ(assigned.error().code, ErrorCode::kInvalidArgument);
      EXPECT_EQ(assigned.error().message, Allowed(setting));
    }
    EXPECT_EQ(ShowPlain(setting, settings), ShowPlain(setting, Settings()))
        << setting.key << ": a refused value must change nothing";
  }
}

TEST(Setting, TextIsUtf8WithoutControlCharacters) {
  for (const Setting& setting : SettingsTable()) {
    if (setting.kind != Kind::kText && setting.kind != Kind::kPath && setting.kind != Kind::kUrl && setting.kind != Kind::kList)
      continue;
    Settings settings;
    EXPECT_FALSE(Assign(setting, settings, {"a\nb"})) << setting.key;
    EXPECT_FALSE(Assign(setting, settings, {std::string("a\0b", 3)})) << setting.key;
    for (const char* bad : {"\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
      EXPECT_FALSE(Assign(setting, settings, {bad})) << setting.key;
    }
  }
}

}  // namespace
}  // namespace reflex::app
