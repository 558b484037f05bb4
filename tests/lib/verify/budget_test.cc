#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "verify/budget.h"
#include "verify/budget_notes.h"

namespace reflex::verify {
namespace {

using Kind = BudgetEvent::Kind;

const std::vector<Model::Row> kTable = {{0.8, 0.02}, {0.9, 0.01}, {0.92, 0.008}, {0.95, 0.004}, {0.99, 0.001}};

std::unique_ptr<BudgetBook> Make(double limit = 0.01, bool audits = true) {
  auto book = BudgetBook::Create({.max_wrong_hits = limit, .table = kTable, .audits = audits});
  EXPECT_TRUE(book) << book.error().message;
  return std::move(*book);
}

// Controls that show a comparator without errors.
void Trust(BudgetBook& book, int controls = 500) {
  for (int i = 0; i < controls; ++i) book.Label("", std::nullopt, false, true);
}

TEST(Ladder, BeginsAtTheOfflineThresholdAndEndsAtTheStrictestRow) {
  const Ladder ladder = Ladder::Make(kTable, 0.01);
  ASSERT_EQ(ladder.size(), 3u);
  EXPECT_EQ(ladder[0], (Rung{0.9, 0.01}));
  EXPECT_EQ(ladder[1], (Rung{0.95, 0.004}));  // 0.008 is less than a quarter fewer.
  EXPECT_EQ(ladder[2], (Rung{0.99, 0.001}));
  EXPECT_TRUE(Ladder::Make(kTable, 0.0009).empty());
  EXPECT_TRUE(Ladder::Make({}, 0.2).empty());
}

TEST(Ladder, ARowPromisesNoLessThanTheStricterOnes) {
  const std::vector<Model::Row> bumpy = {{0.5, 0.001}, {0.6, 0.03}, {0.7, 0.002}, {0.8, 0.004}, {0.9, 0}};
  const Ladder ladder = Ladder::Make(bumpy, 0.01);
  ASSERT_EQ(ladder.size(), 2u);
  EXPECT_EQ(ladder[0], (Rung{0.7, 0.004}));  // Not 0.5, though its own share would do: 0.6 lies between.
  EXPECT_EQ(ladder[1], (Rung{0.9, Ladder::kShareMin}));
}

TEST(Ladder, BuiltInModelHasOneForEveryLimit) {
  const auto& model = Model::Builtin();
  ASSERT_TRUE(model);
  for (const double limit : {0.0006, 0.003, 0.01, 0.05, 0.2}) {
    const Ladder ladder = Ladder::Make(model->table(), limit);
    ASSERT_FALSE(ladder.empty());
    EXPECT_EQ(ladder[0].threshold, model->ThresholdFor(limit));
    EXPECT_EQ(ladder[ladder.size() - 1].threshold, model->table().back().threshold);
    for (std::size_t i = 1; i < ladder.size(); ++i) EXPECT_GT(ladder[i].threshold, ladder[i - 1].threshold);
  }
}

void ExpectCell(const Evidence& evidence, std::size_t rung, double labels, double wrong, double audited) {
  EXPECT_NEAR(evidence.cells()[rung].labels, labels, 1e-12) << rung;
  EXPECT_NEAR(evidence.cells()[rung].wrong, wrong, 1e-12) << rung;
  EXPECT_NEAR(evidence.cells()[rung].audited, audited, 1e-12) << rung;
}

TEST(Evidence, ALabelCountsElsewhereAsTheTableSays) {
  const Ladder ladder = Ladder::Make(kTable, 0.01);
  Evidence loose(ladder), tight(ladder);
  loose.Add(ladder, 0, std::nullopt, true, true);
  ExpectCell(loose, 0, 1, 1, 1);
  ExpectCell(loose, 1, 1, 0.4, 0.4);
  ExpectCell(loose, 2, 1, 0.1, 0.1);
  tight.Add(ladder, 2, std::nullopt, true, false);
  ExpectCell(tight, 0, 0.1, 1, 0);
  ExpectCell(tight, 1, 0.25, 1, 0);
  ExpectCell(tight, 2, 1, 1, 0);
}

TEST(Evidence, AScoreTellsWhichStricterRungsWouldHaveServedIt) {
  const Ladder ladder = Ladder::Make(kTable, 0.01);
  Evidence evidence(ladder);
  evidence.Add(ladder, 0, 0.96, true, true);
  ExpectCell(evidence, 0, 1, 1, 1);
  ExpectCell(evidence, 1, 1, 1, 1);
  ExpectCell(evidence, 2, 0, 0, 0);
  // Below the threshold in force: served before the last step. It says nothing of the stricter rung.
  Evidence late(ladder);
  late.Add(ladder, 1, 0.91, true, true);
  ExpectCell(late, 0, 1, 1, 1);
  ExpectCell(late, 1, 0, 0, 0);
  Evidence none(ladder);
  none.Add(ladder, 0, std::numeric_limits<double>::quiet_NaN(), true, true);
  ExpectCell(none, 2, 1, 0.1, 0.1);
}

TEST(Evidence, IsHalvedEveryFiveThousandLabels) {
  const Ladder ladder = Ladder::Make(kTable, 0.01);
  Evidence evidence(ladder);
  for (int i = 0; i < 4999; ++i) evidence.Add(ladder, 0, std::nullopt, i < 100, true);
  ExpectCell(evidence, 0, 4999, 100, 4999);
  evidence.Add(ladder, 0, std::nullopt, false, true);
  ExpectCell(evidence, 0, 2500, 50, 2500);
  EXPECT_EQ(evidence.counted(), 2500);
}

TEST(Evidence, PriorAndLabelsAddUp) {
  const Ladder ladder = Ladder::Make(kTable, 0.01);
  Evidence evidence(ladder);
  EXPECT_NEAR(evidence.At(ladder, 0, 0).Mean(), 0.01, 1e-12);
  for (int i = 0; i < 1000; ++i) evidence.Add(ladder, 0, std::nullopt, i < 40, true);
  EXPECT_NEAR(evidence.At(ladder, 0, 0).a, 20 + 40, 1e-9);
  EXPECT_NEAR(evidence.At(ladder, 0, 0).b, 1980 + 960, 1e-9);
  // A comparator that errs in 3 %: 30 of the 40 are its own.
  EXPECT_NEAR(evidence.At(ladder, 0, 0.03).a, 20 + 10, 1e-9);
  EXPECT_NEAR(evidence.At(ladder, 0, 0.03).b, 1980 + 990, 1e-9);
  EXPECT_NEAR(evidence.At(ladder, 0, 0.5).a, 20, 1e-9);  // Never below none.
}

TEST(Controls, LabelsCountOnceTheErrorIsLikelyBelowTheLimit) {
  // Jeffreys' prior: the median of Beta(0.5, n + 0.5) passes 1 % at n = 23, 0.3 % at 76; with one wrong, 1 % at 118.
  Controls controls;
  for (int i = 0; i < 22; ++i) controls.Add(false);
  EXPECT_FALSE(controls.ShowErrorBelow(0.01));
  controls.Add(false);
  EXPECT_TRUE(controls.ShowErrorBelow(0.01));
  EXPECT_FALSE((Controls{.asked = 75, .wrong = 0}.ShowErrorBelow(0.003)));
  EXPECT_TRUE((Controls{.asked = 76, .wrong = 0}.ShowErrorBelow(0.003)));
  EXPECT_FALSE((Controls{.asked = 117, .wrong = 1}.ShowErrorBelow(0.01)));
  EXPECT_TRUE((Controls{.asked = 118, .wrong = 1}.ShowErrorBelow(0.01)));
  EXPECT_FALSE((Controls{.asked = 19, .wrong = 0}.ShowErrorBelow(0.2)));
  EXPECT_NEAR((Controls{.asked = 76, .wrong = 0}.UpperShare()), 0.0248749747299891, 1e-11);
}

TEST(BudgetBook, RefusesWhatItCannotKeep) {
  EXPECT_EQ(BudgetBook::Create({.max_wrong_hits = 0.0004, .table = kTable}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(BudgetBook::Create({.max_wrong_hits = 0.21, .table = kTable}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(BudgetBook::Create({.max_wrong_hits = std::numeric_limits<double>::quiet_NaN(), .table = kTable}));
  EXPECT_FALSE(BudgetBook::Create({.max_wrong_hits = 0.01, .table = {{0.9, 0.01}, {0.8, 0.001}}}));
  EXPECT_FALSE(BudgetBook::Create({.max_wrong_hits = 0.01, .table = {{0.9, -0.01}}}));
}

TEST(BudgetBook, WithoutAuditsTheOfflineThresholdStands) {
  const auto book = Make();
  for (int i = 0; i < 300; ++i) EXPECT_FALSE(book->Feedback("a", std::nullopt, true));
  EXPECT_EQ(book->Threshold("a"), 0.9);
  EXPECT_TRUE(book->View("a").offline);
  EXPECT_EQ(book->View("a").wrong_labels, 300);
  const auto never = Make(0.01, false);
  Trust(*never);
  for (int i = 0; i < 300; ++i) EXPECT_FALSE(never->Label("a", std::nullopt, true, false));
  EXPECT_EQ(never->Threshold("a"), 0.9);
  EXPECT_TRUE(never->View("a").offline);
}

TEST(BudgetBook, AStrictLimitWithoutARowIsOff) {
  auto book = BudgetBook::Create({.max_wrong_hits = 0.0005, .table = kTable});
  ASSERT_TRUE(book);
  EXPECT_GT((*book)->Threshold("a"), 1);
  EXPECT_TRUE((*book)->View("a").off);
  Trust(**book);
  EXPECT_FALSE((*book)->Label("a", std::nullopt, true, false));
  EXPECT_GT((*book)->Threshold("a"), 1);
}

TEST(BudgetBook, TightensUntilTheBoundIsWithinTheLimitAndRelaxesToTheOfflineThreshold) {
  const auto book = Make();
  Trust(*book);
  EXPECT_EQ(book->Threshold("a"), 0.9);
  // The prior alone, 20 of 2,000, has its upper bound above 1 %.
  auto event = book->Label("a", std::nullopt, false, false);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Kind::kTightened);
  EXPECT_EQ(event->name_space, "a");
  EXPECT_EQ(event->from, 0.9);
  EXPECT_EQ(event->to, 0.95);
  // Right labels bring it below, and one at this rung is worth 0.4 at the looser one: the first, then 1,959. I_0.01(20, 1981 + 0.4
  // n) is 0.949949 for n = 1,958 and 0.950023 for 1,959 (mpmath).
  int labels = 1;
  do {
    event = book->Label("a", std::nullopt, false, false);
    ++labels;
  } while (!event && labels < 5000);
  ASSERT_TRUE(event);
  EXPECT_EQ(labels, 1960);
  EXPECT_EQ(event->kind, Kind::kRelaxed);
  EXPECT_EQ(event->to, 0.9);
  for (int i = 0; i < 20'000; ++i) ASSERT_FALSE(book->Label("a", std::nullopt, false, false));
  EXPECT_EQ(book->Threshold("a"), 0.9);
}

TEST(BudgetBook, EndsAtTheTightestForTheOneNamespace) {
  const auto book = Make();
  Trust(*book);
  std::optional<BudgetEvent> event;
  std::vector<Kind> kinds;
  for (int i = 0; i < 2000; ++i) {
    event = book->Label("bad", std::nullopt, i % 5 == 0, false);
    if (event) kinds.push_back(event->kind);
  }
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kTightened, Kind::kTightened, Kind::kOff}));
  EXPECT_GT(book->Threshold("bad"), 1);
  EXPECT_TRUE(book->View("bad").off);
  EXPECT_EQ(book->NamespacesOff(), (std::vector<std::string>{"bad"}));
  EXPECT_EQ(book->Threshold("good"), 0.9);
}

TEST(BudgetBook, EndsOnlyWhereTheComparatorIsProven) {
  // With none wrong of n controls the upper bound passes 1 % at n = 191.
  const auto book = Make();
  Trust(*book, 190);
  for (int i = 0; i < 2000; ++i) book->Label("bad", std::nullopt, i % 5 == 0, false);
  EXPECT_EQ(book->Threshold("bad"), 0.99);
  Trust(*book, 1);
  const auto event = book->Label("bad", std::nullopt, true, false);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Kind::kOff);
  EXPECT_GT(book->Threshold("bad"), 1);
}

TEST(BudgetBook, AMarginStandsWhereThePriorAloneKeepsTheLimit) {
  auto book = BudgetBook::Create({.max_wrong_hits = 0.01, .table = kTable, .margin = true});
  ASSERT_TRUE(book);
  EXPECT_EQ((*book)->Threshold("a"), 0.95);
  EXPECT_LE((*book)->View("a").upper, 0.01);
  // It is no floor: labels that count bring back the offline threshold.
  Trust(**book, 2000);
  for (int i = 0; i < 2500; ++i) (*book)->Label("a", std::nullopt, false, false);
  EXPECT_EQ((*book)->Threshold("a"), 0.9);
  // Where no rung keeps it: the tightest.
  auto strict = BudgetBook::Create({.max_wrong_hits = 0.001, .table = kTable, .margin = true});
  ASSERT_TRUE(strict);
  EXPECT_EQ((*strict)->Threshold("a"), 0.99);
}

TEST(BudgetBook, NoLabelMovesTheThresholdByMoreThanOneStep) {
  std::mt19937_64 random(3);
  for (int run = 0; run < 20; ++run) {
    const auto book = Make(0.02);
    Trust(*book);
    const Ladder& ladder = book->ladder();
    std::vector<double> thresholds;
    for (std::size_t i = 0; i < ladder.size(); ++i) thresholds.push_back(ladder[i].threshold);
    thresholds.push_back(2);
    std::size_t at = 0;
    for (int i = 0; i < 3000; ++i) {
      book->Label("a", std::nullopt, random() % 100 < static_cast<unsigned>(run), false);
      const double now = book->Threshold("a");
      const auto to = static_cast<std::size_t>(std::ranges::find(thresholds, now) - thresholds.begin());
      ASSERT_LT(to, thresholds.size());
      ASSERT_LE(to > at ? to - at : at - to, 1u);
      at = to;
    }
  }
}

TEST(BudgetBook, ACauseThatTheStepRemovedTightensOnce) {
  const auto book = Make(0.01);
  Trust(*book);
  book->Label("a", std::nullopt, false, false);  // Prior alone: one step.
  ASSERT_EQ(book->Threshold("a"), 0.95);
  // Wrong hits of before the step, whose scores the threshold now refuses.
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(book->Label("a", 0.92, true, false));
  EXPECT_EQ(book->Threshold("a"), 0.95);
  // The same number above it is a reason.
  bool moved = false;
  for (int i = 0; i < 200 && !moved; ++i) moved = book->Label("a", 0.97, true, false).has_value();
  EXPECT_TRUE(moved);
  EXPECT_EQ(book->Threshold("a"), 0.99);
}

TEST(BudgetBook, AComparatorThatErrsTooOftenOnlyReports) {
  const auto book = Make();
  std::optional<BudgetEvent> event;
  for (int i = 0; i < 23; ++i) event = book->Label("", std::nullopt, false, true);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Kind::kLabelsCount);
  book->Label("a", std::nullopt, false, false);
  EXPECT_EQ(book->Threshold("a"), 0.95);
  event = book->Label("", std::nullopt, true, true);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Kind::kReportOnly);
  EXPECT_EQ(book->Threshold("a"), 0.9);
  EXPECT_TRUE(book->View("a").offline);
  for (int i = 0; i < 1000; ++i) {
    book->Label("", std::nullopt, i % 50 == 0, true);
    book->Label("a", std::nullopt, i % 50 == 0, false);
    ASSERT_LE(book->Threshold("a"), 1);
  }
}

