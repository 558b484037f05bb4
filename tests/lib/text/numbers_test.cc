#include "text/numbers.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

std::vector<Quantity> Find(std::string_view text) { return FindQuantities(text, SplitWords(text, 200)); }

bool Same(std::string_view a, std::string_view b) {
  return UnmatchedQuantities(Find(a), Find(b)).empty() && UnmatchedQuantities(Find(b), Find(a)).empty();
}

struct Pair {
  const char *a, *b;
};

class EqualNumbers : public testing::TestWithParam<Pair> {};
TEST_P(EqualNumbers, Match) { EXPECT_TRUE(Same(GetParam().a, GetParam().b)) << GetParam().a << " | " << GetParam().b; }
INSTANTIATE_TEST_SUITE_P(
    Numbers, EqualNumbers,
    testing::Values(Pair{"wait 120 s", "wait 2 min"}, Pair{"wait 120 seconds", "wait two minutes"},
                    Pair{"half an hour", "30 minutes"}, Pair{"half a second", "500 ms"}, Pair{"a quarter of an hour", "15 minutes"},
                    Pair{"1k rows", "1000 rows"}, Pair{"5 thousand rows", "5k rows"}, Pair{"2 million rows", "2000000 rows"},
                    Pair{"twenty-five people", "25 people"}, Pair{"twenty five people", "25 people"},
                    Pair{"three hundred people", "300 people"}, Pair{"a dozen eggs", "12 eggs"}, Pair{"at 5pm", "at 17:00"},
                    Pair{"at 3 am", "at 03:00"}, Pair{"50% opacity", "opacity 0.5"}, Pair{"20 percent", "20%"},
                    Pair{"the 3rd row", "the third row"}, Pair{"twice", "two times"}, Pair{"$5", "5 dollars"},
                    Pair{"\xe2\x82\xac"
                         "5",
                         "5 euros"},
                    Pair{"1.5 kg", "1500 g"}, Pair{"one and a half kilos", "1.5 kg"}, Pair{"2 km", "2000 meters"},
                    Pair{"2024-03-05", "March 5, 2024"}, Pair{"2024-03-05", "5 March 2024"},
                    Pair{"a 10 MB file", "a 10-megabyte file"},
                    Pair{"180 \xc2\xb0"
                         "C",
                         "180 degrees"},
                    Pair{"the 1980s", "the 1980s"}, Pair{"every hour", "once an hour"}, Pair{"Python 3 script", "python script"},
                    Pair{"k8s cluster", "kubernetes cluster"}, Pair{"2000 mAh", "2 Ah"}, Pair{"60 minutes", "an hour"},
                    Pair{"a hundred and one Fahrenheit",
                         "101 \xc2\xb0"
                         "F"},
                    Pair{"two hundred and fifty-five words", "255 words"}, Pair{"one thousand two hundred", "1200"},
                    Pair{"26.2 miles", "42.195 km"}, Pair{"101 F", "38.3 C"}, Pair{"5 pounds of 10 lb", "5 pounds of 4.54 kg"}));

class OtherNumbers : public testing::TestWithParam<Pair> {};
TEST_P(OtherNumbers, DoNotMatch) { EXPECT_FALSE(Same(GetParam().a, GetParam().b)) << GetParam().a << " | " << GetParam().b; }
INSTANTIATE_TEST_SUITE_P(Numbers, OtherNumbers,
                         testing::Values(Pair{"wait 120 s", "wait 120 min"}, Pair{"top 3", "top 5"}, Pair{"2 kg", "2 lb"},
                                         Pair{"5pm", "5am"}, Pair{"17:00", "17:30"},
                                         Pair{"Python 3.10 syntax", "Python 3.1 syntax"}, Pair{"version 1.2.3", "version 1.3.2"},
                                         Pair{"$5", "5 euros"}, Pair{"an hour", "a day"}, Pair{"sha256", "sha512"},
                                         Pair{"2024-03-05", "2024-05-03"}, Pair{"1k", "1m"}, Pair{"20 C", "20 F"},
                                         Pair{"10 MB", "10 GB"}, Pair{"once a week", "twice a week"}, Pair{"5%", "5"},
                                         Pair{"26 miles", "42.195 km"}, Pair{"1000 m", "1001 m"}, Pair{"101 F", "39 C"},
                                         Pair{"two hundred and fifty", "two hundred"}, Pair{"a hundred and one", "a hundred"}));

TEST(Numbers, EachPartnerCountsOnce) { EXPECT_EQ(UnmatchedQuantities(Find("2 and 2"), Find("2")).size(), 1u); }

TEST(Numbers, WordsAndOrdinalsAreWeak) {
  for (const Quantity& quantity : Find("three services, the second one, twice over")) {
    if (quantity.value == 3 || quantity.value == 2) continue;
    ADD_FAILURE() << quantity.value;
  }
  EXPECT_TRUE(Find("three services")[0].weak);
  EXPECT_FALSE(Find("3 services")[0].weak);
  EXPECT_FALSE(Find("three minutes")[0].weak);
}

TEST(Numbers, LongRowsOfDigitsAreSafe) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "99999999999999999999999999999999 1e999 0x 9.9.9.9 ";
  EXPECT_FALSE(Find(text).empty());
}

}  // namespace
}  // namespace reflex::text
