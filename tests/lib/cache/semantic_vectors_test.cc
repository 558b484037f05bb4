#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "cache/semantic_record.h"
#include "lib/cache/semantic_fixture.h"
#include "verify/reading.h"

extern "C" const char reflex_data_verifier_begin[], reflex_data_verifier_end[];

namespace reflex::cache {
namespace {

class SemanticVectors : public SemanticTest {
 protected:
  std::uint64_t Indexed() const { return tier_->Stats().index.vectors; }
};

TEST_F(SemanticVectors, SmallScopesHaveNone) {
  Start();
  Fill(16);
  jobs_.Run();
  EXPECT_EQ(Indexed(), 0u);
  EXPECT_EQ(tier_->Stats().embedded_later, 0u);
  EXPECT_EQ(Find("why is this sky blue").vector, nullptr);
}

TEST_F(SemanticVectors, AScopeThatGrowsIsEmbeddedBehind) {
  Start();
  Fill(16);
  Store(kCached);
  EXPECT_EQ(Indexed(), 0u);
  jobs_.Run();
  EXPECT_EQ(Indexed(), 17u);
  EXPECT_EQ(tier_->Stats().embedded_later, 17u);
  Fill(16);  // The same ones again.
  jobs_.Run();
  EXPECT_EQ(tier_->Stats().embedded_later, 17u);
}

TEST_F(SemanticVectors, ALargeScopeIsSearched) {
  Start();
  Fill(60);
  Store(kCached);
  jobs_.Run();
  ASSERT_EQ(Indexed(), 61u);
  const auto found = Find(kTypo);
  ASSERT_NE(found.entry, nullptr);
  EXPECT_EQ(found.entry->question, kCached);
  EXPECT_EQ(found.layer, SimilarLayer::kVerified);
  EXPECT_EQ(tier_->Stats().embedded, 1u);
  const auto trap = Find("How do I reverse a linked list in Rust?");
  EXPECT_EQ(trap.miss, SimilarMiss::kGuard);
  EXPECT_EQ(tier_->Explain(Ask(kTypo)).scope_entries, 17u);
  EXPECT_TRUE(tier_->Explain(Ask(kTypo)).embedded);
  EXPECT_LE(tier_->Explain(Ask(kTypo)).candidates.size(), 16u);
}

TEST_F(SemanticVectors, TheVectorOfAMissStoresItsAnswer) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  Fill(20);
  jobs_.Run();
  model.calls = 0;
  const auto miss = Find(kCached);
  ASSERT_EQ(miss.entry, nullptr);
  ASSERT_NE(miss.vector, nullptr);
  EXPECT_EQ(model.calls, 1);
  Store(kCached, "a", miss.vector);
  jobs_.Run();
  EXPECT_EQ(model.calls, 1);
  EXPECT_EQ(Indexed(), 21u);
  EXPECT_NE(Find(kTypo).entry, nullptr);
  EXPECT_EQ(model.calls, 2);
}

TEST_F(SemanticVectors, NothingIsEmbeddedWhereNothingCanBeCompared) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  Fill(10);
  Find(kCached);
  Find(kCached, "empty");
  jobs_.Run();
  EXPECT_EQ(model.calls, 0);
}

TEST_F(SemanticVectors, AModelThatFailsIsAMissWithItsReason) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  Fill(20);
  jobs_.Run();
  model.fails = ErrorCode::kBusy;
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kBusy);
  model.fails = ErrorCode::kTimeout;
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kTimeout);
  model.fails = ErrorCode::kTooLarge;
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kTooLong);
  EXPECT_FALSE(logger_.Saw("semantic_lookup_failed"));
  model.fails = ErrorCode::kInternal;
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kFailed);
  EXPECT_TRUE(logger_.Saw("semantic_lookup_failed part=embed code=internal"));
}