TEST(BudgetBook, ViewShowsTheEstimateOfTheThresholdInForce) {
  const auto book = Make();
  Trust(*book);
  for (int i = 0; i < 3; ++i) book->CountHit("a");
  const BudgetView before = book->View("a");
  EXPECT_TRUE(before.offline);
  EXPECT_EQ(before.hits, 3u);
  EXPECT_NEAR(before.estimate, 0.01, 1e-12);
  EXPECT_LT(before.lower, before.estimate);
  EXPECT_GT(before.upper, before.estimate);
  book->Label("a", std::nullopt, true, false);
  const BudgetView after = book->View("a");
  EXPECT_FALSE(after.offline);
  EXPECT_EQ(after.threshold, 0.95);
  EXPECT_NEAR(after.estimate, (8 + 0.4) / 2001, 1e-9);
  EXPECT_NEAR(after.wrong_labels, 0.4, 1e-12);
  EXPECT_EQ(after.labels, 1);
  EXPECT_EQ(book->View("unknown").name_space, "unknown");
}

TEST(BudgetBook, ThousandLastUsedNamespacesHaveTheirOwn) {
  const auto book = Make();
  Trust(*book);
  for (int i = 0; i < 2000; ++i) book->Label("bad", std::nullopt, i % 5 == 0, false);
  ASSERT_GT(book->Threshold("bad"), 1);
  for (std::size_t i = 0; i < BudgetBook::kOwnMax - 1; ++i) book->CountHit("n" + std::to_string(i));
  EXPECT_GT(book->Threshold("bad"), 1);  // And is the last used now.
  book->CountHit("more");
  EXPECT_GT(book->Threshold("bad"), 1);
  EXPECT_EQ(book->Busiest(5000).size(), BudgetBook::kOwnMax + 1);  // n0 went to the shared one, with its hit.
  for (std::size_t i = 0; i < BudgetBook::kOwnMax; ++i) book->CountHit("m" + std::to_string(i));
  // Shares the estimate that its own evidence moved: strict, never off.
  EXPECT_EQ(book->Threshold("bad"), 0.99);
  EXPECT_EQ(book->Threshold("never seen"), 0.99);
  EXPECT_EQ(book->Threshold("m5"), 0.9);
}

