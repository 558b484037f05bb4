#include "store/rules.h"

#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"

namespace reflex::store {
namespace {

PurgeRule Rule(std::int64_t before_ms, std::string model) {
  PurgeRule rule = PurgeModel(std::move(model));
  rule.before_ms = before_ms;
  return rule;
}

TEST(PurgeRule, MatchesWhatMeetsEveryCondition) {
  const Entry entry = *MakeEntry(3, 10);
  const std::int64_t at = entry.created_ms;
  EXPECT_TRUE(PurgeAll(at).Matches(entry));
  EXPECT_FALSE(PurgeAll(at - 1).Matches(entry));
  PurgeRule rule = PurgeAll(at);
  rule.model = "odd";
  rule.name_space = "space";
  rule.tag = "tag-0";
  EXPECT_TRUE(rule.Matches(entry));
  rule.model = "even";
  EXPECT_FALSE(rule.Matches(entry));
  PurgeRule none = PurgeAll(at);
  none.name_space = "";
  EXPECT_FALSE(none.Matches(entry));
  EXPECT_FALSE(PurgeTag("tag-1").Matches(entry));
}

TEST(RuleBook, HidesWhatCameBeforeAndOnlyThat) {
  RuleBook book;
  const Entry entry = *MakeEntry(3, 10);
  EXPECT_TRUE(book.Look().empty());
  const auto id = book.Add(Rule(entry.created_ms, "odd"), 10, nullptr);
  ASSERT_TRUE(id);
  EXPECT_TRUE(book.Look().HidesPending(entry, 9));
  EXPECT_FALSE(book.Look().HidesPending(entry, 11));
  EXPECT_TRUE(book.Look().HidesStored(entry, 1'000'000)) << "nobody knows yet what came after";
  book.Applied(*id, 10, 1, 50);
  EXPECT_TRUE(book.Look().HidesStored(entry, 49));
  EXPECT_FALSE(book.Look().HidesStored(entry, 50));
  EXPECT_FALSE(book.Look().HidesStored(*MakeEntry(2, 10), 49));
}

TEST(RuleBook, EqualPurgesAreOneUntilTheSweepBegins) {
  RuleBook book;
  std::vector<std::uint64_t> told;
  const auto tell = [&](std::uint64_t count) { told.push_back(count); };
  const auto first = *book.Add(Rule(100, "m"), 1, tell);
  EXPECT_EQ(*book.Add(Rule(200, "m"), 2, tell), first);
  EXPECT_NE(*book.Add(Rule(150, "m"), 3, tell), first) << "one that reaches less far must not widen it";
  EXPECT_NE(*book.Add(Rule(200, "n"), 4, tell), first);
  // The row of the older request must not narrow what the newer hides.
  book.Applied(first, 1, 7, 50);
  EXPECT_EQ(book.Find(first)->until_id, RuleBook::kAll);
  EXPECT_TRUE(book.BeginPass().empty());
  book.Applied(first, 2, 7, 60);
  const auto pass = book.BeginPass();
  ASSERT_EQ(pass.size(), 1u);
  EXPECT_EQ(pass[0].until_id, 60u);
  EXPECT_EQ(pass[0].rule.before_ms, 200);
  EXPECT_NE(*book.Add(Rule(300, "m"), 5, tell), first) << "a sweep under way is not begun anew";
  book.Finish({{first, 12}});
  EXPECT_EQ(told, (std::vector<std::uint64_t>{12, 12}));
  EXPECT_FALSE(book.Find(first));
}

TEST(RuleBook, AThousandAreTheMost) {
  RuleBook book;
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(book.Add(Rule(1, std::to_string(i)), 1, nullptr));
  EXPECT_EQ(book.Add(Rule(1, "more"), 1, nullptr).error().code, ErrorCode::kFull);
  EXPECT_TRUE(book.Add(Rule(1, "7"), 1, nullptr)) << "equal ones become one";
}

TEST(RuleBook, AViewOutlivesTheRule) {
  RuleBook book;
  const Entry entry = *MakeEntry(3, 10);
  const auto id = *book.Add(Rule(entry.created_ms, "odd"), 10, nullptr);
  const RuleBook::View before = book.Look();
  book.Finish({{id, 0}});
  EXPECT_TRUE(before.HidesStored(entry, 1));
  EXPECT_TRUE(book.Look().empty());
}

}  // namespace
}  // namespace reflex::store
