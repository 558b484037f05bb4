#include "gateway/usage_refusals.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace reflex::gateway {
namespace {

using upstream::Provider;

constexpr std::int64_t kHourNs = 3'600'000'000'000;

TEST(UsageRefusals, EachModelOfEachProviderCountsForItselfForAnHour) {
  UsageRefusals refusals;
  EXPECT_FALSE(refusals.Has(Provider::kOpenAi, "m", 0));
  refusals.Add(Provider::kOpenAi, "m", 5);
  EXPECT_TRUE(refusals.Has(Provider::kOpenAi, "m", 4 + kHourNs));
  EXPECT_FALSE(refusals.Has(Provider::kOpenAi, "m", 5 + kHourNs));
  EXPECT_FALSE(refusals.Has(Provider::kOpenAi, "n", 5));
  EXPECT_FALSE(refusals.Has(Provider::kGemini, "m", 5));
  refusals.Add(Provider::kOpenAi, "m", 7 + kHourNs);
  EXPECT_TRUE(refusals.Has(Provider::kOpenAi, "m", 6 + 2 * kHourNs)) << "refused once more";
}

TEST(UsageRefusals, AreBounded) {
  UsageRefusals refusals;
  for (std::size_t i = 0; i <= UsageRefusals::kKept; ++i) refusals.Add(Provider::kOpenAi, std::to_string(i), 0);
  EXPECT_FALSE(refusals.Has(Provider::kOpenAi, "0", 0)) << "the oldest";
  EXPECT_TRUE(refusals.Has(Provider::kOpenAi, "1", 0));
  EXPECT_TRUE(refusals.Has(Provider::kOpenAi, std::to_string(UsageRefusals::kKept), 0));
  const std::string longer(UsageRefusals::kNameBytesMax + 1, 'x');
  refusals.Add(Provider::kOpenAi, longer, 0);
  EXPECT_FALSE(refusals.Has(Provider::kOpenAi, longer, 0));
}

}  // namespace
}  // namespace reflex::gateway
