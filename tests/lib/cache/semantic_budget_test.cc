#include "cache/semantic_budget.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "lib/cache/semantic_fixture.h"

namespace reflex::cache {
namespace {

class SemanticBudget : public SemanticTest {
 protected:
  // Controls without an error, then wrong hits.
  void Worsen(const std::string& name_space) {
    for (int i = 0; i < 700; ++i) tier_->Label(name_space, false, true);
    for (int i = 0; i < 400; ++i) tier_->Label(name_space, true, false);
  }
  BudgetView Budget(const std::string& name_space) {
    for (const BudgetView& view : tier_->Budgets(100)) {
      if (view.name_space == name_space) return view;
    }
    return {};
  }
  SimilarFound FindIn(const std::string& name_space, std::string_view question) {
    SimilarQuery query;
    query.scope = Scope("a");
    query.question = question;
    query.name_space = name_space;
    query.usable = [](const Entry&) { return true; };
    return tier_->Find(query);
  }
};

TEST_F(SemanticBudget, WrongHitsEndTheTierInTheirNamespaceAlone) {
  Start();
  Store("How do I sort a list in Python?");
  ASSERT_NE(FindIn("bad", "how do i sort a list in python").entry, nullptr);
  Worsen("bad");
  const SimilarFound found = FindIn("bad", "how do i sort a list in python");
  EXPECT_EQ(found.entry, nullptr);
  EXPECT_EQ(found.miss, SimilarMiss::kBudget);
  EXPECT_TRUE(Budget("bad").off);
  EXPECT_NE(FindIn("good", "how do i sort a list in python").entry, nullptr);
}

TEST_F(SemanticBudget, OutlivesARestart) {
  Start();
  Worsen("bad");
  const BudgetView before = Budget("bad");
  Start();
  EXPECT_TRUE(Budget("bad").off);
  EXPECT_NEAR(Budget("bad").upper, before.upper, 1e-9);
  EXPECT_FALSE(Budget("bad").offline);
  // Another limit has other thresholds: nothing of it counts.
  SemanticOptions options;
  options.max_wrong_hits = 0.01;
  Start(options);
  EXPECT_FALSE(Budget("bad").off);
}

TEST_F(SemanticBudget, FeedbackAloneIsShownButMovesNothing) {
  Start();
  Store("How do I sort a list in Python?");
  const double threshold = Budget("").threshold;
  for (int i = 0; i < 50; ++i) tier_->Report("a", true);
  EXPECT_EQ(Budget("a").wrong_labels, 50);
  EXPECT_EQ(Budget("a").threshold, threshold);
  EXPECT_TRUE(Budget("a").offline);
}

TEST_F(SemanticBudget, DamagedNotesAreLeft) {
  ASSERT_TRUE(store_->PutNote("semantic/budget/controls", "nonsense"));
  ASSERT_TRUE(store_->PutNote("semantic/budget/of/x", ""));
  Start();
  ASSERT_EQ(tier_->Budgets(10).size(), 1u);
  EXPECT_TRUE(tier_->Budgets(10)[0].offline);
}

}  // namespace
}  // namespace reflex::cache