TEST_F(SemanticVectors, TimeThatPassesInTheModelIsATimeout) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  Fill(20);
  Store(kCached);
  jobs_.Run();
  model.before = [this] { clock_.AdvanceMs(101); };
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kTimeout);
  model.before = [this] { clock_.AdvanceMs(99); };
  EXPECT_NE(Find(kTypo).entry, nullptr);
}

TEST_F(SemanticVectors, TextsTheModelHadNoTimeForAreTriedAgainLater) {
  SlowEmbedder model;
  model_ = &model;
  Start();
  model.fails = ErrorCode::kBusy;
  Fill(17);
  jobs_.Run();
  EXPECT_EQ(Indexed(), 0u);
  EXPECT_EQ(model.calls, 1);  // Then it waits.
  model.fails.reset();
  tier_->LooksWorthwhile(Scope("a"));
  EXPECT_TRUE(jobs_.empty());
  clock_.AdvanceMs(1'000);
  tier_->LooksWorthwhile(Scope("a"));
  jobs_.Run();
  EXPECT_EQ(Indexed(), 17u);
}

TEST_F(SemanticVectors, AJobThatFoundNoRoomIsAskedForAgain) {
  Start();
  jobs_.refuse = true;
  Fill(20);
  EXPECT_TRUE(jobs_.empty());
  jobs_.refuse = false;
  Find(kCached, "empty");
  jobs_.Run();
  EXPECT_EQ(Indexed(), 20u);
}

TEST_F(SemanticVectors, WhatLeavesTheStoreLeavesTheIndex) {
  Start();
  Fill(30);
  const EntryPtr entry = Store(kCached);
  jobs_.Run();
  ASSERT_EQ(Indexed(), 31u);
  ASSERT_TRUE(cache_->Erase(entry->key));
  jobs_.Run();
  EXPECT_EQ(Indexed(), 30u);
  EXPECT_EQ(Find(kTypo).entry, nullptr);
}

TEST_F(SemanticVectors, AnEntryThatLeavesBeforeItIsFiledIsNotInTheIndex) {
  Start();
  Fill(30);
  jobs_.Run();
  const EntryPtr entry = Store(kCached);
  ASSERT_TRUE(cache_->Erase(entry->key));
  jobs_.Run();
  EXPECT_EQ(Indexed(), 30u);
}

TEST_F(SemanticVectors, AfterARestartTheIndexIsLoaded) {
  Start();
  Fill(30);
  Store(kCached);
  Store("Who was Charlemagne?", "small");
  jobs_.Run();
  Start();
  EXPECT_EQ(Indexed(), 0u);
  tier_->StartLoading();
  EXPECT_TRUE(tier_->Stats().loading);
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kLoading);
  EXPECT_NE(Find("who was charlemagne", "small").entry, nullptr);
  EXPECT_NE(Find("how do i reverse a linked list in python").entry, nullptr);  // Canonical texts need no index.
  Store("Is a whale heavier than a bus?");
  jobs_.Run();
  EXPECT_FALSE(tier_->Stats().loading);
  EXPECT_EQ(Indexed(), 32u);
  EXPECT_EQ(tier_->Stats().embedded_later, 1u);
  EXPECT_EQ(tier_->Stats().vectors_dropped, 0u);
  EXPECT_NE(Find(kTypo).entry, nullptr);
}

TEST_F(SemanticVectors, VectorsOfAnotherModelAreMadeAgain) {
  Start();
  Fill(30);
  Store(kCached);
  jobs_.Run();
  SlowEmbedder model;
  model_ = &model;
  Start();
  tier_->StartLoading();
  jobs_.Run();
  EXPECT_EQ(tier_->Stats().vectors_dropped, 31u);
  EXPECT_EQ(tier_->Stats().embedded_later, 31u);
  EXPECT_EQ(Indexed(), 31u);
  EXPECT_NE(Find(kTypo).entry, nullptr);
}

