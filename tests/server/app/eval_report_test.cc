#include "app/eval_report.h"

#include <gtest/gtest.h>

#include <string>

#include "app/json_page.h"
#include "app/progress_bar.h"
#include "wire/json.h"

namespace reflex::app {
namespace {

TEST(EvalReport, WilsonIntervalsAreThoseOfTheBook) {
  // [Wilson 1927], z = 1.96: 3 of 274, worked out by hand.
  const Interval few = WilsonInterval(3, 274);
  EXPECT_NEAR(few.low, 0.00373, 0.00001);
  EXPECT_NEAR(few.high, 0.03169, 0.00001);
  EXPECT_EQ(WilsonInterval(0, 10).low, 0);
  EXPECT_NEAR(WilsonInterval(10, 10).high, 1, 1e-12);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
}

TEST(EvalReport, IsOnePageAndOneObject) {
  EvalReport report;
  report.AddText("kind", "kind", "a \"b\"");
  report.AddCount("rows", "rows", 4);
  report.AddShare("hits", "hits", 1, 4);
  report.BeginGroup("misses", "Misses");
  report.AddShare("score", "score", 0, 0);
  report.BeginGroup("empty", "Nothing");
  const std::string json = report.ToJson();
  wire::json::Document document;
  ASSERT_EQ(document.Parse(json), "") << json;
  EXPECT_EQ(document.root().Find("kind").text(), "a \"b\"");
  EXPECT_EQ(document.root().Find("rows").raw(), "4");
  EXPECT_EQ(document.root().Find("hits").Find("share").raw(), "0.250000");
  EXPECT_TRUE(document.root().Find("misses").Find("score").Find("share").IsNothing());
  EXPECT_TRUE(document.root().Find("empty").IsObject());
  const std::string page = report.ToText();
  EXPECT_NE(page.find("1 of 4"), std::string::npos) << page;
  EXPECT_NE(page.find("25.00 %"), std::string::npos);
  EXPECT_NE(page.find("\nMisses\n  score"), std::string::npos);
}

TEST(ProgressBar, SaysHowFarAndHowLong) {
  using std::chrono::milliseconds;
  EXPECT_EQ(ProgressBar::Line("pairs", 0, 10, milliseconds(0)), "pairs [                              ]   0 %  0 of 10");
  EXPECT_EQ(ProgressBar::Line("pairs", 5, 10, milliseconds(65'000)),
            "pairs [###############               ]  50 %  5 of 10, 1:05 left");
  EXPECT_EQ(ProgressBar::Line("pairs", 10, 10, milliseconds(1)), "pairs [##############################] 100 %  10 of 10");
  EXPECT_EQ(ProgressBar::Line("pairs", 0, 0, milliseconds(1)), "pairs [                              ]   0 %  0 of 0");
}

TEST(JsonPage, IsReadByPeople) {
  EXPECT_EQ(JsonPage(R"({"a":1,"b":{"c":"x y","d":[]},"list":["p",{"q":true,"r":null},[2]]})"),
            "a: 1\nb:\n  c: x y\n  d: []\nlist:\n  - p\n  - q: true\n    r: null\n  - - 2\n");
  EXPECT_EQ(JsonPage("no json"), "no json");
  // Nothing a question holds reaches the terminal as a command.
  EXPECT_EQ(JsonPage("{\"a\":\"x\\u001b[2J\\ny\"}"), "a: x [2J y\n");
}

}  // namespace
}  // namespace reflex::app