TEST(BudgetBook, LongNamesShare) {
  const auto book = Make();
  book->CountHit(std::string(BudgetBook::kNameBytesMax + 1, 'x'));
  const auto busiest = book->Busiest(10);
  ASSERT_EQ(busiest.size(), 1u);
  EXPECT_EQ(busiest[0].name_space, BudgetBook::kShared);
}

TEST(BudgetBook, BusiestComeFirst) {
  const auto book = Make();
  for (const char* name : {"b", "a", "c", "c", "c", "b", "a"}) book->CountHit(name);
  const auto busiest = book->Busiest(2);
  ASSERT_EQ(busiest.size(), 2u);
  EXPECT_EQ(busiest[0].name_space, "c");
  EXPECT_EQ(busiest[1].name_space, "a");
  // Each as it is seen by itself.
  for (const BudgetView& view : busiest) {
    const BudgetView alone = book->View(view.name_space);
    EXPECT_EQ(view.hits, alone.hits);
    EXPECT_EQ(view.upper, alone.upper);
    EXPECT_EQ(view.threshold, alone.threshold);
  }
  EXPECT_TRUE(book->Busiest(0).empty());
}

TEST(BudgetBook, NotesBringBackWhatWasLearned) {
  const auto book = Make();
  Trust(*book, 300);
  for (int i = 0; i < 700; ++i) book->Label("a b", std::nullopt, i % 100 == 0, false);
  const auto changes = book->Save();
  ASSERT_EQ(changes.put.size(), 2u);
  EXPECT_TRUE(book->Save().put.empty());
  const auto again = Make();
  for (const auto& [key, value] : changes.put) {
    EXPECT_LE(key.size(), 70u);
    EXPECT_LE(value.size(), 4096u);
    const auto loaded = again->Load(key, value);
    EXPECT_TRUE(loaded) << loaded.error().message;
  }
  const BudgetView was = book->View("a b"), is = again->View("a b");
  EXPECT_EQ(is.threshold, was.threshold);
  EXPECT_NEAR(is.upper, was.upper, 1e-9);
  EXPECT_NEAR(is.labels, was.labels, 1e-6);
  EXPECT_EQ(is.offline, was.offline);
  EXPECT_FALSE(is.offline);
  EXPECT_TRUE(again->Save().put.empty());
  again->SaveAgain({});
  EXPECT_EQ(again->Save().put.size(), 2u);
}