TEST_F(SemanticVectors, DamagedBytesAreNoVector) {
  Start();
  Fill(30);
  const EntryPtr entry = Store(kCached);
  jobs_.Run();
  std::string bytes = *store_->FindVector(entry->key);
  bytes[70] = static_cast<char>(bytes[70] ^ 1);
  ASSERT_TRUE(store_->PutVector(entry->key, bytes));
  Start();
  tier_->StartLoading();
  jobs_.Run();
  EXPECT_EQ(tier_->Stats().vectors_dropped, 1u);
  EXPECT_EQ(Indexed(), 31u);
}

TEST_F(SemanticVectors, AJobThatOutlivesTheTierDoesNothing) {
  Start();
  Fill(20);
  ASSERT_FALSE(jobs_.empty());
  tier_.reset();
  jobs_.Run();
  ASSERT_TRUE(cache_->Clear());
}

TEST_F(SemanticVectors, WithScanMaxZeroEveryEntryHasOne) {
  SemanticOptions options;
  options.scan_max = 0;
  Start(options);
  Store(kCached);
  jobs_.Run();
  EXPECT_EQ(Indexed(), 1u);
  EXPECT_NE(Find(kTypo).entry, nullptr);
  EXPECT_EQ(tier_->Stats().embedded, 1u);
}

TEST_F(SemanticVectors, WithoutAnIndexLargeScopesAreComparedByCanonicalText) {
  auto parts = PartsOf();
  parts.index = nullptr;
  auto made = SemanticTier::Create({}, std::move(parts));
  ASSERT_TRUE(made);
  tier_ = std::move(*made);
  Fill(20);
  Store(kCached);
  EXPECT_TRUE(jobs_.empty());
  EXPECT_EQ(Find(kTypo).miss, SimilarMiss::kNoCandidate);
  EXPECT_NE(Find("how do i reverse a linked list in python").entry, nullptr);
}

// The program's own weights under the name of the model: what is tested is which vectors and weights are used, not how good they
// are.
std::string VerifierFor(std::string_view model) {
  std::string text(reflex_data_verifier_begin, reflex_data_verifier_end);
  for (const std::string_view line : {"\njoin ", "\nnet "}) {
    const std::size_t begin = text.find(line);
    text.erase(begin, text.find('\n', begin + 1) - begin);
  }
  const std::size_t begin = text.find("embedder "), end = text.find('\n', begin);
  return text.replace(begin, end - begin, "embedder " + std::string(model));
}

TEST_F(SemanticVectors, WithWeightsForTheModelItsWordVectorsAreJudged) {
  SlowEmbedder model;
  model_ = &model;
  model_verifier_ = VerifierFor("slow-1");
  Start();
  Fill(30);
  const EntryPtr entry = Store(kCached);
  jobs_.Run();
  model.calls = 0;
  constexpr std::string_view kOther = "What is the way to reverse a singly linked list with Python?";
  const auto score = [&] { return tier_->Explain(Ask(kOther)).candidates.at(0).score; };
  const float with_rows = score();
  EXPECT_EQ(model.calls, 1);
  ASSERT_GT(with_rows, 0);
  // Rows that say nothing: the score changes, so it was them that were judged.
  const verify::Reading reading = verify::Read(kCached);
  const auto spans = verify::TokenSpans(reading);
  const VectorMaker maker = VectorMaker::Of("slow-1", model.dimension());
  Embedding blank = *ReadRecord(*store_->FindVector(entry->key), maker, spans);
  std::fill(blank.words.begin(), blank.words.end(), 0.0f);
  ASSERT_TRUE(store_->PutVector(entry->key, WriteRecord(maker, blank, spans, true)));
  EXPECT_GT(std::abs(score() - with_rows), 1e-4f);
  // A record without words: the built-in vectors judge, which are the same here but for rounding.
  ASSERT_TRUE(store_->PutVector(entry->key, WriteRecord(maker, blank, spans, false)));
  EXPECT_NEAR(score(), with_rows, 1e-2f * with_rows);
}

