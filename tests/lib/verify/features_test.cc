#include "verify/features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "hashed_embedder.h"
#include "verify/measures.h"

namespace reflex::verify {
namespace {

Features Measure(std::string_view a, std::string_view b) {
  HashedEmbedder embedder;
  const Reading x = Read(a), y = Read(b);
  return Compare(x, y, *embedder.Embed(x.prepared, WordSpans(x), {}), *embedder.Embed(y.prepared, WordSpans(y), {}));
}

template <FeatureName name>
float Of(const Features& features) {
  return features[kFeature<name>];
}

TEST(Features, NamesAreUniqueAndBeginWithTheRecipe) {
  const std::set<std::string_view> names(kFeatureNames.begin(), kFeatureNames.end());
  EXPECT_EQ(names.size(), kFeatures);
  EXPECT_EQ(kFeatureNames[0], "cos");
  EXPECT_EQ(kFeatureNames[51], "top2loss");
  EXPECT_EQ(kFeatureNames[69], "u8_max");
}

TEST(Features, OfEqualTextsSayEqual) {
  const Features f = Measure("How do I sort a list in Python?", "How do I sort a list in Python?");
  EXPECT_NEAR(Of<"cos">(f), 1, 1e-5);
  EXPECT_EQ(Of<"meanA">(f), 1);
  EXPECT_EQ(Of<"jacc">(f), 1);
  EXPECT_EQ(Of<"contained">(f), 2);
  EXPECT_EQ(Of<"charratio">(f), 1);
  EXPECT_EQ(Of<"usum">(f), 0);
  EXPECT_EQ(Of<"subst_cos">(f), 1);
  EXPECT_EQ(Of<"guard">(f), 0);
  EXPECT_EQ(Of<"conflicts">(f), 0);
  EXPECT_EQ(Of<"mid_share">(f), 0);
  EXPECT_EQ(Of<"relation_share">(f), 1);
}

TEST(Features, CountWhatDiffers) {
  const Features f = Measure("Sort 3 lists in Python ascending", "Sort 4 lists in Ruby descending");
  EXPECT_EQ(Of<"numdiff">(f), 1);
  EXPECT_EQ(Of<"numcount">(f), 2);
  EXPECT_EQ(Of<"num_strong">(f), 2);
  EXPECT_EQ(Of<"langdiff">(f), 1);
  EXPECT_EQ(Of<"antpair">(f), 1);
  EXPECT_EQ(Of<"guard">(f), 1);
  EXPECT_EQ(Of<"nuA">(f), 3);
  EXPECT_EQ(Of<"nuB">(f), 3);
  EXPECT_EQ(Of<"u0_n">(f), 2);
  EXPECT_EQ(Of<"u2_n">(f), 2);
  EXPECT_EQ(Of<"u5_n">(f), 2);
  EXPECT_EQ(Of<"g_numbers">(f), 1);
  EXPECT_EQ(Of<"g_language">(f), 1);
  EXPECT_EQ(Of<"g_antonym">(f), 1);
  EXPECT_EQ(Of<"conflicts">(f), 3);
  EXPECT_NEAR(Of<"exactfrac">(f), 0.5, 1e-6);
}

TEST(Features, OtherNamesAreTheSameWord) {
  const Features f = Measure("Deploy an app to k8s", "Deploy an app to Kubernetes");
  EXPECT_EQ(Of<"meanA">(f), 1);
  EXPECT_EQ(Of<"numdiff">(f), 0);
  EXPECT_EQ(Of<"langdiff">(f), 0);
  EXPECT_EQ(Of<"contained">(f), 2);
}

TEST(Features, TypingErrorsAreRepaired) {
  const Features f = Measure("Delete a chanel in Slack", "Delete a channel in Slack");
  EXPECT_EQ(Of<"ntypo">(f), 1);
  EXPECT_EQ(Of<"jacc">(f), 1);
  EXPECT_EQ(Of<"ntypo">(Measure("What is ethanol?", "What is methanol?")), 0);
  EXPECT_EQ(Of<"ntypo">(Measure("Book a flight", "Book a fright")), 0);
}

TEST(Features, ListsLiftAndCapSimilarities) {
  const Features same = Measure("How do I delete a row?", "How do I remove a row?");
  EXPECT_EQ(Of<"nsyn">(same), 1);
  EXPECT_NEAR(Of<"min1A">(same), 0.9, 1e-6);
  const Features other = Measure("How do I upload a row?", "How do I download a row?");
  EXPECT_EQ(Of<"ncontrast">(other), 1);
  EXPECT_LE(Of<"min1A">(other), 0.97f);
  EXPECT_EQ(Of<"ctx_contrast">(other), 1);
}

TEST(Features, ContainmentTellsWhatStandsAround) {
  const Features f = Measure("rename a branch", "git tip of the day: rename a branch, then push");
  EXPECT_EQ(Of<"contained">(f), 1);
  EXPECT_EQ(Of<"npre">(f), 5);
  EXPECT_EQ(Of<"nsuf">(f), 2);
  EXPECT_EQ(Of<"sep">(f), 1);
  EXPECT_EQ(Of<"xtyped">(f), 2);
}

TEST(Features, OrderOfArgumentsShows) {
  const Features f = Measure("Convert JSON to YAML", "Convert YAML to JSON");
  EXPECT_EQ(Of<"orderdiff">(f), 1);
  EXPECT_EQ(Of<"jacc">(f), 1);
  EXPECT_EQ(Of<"g_order">(f), 1);
  EXPECT_EQ(Of<"relation_share">(f), 0);
  EXPECT_GT(Of<"inv">(f), 0);
}

TEST(Features, SmallEditsShow) {
  const Features f =
      Measure("What is the boiling point of water at sea level?", "What is the boiling point of mercury at sea level?");
  EXPECT_NEAR(Of<"mid_max">(f), std::log(2.f), 1e-6);
  EXPECT_EQ(Of<"ctx_pairs">(f), 1);
  EXPECT_GT(Of<"mid_small_loss">(f), 0);
}

TEST(Features, OfNoWordsAreZero) {
  for (const float value : Measure("", "Sort a list")) EXPECT_EQ(value, 0);
  for (const float value : Measure("?", "!")) EXPECT_EQ(value, 0);
}

TEST(Features, SurviveMissingAndBrokenVectors) {
  const Reading a = Read("Sort a list in Python"), b = Read("Order an array in Ruby");
  Embedding broken;
  broken.text.assign(4, NAN);
  broken.words.assign(7, NAN);
  for (const float value : Compare(a, b, broken, broken)) EXPECT_TRUE(std::isfinite(value));
  for (const float value : Compare(a, b, {}, {})) EXPECT_TRUE(std::isfinite(value));
}

TEST(Features, AreFiniteForAnyPairAndMostAreSymmetric) {
  const char* texts[] = {
      "Hi, sort 3 lists", "don't", "= = =", "\xe6\x97\xa5\xe6\x9c\xac", "a a a a a", "Explain `x` and \"y\" from A to B before 5pm",
      "1 2 3 4 5 6 7"};
  for (const char* a : texts) {
    for (const char* b : texts) {
      const Features f = Measure(a, b), g = Measure(b, a);
      for (std::size_t i = 0; i < kFeatures; ++i) ASSERT_TRUE(std::isfinite(f[i])) << kFeatureNames[i];
      EXPECT_NEAR(Of<"meanA">(f), Of<"meanB">(g), 1e-4);
      EXPECT_EQ(Of<"jacc">(f), Of<"jacc">(g));
      EXPECT_EQ(Of<"charratio">(f), Of<"charratio">(g));
      EXPECT_EQ(Of<"conflicts">(f), Of<"conflicts">(g)) << a << " | " << b;
      EXPECT_EQ(Of<"ncontrast">(f), Of<"ncontrast">(g));
    }
  }
}

}  // namespace
}  // namespace reflex::verify
