#include "text/numbers.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

std::vector<Quantity> Find(std::string_view text) { return FindQuantities(text, SplitWords(text, 200)); }

bool Same(std::string_view a, std::string_view b) {
  return UnmatchedQuantities(Find(a), Find(b)).empty() && UnmatchedQuantities(Find(b), Find(a)).empty();
}

struct NumberPair {
  const char *a, *b;
};

class EqualNumbers : public testing::TestWithParam<NumberPair> {};
TEST_P(EqualNumbers, Match) { EXPECT_TRUE(Same(GetParam().a, GetParam().b)) << GetParam().a << " | " << GetParam().b; }
INSTANTIATE_TEST_SUITE_P(
    Numbers, EqualNumbers,
    testing::Values(NumberPair{"wait 120 s", "wait 2 min"}, NumberPair{"wait 120 seconds", "wait two minutes"},
                    NumberPair{"half an hour", "30 minutes"}, NumberPair{"half a second", "500 ms"},
                    NumberPair{"a quarter of an hour", "15 minutes"}, NumberPair{"1k rows", "1000 rows"},
                    NumberPair{"5 thousand rows", "5k rows"}, NumberPair{"2 million rows", "2000000 rows"},
                    NumberPair{"twenty-five people", "25 people"}, NumberPair{"twenty five people", "25 people"},
                    NumberPair{"three hundred people", "300 people"}, NumberPair{"a dozen eggs", "12 eggs"},
                    NumberPair{"at 5pm", "at 17:00"}, NumberPair{"at 3 am", "at 03:00"}, NumberPair{"50% opacity", "opacity 0.5"},
                    NumberPair{"20 percent", "20%"}, NumberPair{"the 3rd row", "the third row"}, NumberPair{"twice", "two times"},
                    NumberPair{"$5", "5 dollars"},
                    NumberPair{"\xe2\x82\xac"
                               "5",
                               "5 euros"},
                    NumberPair{"1.5 kg", "1500 g"}, NumberPair{"one and a half kilos", "1.5 kg"}, NumberPair{"2 km", "2000 meters"},
                    NumberPair{"2024-03-05", "March 5, 2024"}, NumberPair{"2024-03-05", "5 March 2024"},
                    NumberPair{"a 10 MB file", "a 10-megabyte file"},
                    NumberPair{"180 \xc2\xb0"
                               "C",
                               "180 degrees"},
                    NumberPair{"the 1980s", "the 1980s"}, NumberPair{"every hour", "once an hour"},
                    NumberPair{"Python 3 script", "python script"}, NumberPair{"k8s cluster", "kubernetes cluster"},
                    NumberPair{"2000 mAh", "2 Ah"}, NumberPair{"60 minutes", "an hour"},
                    NumberPair{"a hundred and one Fahrenheit",
                               "101 \xc2\xb0"
                               "F"},
                    NumberPair{"two hundred and fifty-five words", "255 words"}, NumberPair{"one thousand two hundred", "1200"},
                    NumberPair{"26.2 miles", "42.195 km"}, NumberPair{"101 F", "38.3 C"},
                    NumberPair{"5 pounds of 10 lb", "5 pounds of 4.54 kg"}));

class OtherNumbers : public testing::TestWithParam<NumberPair> {};
TEST_P(OtherNumbers, DoNotMatch) { EXPECT_FALSE(Same(GetParam().a, GetParam().b)) << GetParam().a << " | " << GetParam().b; }
INSTANTIATE_TEST_SUITE_P(Numbers, OtherNumbers,
                         testing::Values(NumberPair{"wait 120 s", "wait 120 min"}, NumberPair{"top 3", "top 5"},
                                         NumberPair{"2 kg", "2 lb"}, NumberPair{"5pm", "5am"}, NumberPair{"17:00", "17:30"},
                                         NumberPair{"Python 3.10 syntax", "Python 3.1 syntax"},
                                         NumberPair{"version 1.2.3", "version 1.3.2"}, NumberPair{"$5", "5 euros"},
                                         NumberPair{"an hour", "a day"}, NumberPair{"sha256", "sha512"},
                                         NumberPair{"2024-03-05", "2024-05-03"}, NumberPair{"1k", "1m"}, NumberPair{"20 C", "20 F"},
                                         NumberPair{"10 MB", "10 GB"}, NumberPair{"once a week", "twice a week"},
                                         NumberPair{"5%", "5"}, NumberPair{"26 miles", "42.195 km"}, NumberPair{"1000 m", "1001 m"},
                                         NumberPair{"101 F", "39 C"}, NumberPair{"two hundred and fifty", "two hundred"},
                                         NumberPair{"a hundred and one", "a hundred"}));

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