TEST_F(SemanticVectors, ASmallScopeIsEmbeddedOnlyWhereItHasVectors) {
  SlowEmbedder model;
  model_ = &model;
  model_verifier_ = VerifierFor("slow-1");
  Start();
  Fill(17);
  Store(kCached, "small");
  jobs_.Run();
  model.calls = 0;
  EXPECT_NE(Find(kTypo, "small").entry, nullptr);
  EXPECT_EQ(model.calls, 0);
  ASSERT_TRUE(cache_->Erase(Make("describe a volcano")->key));
  ASSERT_TRUE(cache_->Erase(Make("describe a piano")->key));
  Find(kTypo);
  EXPECT_EQ(model.calls, 1);
}

// Weights that accept whatever no guard objects to.
constexpr std::string_view kAccepting =
    "reflex-verifier 1\nembedder slow-1\nfeature cos 0 1 0.001\nintercept 20\nthreshold 0.5 0.001\nend\n";

// What the built-in verifier does not accept is judged with the model's vectors too, also where there are none stored.
TEST_F(SemanticVectors, ASmallScopeIsJudgedByTheModelWhereTheBuiltInOneRefuses) {
  SlowEmbedder model;
  model_ = &model;
  model_verifier_ = kAccepting;
  Start();
  Store(kCached);
  jobs_.Run();
  model.calls = 0;
  constexpr std::string_view kOther = "Reverse a linked list for me, and use Python while you do so";
  EXPECT_NE(Find(kOther).entry, nullptr);
  EXPECT_EQ(model.calls, 2);  // The question and the one candidate.
  EXPECT_TRUE(tier_->Explain(Ask(kOther)).embedded);
  // A guard's veto is not put to the model.
  model.calls = 0;
  EXPECT_EQ(Find("How do I reverse a linked list in Java?").entry, nullptr);
  EXPECT_EQ(model.calls, 0);
  // A model that has no time leaves the built-in verdict.
  model.fails = ErrorCode::kBusy;
  EXPECT_EQ(Find(kOther).miss, SimilarMiss::kScore);
  EXPECT_FALSE(logger_.Saw("semantic_lookup_failed"));
  // A question beyond its window says so.
  model.fails = ErrorCode::kTooLarge;
  EXPECT_EQ(Find(kOther).miss, SimilarMiss::kTooLong);
  EXPECT_FALSE(logger_.Saw("semantic_lookup_failed"));
}

TEST_F(SemanticVectors, InALargeScopeAQuestionIsEmbeddedOnce) {
  SlowEmbedder model;
  model_ = &model;
  model_verifier_ = kAccepting;
  Start();
  Fill(30);
  Store(kCached);
  jobs_.Run();
  // With a typing error mended, too, and whether it is a hit or not.
  for (const std::string_view question : {kTypo, std::string_view("Reverse a linkd list for me, and use Python while you do so"),
                                          std::string_view("what is the qwertz of an uiop")}) {
    model.calls = 0;
    Find(question);
    EXPECT_EQ(model.calls, 1) << question;
  }
}

class JoinedVerifiers : public SemanticVectors {
 protected:
  JoinedVerifiers() { model_ = &slow_; }

  // Of a question in other words, with these lines in the weights of the model.
  float Logit(std::string_view lines) {
    model_verifier_ = VerifierFor("slow-1");
    model_verifier_.insert(model_verifier_.find("intercept "), lines);
    Start();
    Fill(30);
    Store(cached_);
    jobs_.Run();
    const float score = tier_->Explain(Ask(asked_)).candidates.at(0).score;
    return std::log(score / (1 - score));
  }

  SlowEmbedder slow_;
  std::string_view cached_ = "What is the difference between a crocodile and an alligator?",
                   asked_ = "How does an alligator differ from a crocodile?";
};

TEST_F(JoinedVerifiers, WeightsThatListenAreJoinedWithTheBuiltInOnes) {
  // Both say about the same, as their vectors are the same: joined they are twice as sure, less the offset.
  const float alone = Logit("");
  EXPECT_NEAR(Logit("join 1 -0.5\nbuiltin 1\n"), 2 * alone - 0.5f, 0.3f);
}

