#include <set>
#include <string>

#include <gtest/gtest.h>

#include "reflex/clock.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {
namespace {

TEST(Contract, EveryErrorCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const std::string_view name = Name(static_cast<ErrorCode>(code));
    EXPECT_NE(name, "unknown");
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Contract, AnEntryCountsItsStrings) {
  Entry entry;
  const std::size_t empty = entry.MemoryBytes();
  entry.reply = std::string(1000, 'r');
  entry.layout = std::string(100, 'l');
  entry.tags = {"one", "three"};
  EXPECT_EQ(entry.MemoryBytes(), empty + 1100 + 2 * sizeof(std::string) + 8);
}

Result<int> Half(int value) { return value % 2 == 0 ? Result<int>(value / 2) : Fail(ErrorCode::kInvalidArgument, "odd"); }

Result<int> Quarter(int value) {
  REFLEX_TRY(const int half, Half(value));
  return Half(half);
}

TEST(Contract, TryPassesErrorsUp) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().message, "odd");
  EXPECT_EQ(Quarter(5).error().code, ErrorCode::kInvalidArgument);
}

TEST(Contract, TheSteadyClockNeverRunsBackwards) {
  SystemClock clock;
  const auto a = clock.SteadyNs();
  EXPECT_GE(clock.SteadyNs(), a);
  EXPECT_GT(clock.WallMs(), 1'600'000'000'000);
}

}  // namespace
}  // namespace reflex
