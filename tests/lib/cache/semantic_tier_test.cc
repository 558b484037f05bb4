#include "reflex/semantic_tier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "lib/cache/semantic_fixture.h"

namespace reflex::cache {
namespace {

constexpr std::string_view kNear = "how do i reverse a linked list in python";
constexpr std::string_view kTrap = "How do I reverse a linked list in Rust?";

TEST_F(SemanticTest, OptionsOutOfRangeAreRefusedByName) {
  const auto message = [&](auto change) {
    SemanticOptions options;
    change(options);
    const auto made = SemanticTier::Create(options, PartsOf());
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_EQ(message([](auto& o) { o.max_wrong_hits = 0.0001; }), "semantic max_wrong_hits must be 0.0005 to 0.2");
  EXPECT_EQ(message([](auto& o) { o.max_wrong_hits = std::numeric_limits<double>::quiet_NaN(); }),
            "semantic max_wrong_hits must be 0.0005 to 0.2");
  EXPECT_EQ(message([](auto& o) { o.scan_max = 65; }), "semantic scan_max must be 0 to 64");
  EXPECT_EQ(message([](auto& o) { o.candidates_max = 0; }), "semantic candidates_max must be 1 to 64");
  EXPECT_EQ(message([](auto& o) { o.question_bytes_max = 0; }), "semantic question_bytes_max must be 1 to 1048576 bytes");
  EXPECT_EQ(message([](auto& o) { o.time_limit = {}; }), "semantic time_limit must be 1 ms to 60 s");
  EXPECT_EQ(message([](auto& o) { o.present_ttl = std::chrono::seconds(-1); }), "semantic present_ttl must be 0 or more");
  EXPECT_EQ(message([](auto& o) { o.reranker_threshold = 1.5; }), "semantic reranker_threshold must be 0 to 1");
  EXPECT_EQ(message([](auto& o) { o.reranker_scale = 0; }), "semantic reranker_scale must be above 0, at most 1000");
  EXPECT_EQ(message([](auto& o) { o.reranker_offset = 2000; }), "semantic reranker_offset must be -1000 to 1000");
}

TEST_F(SemanticTest, AMissingPartAndAnIndexOfAnotherDimensionAreRefused) {
  auto parts = PartsOf();
  parts.words = nullptr;
  EXPECT_EQ(SemanticTier::Create({}, std::move(parts)).error().code, ErrorCode::kInvalidArgument);
  parts = PartsOf();
  parts.background = nullptr;
  EXPECT_EQ(SemanticTier::Create({}, std::move(parts)).error().code, ErrorCode::kInvalidArgument);
  parts = PartsOf();
  parts.index = vector::LocalIndex::Create(7, {}, [](auto, auto) { return false; }, jobs_.Runner());
  const auto made = SemanticTier::Create({}, std::move(parts));
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("the index has 7 dimensions"), std::string::npos) << made.error().message;
}

TEST_F(SemanticTest, EqualCanonicalTextsAreAHit) {
  Start();
  const EntryPtr entry = Store(kCached);
  const auto found = Find(kNear);
  ASSERT_NE(found.entry, nullptr);
  EXPECT_EQ(found.entry->reply, entry->reply);
  EXPECT_EQ(found.layer, SimilarLayer::kCanonical);
  EXPECT_EQ(tier_->Stats().hits_canonical, 1u);
  EXPECT_EQ(tier_->Stats().embedded, 0u);
}

TEST_F(SemanticTest, OtherWordsAreAHitWhenTheVerifierSaysSo) {
  Start();
  Store(kCached);
  const auto found = Find(kTypo);
  ASSERT_NE(found.entry, nullptr);
  EXPECT_EQ(found.entry->question, kCached);
  EXPECT_EQ(found.layer, SimilarLayer::kVerified);
  EXPECT_GT(found.score, 0.5f);
  EXPECT_GT(found.similarity, 0.8f);
}

TEST_F(SemanticTest, AnotherScopeIsNeverLookedAt) {
  Start();
  Store(kCached, "a");
  Store("who was Charlemagne?", "b");
  EXPECT_EQ(Find(kNear, "b").entry, nullptr);
  EXPECT_EQ(Find(kNear, "c").miss, SimilarMiss::kNoCandidate);
  EXPECT_FALSE(tier_->LooksWorthwhile(Scope("c")));
  EXPECT_FALSE(tier_->LooksWorthwhile(Digest{}));
  EXPECT_TRUE(tier_->LooksWorthwhile(Scope("a")));
}

TEST_F(SemanticTest, AFactThatDiffersIsAMissThatNamesIt) {
  Start();
  Store(kCached);
  auto found = Find(kTrap);
  EXPECT_EQ(found.entry, nullptr);
  EXPECT_EQ(found.miss, SimilarMiss::kGuard);
  EXPECT_EQ(found.guard, "language");
  EXPECT_GT(found.similarity, 0.5f);
  Store("Write a haiku of 12 words about spring rain", "n");
  found = Find("Write a haiku of 15 words about spring rain", "n");
  EXPECT_EQ(found.miss, SimilarMiss::kGuard);
  EXPECT_EQ(found.guard, "numbers");
}

TEST_F(SemanticTest, WhatIsOnlyRelatedIsAMissByScore) {
  Start();
  Store("How do I reverse a linked list?");
  const auto found = Find("How do I plant tomatoes on a balcony?");
  EXPECT_EQ(found.entry, nullptr);
  EXPECT_EQ(found.miss, SimilarMiss::kScore);
  EXPECT_LT(found.score, 0.5f);
}

TEST_F(SemanticTest, QuestionsAboutThePresentNeedAYoungAnswer) {
  constexpr std::string_view kWeather = "What is the weather in Paris right now?";
  constexpr std::string_view kAgain = "what is the weather in Paris right now";
  Start();
  Store(kWeather);
  EXPECT_EQ(Find(kAgain).miss, SimilarMiss::kPresent);
  SemanticOptions options;
  options.present_ttl = std::chrono::seconds(60);
  Start(options);
  clock_.AdvanceMs(59'000);
  EXPECT_NE(Find(kAgain).entry, nullptr);
  clock_.AdvanceMs(2'000);
  EXPECT_EQ(Find(kAgain).entry, nullptr);
  EXPECT_EQ(Find(kAgain).miss, SimilarMiss::kPresent);
}

// A typing error or an apostrophe hides what is asked for, not what was answered.
TEST_F(SemanticTest, AnAnswerAboutThePresentGrowsOldForEveryQuestion) {
  Start();
  Store("Is the pharmacy in the station open today?");
  EXPECT_EQ(Find("Is the pharmacy in the station open tday?").miss, SimilarMiss::kPresent);
  Store("What is the current price of gold?");
  EXPECT_EQ(Find("What does gold cost?").miss, SimilarMiss::kPresent);
}

TEST_F(SemanticTest, OtherLanguagesInLatinLettersAreNotJudged) {
  Start();
  for (const auto& [cached, asked] : {std::pair("Neden bilgisayar calisiyor?", "Neden bilgisayar calismiyor?"),
                                      std::pair("kako ukljuciti kuhinjsku napu", "kako iskljuciti kuhinjsku napu"),
                                      std::pair("Miten tietokoneen saa paalle?", "Miten tietokoneen saa pois paalta?")}) {
    Store(cached);
    EXPECT_EQ(Find(asked).miss, SimilarMiss::kLanguage) << asked;
  }
  Store("How do I install nuxt and pinia with pnpm?");
  EXPECT_NE(Find("how do I install nuxt and pinia with pnpm").entry, nullptr);
}

TEST_F(SemanticTest, WhatItCannotReadIsLeftAlone) {
  SemanticOptions options;
  options.question_bytes_max = 9000;
  Start(options);
  Store(kCached);
  EXPECT_EQ(Find("如何在中文里反转一个链表?").miss, SimilarMiss::kLanguage);
  EXPECT_EQ(Find("\xff\xfe not UTF-8").miss, SimilarMiss::kLanguage);
  std::string many;
  for (int i = 0; i < 800; ++i) many += "the list ";
  EXPECT_EQ(Find(many).miss, SimilarMiss::kTooLong);
  EXPECT_EQ(Find(std::string(9001, 'x')).miss, SimilarMiss::kTooLong);
  EXPECT_EQ(Find("").miss, SimilarMiss::kNoCandidate);
  // Equal canonical texts need no reading.
  Store("如何反转一个链表?");
  EXPECT_EQ(Find("如何反转一个链表?").layer, SimilarLayer::kCanonical);
}

TEST_F(SemanticTest, StaleAndUnwantedEntriesAreNotServed) {
  Start();
  Store(kCached);
  SimilarQuery query = Ask(kNear);
  query.usable = [](const Entry& entry) { return entry.created_ms > kNowMs; };
  EXPECT_EQ(tier_->Find(query).entry, nullptr);
  query.question = kTypo;
  EXPECT_EQ(tier_->Find(query).entry, nullptr);
  clock_.AdvanceMs(1'000'000'001);
  EXPECT_EQ(Find(kNear).entry, nullptr);
  EXPECT_EQ(Find(kTypo).entry, nullptr);
}

TEST_F(SemanticTest, VerifyCanBeOffAlwaysOrForOneRequest) {
  Start();
  Store(kCached);
  SimilarQuery query = Ask(kTypo);
  query.verify = false;
  EXPECT_EQ(tier_->Find(query).entry, nullptr);
  query.question = kNear;
  EXPECT_NE(tier_->Find(query).entry, nullptr);
  SemanticOptions options;
  options.verify = false;
  Start(options);
  EXPECT_EQ(Find(kTypo).entry, nullptr);
  EXPECT_NE(Find(kNear).entry, nullptr);
}

TEST_F(SemanticTest, ABlockedPairNeverMatchesAgain) {
  Start();
  const EntryPtr entry = Store(kCached);
  const auto block = [&](std::string_view question) {
    return tier_->Block(Scope("a"), question, entry->key, entry->canonical).has_value();
  };
  ASSERT_TRUE(block(kTypo));
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kBlocked);
  EXPECT_NE(Find(kNear).entry, nullptr);
  ASSERT_TRUE(block(kNear));
  EXPECT_EQ(Find(kNear).miss, SimilarMiss::kBlocked);
  const auto explained = tier_->Explain(Ask(kNear));
  ASSERT_EQ(explained.candidates.size(), 1u);
  EXPECT_TRUE(explained.candidates[0].blocked);
  Start();
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kBlocked);
  EXPECT_EQ(Find(kNear).miss, SimilarMiss::kBlocked);
}

TEST_F(SemanticTest, ABlockHoldsInEitherDirection) {
  Start();
  const EntryPtr entry = Store(kCached);
  ASSERT_TRUE(tier_->Block(Scope("a"), kTypo, entry->key, entry->canonical));
  ASSERT_TRUE(cache_->Erase(entry->key));
  Store(kTypo);
  EXPECT_EQ(Find(kCached).miss, SimilarMiss::kBlocked);
  Store(kTypo, "b");
  EXPECT_NE(Find(kCached, "b").entry, nullptr);
}

TEST_F(SemanticTest, BlocksOfEntriesThatAreGoneMakeRoom) {
  Start();
  const EntryPtr gone = Store("Who was Charlemagne?");
  const EntryPtr kept = Store(kCached);
  const auto block = [&](const EntryPtr& entry, std::string_view question) {
    return tier_->Block(Scope("a"), question, entry->key, entry->canonical);
  };
  ASSERT_TRUE(block(gone, "Who was Charlemagne, the king?"));
  ASSERT_TRUE(block(kept, kTypo));
  std::uint64_t filler = 0;
  while (store_->PutNote("filler/" + std::to_string(filler), "")) ++filler;
  ASSERT_GT(filler, 0u);
  EXPECT_FALSE(block(kept, kNear));
  ASSERT_TRUE(cache_->Erase(gone->key));
  EXPECT_FALSE(block(kept, kNear));  // Looked for a moment ago.
  clock_.AdvanceMs(120'000);
  EXPECT_TRUE(block(kept, kNear));
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kBlocked);
  EXPECT_EQ(Find(kNear).miss, SimilarMiss::kBlocked);
}

TEST_F(SemanticTest, OfASmallScopeTheNearestAreCompared) {
  Start();
  Fill(15);
  Store(kCached);
  ASSERT_NE(Find(kTypo).entry, nullptr);
  EXPECT_EQ(Find(kTypo).entry->question, kCached);
  const auto explained = tier_->Explain(Ask(kTypo));
  ASSERT_EQ(explained.candidates.size(), 16u);
  std::size_t compared = 0;
  for (const CandidateView& candidate : explained.candidates) {
    compared += candidate.compared;
    EXPECT_EQ(candidate.compared, candidate.threshold > 0) << candidate.question;
  }
  EXPECT_EQ(compared, SemanticOptions().candidates_max);
}

TEST_F(SemanticTest, WhatWasErasedOrPurgedIsNotServed) {
  Start();
  const EntryPtr entry = Store(kCached);
  ASSERT_TRUE(cache_->Erase(entry->key));
  EXPECT_EQ(Find(kNear).entry, nullptr);
  Store(kCached);
  EXPECT_NE(Find(kNear).entry, nullptr);
  PurgeRule rule;
  rule.before_ms = kNowMs;
  ASSERT_TRUE(cache_->Purge(rule, nullptr));
  EXPECT_EQ(Find(kNear).entry, nullptr);
  EXPECT_EQ(Find(kTypo).entry, nullptr);
}

TEST_F(SemanticTest, ExplainDecidesAsFindAndCountsNothing) {
  Start();
  Store(kCached);
  Store("Who was Charlemagne?");
  const auto trap = tier_->Explain(Ask(kTrap));
  EXPECT_EQ(trap.found.miss, SimilarMiss::kGuard);
  ASSERT_EQ(trap.candidates.size(), 2u);
  const auto& row = trap.candidates[trap.candidates[0].question == kCached ? 0 : 1];
  ASSERT_FALSE(row.differences.empty());
  EXPECT_EQ(row.differences[0].guard, "language");
  EXPECT_EQ(row.differences[0].in_question, "rust");
  EXPECT_EQ(row.differences[0].in_candidate, "python");
  EXPECT_EQ(trap.scope_entries, 2u);
  EXPECT_GT(trap.threshold, 0);
  EXPECT_NE(std::find(trap.facts.begin(), trap.facts.end(), "language rust"), trap.facts.end());
  const auto hit = tier_->Explain(Ask(kNear));
  ASSERT_NE(hit.found.entry, nullptr);
  EXPECT_EQ(hit.canonical, hit.candidates.at(0).canonical);
  EXPECT_EQ(tier_->Stats().lookups, 0u);
  EXPECT_EQ(tier_->Stats().hits_canonical, 0u);
}

class Judge final : public PairScorer {
 public:
  const std::string& model_id() const override { return id_; }
  Result<float> Score(std::string_view, std::string_view, std::chrono::nanoseconds) override {
    ++calls;
    if (fails) return Fail(*fails, "told to");
    return logit;
  }
  float logit = 0;
  int calls = 0;
  std::optional<ErrorCode> fails;

 private:
  std::string id_ = "judge";
};

TEST_F(SemanticTest, TheLastJudgeDecidesWhatLiesJustBelowTheThreshold) {
  constexpr std::string_view kOther = "What is the way to reverse a singly linked list with Python?";
  Start();
  Store(kCached);
  const auto without = Find(kOther);
  ASSERT_EQ(without.miss, SimilarMiss::kScore) << without.score;
  Judge judge;
  reranker_ = &judge;
  Start();
  judge.logit = 2;
  const auto hit = Find(kOther);
  ASSERT_NE(hit.entry, nullptr) << without.score;
  EXPECT_EQ(hit.layer, SimilarLayer::kVerified);
  judge.logit = -2;
  EXPECT_EQ(Find(kOther).miss, SimilarMiss::kScore);
  EXPECT_EQ(tier_->Explain(Ask(kOther)).candidates.at(0).reranker.value_or(0), 1 / (1 + std::exp(2.0f)));
  judge.calls = 0;
  EXPECT_EQ(Find(kTrap).miss, SimilarMiss::kGuard);
  Store("How do I reverse a linked list?", "b");
  EXPECT_EQ(Find("How do I plant tomatoes on a balcony?", "b").miss, SimilarMiss::kScore);
  EXPECT_EQ(judge.calls, 0);
  judge.fails = ErrorCode::kBusy;
  EXPECT_EQ(Find(kOther).miss, SimilarMiss::kBusy);
}

}  // namespace
}  // namespace reflex::cache