// A pair net over two kinds of vectors of as many dimensions that says 3 of every pair: all weights are zero but the last offset.
std::string SaysThree(std::uint32_t dimension) {
  const std::size_t w = 8, values = w * (2 * dimension + 1) + 2 * w + 3 + w * (4 * w + 5) + w * (w + 1) + w * (3 * w + 1) + w + 1 +
                                    w * (6 * w + 1) + w + 1;
  std::string bytes("RSPN2\0\0\0\x08\0\0\0", 12);
  for (int twice = 0; twice < 2; ++twice) bytes += {static_cast<char>(dimension), 0, 0, 0};
  bytes.resize(bytes.size() + 2 * values);
  bytes[bytes.size() - 1] = 0x42;  // 3 as a half-precision float.
  return bytes;
}

TEST_F(JoinedVerifiers, APairNetIsListenedToWhereTheWeightsSaySo) {
  pair_net_ = SaysThree(slow_.dimension());
  const float without = Logit("join 0.5 0\nbuiltin 0.5\n");
  EXPECT_NEAR(Logit("join 0.5 0\nbuiltin 0.5\nnet 0.25\n"), without + 0.75f, 0.01f);
  EXPECT_NEAR(Logit("join 0.5 0\nbuiltin 0.5\nnet 0.5\n"), without + 1.5f, 0.01f);
}

// What the verifiers know best, and what they do not believe in, is left to them.
TEST_F(JoinedVerifiers, PairsOfComputingOfTheSameWordsAndUnlikelyOnesAreNotJoined) {
  cached_ = kCached;
  asked_ = "What is the way to reverse a singly linked list with Python?";
  EXPECT_EQ(Logit("join 1 -0.5\nbuiltin 1\n"), Logit(""));
  cached_ = "How do I get red wine out of a carpet?";
  asked_ = "What is the way to get red wine out of a carpet?";
  EXPECT_EQ(Logit("join 1 -0.5\nbuiltin 1\n"), Logit(""));
  asked_ = "How do I get candle wax out of a carpet that red wine was spilt on?";
  const float alone = Logit("");
  ASSERT_LT(alone, 0);
  EXPECT_EQ(Logit("join 1 -0.5\nbuiltin 1\n"), alone);
}

// Two definitions that the verifier half believes in: nothing but the form is shared.
TEST_F(JoinedVerifiers, TextsThatShareNoWordOfMeaningAndAreFarApartAreNotJoined) {
  cached_ = "define concurrency with a real-world analogy";
  asked_ = "Eventual consistency - what does it mean?";
  const float alone = Logit("");
  ASSERT_GT(alone, 0);
  EXPECT_EQ(Logit("join 1 -0.5\nbuiltin 1\n"), alone);
}

TEST_F(SemanticVectors, APairNetThatIsMissingOrOfAnotherSizeIsRefused) {
  SlowEmbedder model;
  model_ = &model;
  model_verifier_ = VerifierFor("slow-1");
  model_verifier_.insert(model_verifier_.find("intercept "), "join 1 0\nnet 1\n");
  const auto refusal = [&] {
    const auto made = SemanticTier::Create({}, PartsOf());
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(refusal(), "the verifier listens to a pair net (its line \"net\"), and there is none");
  pair_net_ = SaysThree(64);
  EXPECT_EQ(refusal(),
            "a pair net over 64 and 64 dimensions, and a model whose vectors have 128 before and 128 after reading a text");
  pair_net_ = "none";
  EXPECT_EQ(refusal(), "not a pair net: it does not begin with RSPN2");
}

TEST_F(SemanticVectors, WeightsOfAnotherModelAreRefused) {
  SlowEmbedder model;
  model_ = &model;
  model_verifier_ = VerifierFor("other");
  const auto made = SemanticTier::Create({}, PartsOf());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "the verifier was trained with the model \"other\", not with \"slow-1\"");
  model_ = nullptr;
  EXPECT_EQ(SemanticTier::Create({}, PartsOf()).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace reflex::cache