TEST(BudgetBook, ANamespaceThatLostItsPlaceLosesItsNote) {
  const auto book = Make();
  book->Label("a", std::nullopt, true, false);
  ASSERT_EQ(book->Save().put.size(), 1u);
  for (std::size_t i = 0; i < BudgetBook::kOwnMax; ++i) book->CountHit("n" + std::to_string(i));
  const auto changes = book->Save();
  EXPECT_EQ(changes.erase, (std::vector<std::string>{BudgetKey("a")}));
  ASSERT_EQ(changes.put.size(), 1u);
  EXPECT_EQ(changes.put[0].first, kSharedKey);
  // Where that failed it is tried again, unless the namespace is back.
  book->SaveAgain({BudgetKey("a"), BudgetKey("n7")});
  EXPECT_EQ(book->Save().erase, (std::vector<std::string>{BudgetKey("a")}));
}

TEST(BudgetBook, DamagedNotesChangeNothing) {
  const auto book = Make();
  for (int i = 0; i < 50; ++i) book->Label("a", std::nullopt, true, false);
  const auto note = book->Save().put.at(0);
  const auto fresh = Make();
  const auto code = [&](std::string value) {
    const auto loaded = fresh->Load(note.first, value);
    return loaded ? std::optional<ErrorCode>() : loaded.error().code;
  };
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = note.second;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_EQ(code(""), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("budget 1", "budget 2")), ErrorCode::kNewerFormat);
  EXPECT_EQ(code(with("budget 1", "budget 0")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("ladder ", "ladder 0")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(with("rung 0", "rung 4")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("cell 50", "cell 51")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("cell 50", "cell nan")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("cell 50", "cell -1")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("name 61", "name 62")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("name 61", "name 6")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(with("end\n", "end\nend\n")), ErrorCode::kCorrupt);
  EXPECT_EQ(code(std::string(5000, 'x')), ErrorCode::kCorrupt);
  EXPECT_EQ(fresh->Load("controls", "reflex-budget 1\ncontrols 5 6\nend\n").error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(fresh->Busiest(10).empty());
  EXPECT_EQ(fresh->View("a").labels, 0);
  const auto other = Make(0.02);
  EXPECT_EQ(other->Load(note.first, note.second).error().code, ErrorCode::kInvalidArgument);
}

TEST(BudgetBook, NoBytesOfANoteLeadAstray) {
  const auto book = Make();
  for (int i = 0; i < 50; ++i) book->Label("a", std::nullopt, i % 3 == 0, false);
  const auto note = book->Save().put.at(0);
  std::mt19937_64 random(11);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = note.second;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0 && !text.empty(); --edits) {
      const std::size_t at = random() % text.size();
      const char byte = "0123456789.e-\n nabcde"[random() % 21];
      if (random() % 3 == 0)
        text.erase(at, 1 + random() % 8);
      else
        text[at] = byte;
    }
    const auto fresh = Make();
    refused += fresh->Load(note.first, text) ? 0 : 1;
    const BudgetView view = fresh->View("a");
    ASSERT_TRUE(view.estimate >= 0 && view.estimate <= 1 && view.lower <= view.upper) << text;
    ASSERT_GE(view.threshold, 0.9);
  }
  EXPECT_GT(refused, 10'000);
}

TEST(BudgetBook, ServesManyThreads) {
  const auto book = Make();
  Trust(*book);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&book, t] {
      for (int i = 0; i < 1000; ++i) {
        const std::string name = "n" + std::to_string((i * 7 + t) % 1500);
        book->Threshold(name);
        book->CountHit(name);
        book->Label(name, std::nullopt, i % 10 == 0, i % 5 == 0);
        if (i % 100 == 0) book->Save();
        if (i % 100 == 50) book->Busiest(10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t hits = 0;
  for (const BudgetView& view : book->Busiest(5000)) hits += view.hits;
  EXPECT_EQ(hits, 4000u);
}

}  // namespace
}  // namespace reflex::verify
