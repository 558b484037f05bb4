#include <gtest/gtest.h>

#include <string>

#include "gateway/exact_hits.h"
#include "gateway/semantic_hits.h"

// What is remembered of hits, for feedback.
namespace reflex::gateway {
namespace {

Digest DigestOf(std::uint8_t byte) {
  Digest digest;
  digest.bytes.fill(byte);
  return digest;
}

std::string Id(int number) {
  const std::string digits = std::to_string(number);
  return "req_" + std::string(32 - digits.size(), '0') + digits;
}

SemanticHit Hit(std::string question) {
  SemanticHit hit;
  hit.tenant = DigestOf(1);
  hit.entry = DigestOf(2);
  hit.question = std::move(question);
  return hit;
}

TEST(SemanticHits, AreFoundByTheirTenantAlone) {
  SemanticHits hits;
  hits.Add(Id(1), Hit("q"));
  ASSERT_TRUE(hits.Find(Id(1), DigestOf(1)));
  EXPECT_EQ(hits.Find(Id(1), DigestOf(1))->question, "q");
  EXPECT_FALSE(hits.Find(Id(1), DigestOf(9)));
  EXPECT_FALSE(hits.Find(Id(2), DigestOf(1)));
}

TEST(SemanticHits, CountAsOneReport) {
  SemanticHits hits;
  hits.Add(Id(1), Hit("q"));
  EXPECT_TRUE(hits.TakeReport(Id(1)));
  EXPECT_FALSE(hits.TakeReport(Id(1)));
  EXPECT_FALSE(hits.TakeReport(Id(2)));
}

TEST(SemanticHits, OldestGoFirst) {
  SemanticHits hits(3);
  for (int i = 0; i < 5; ++i) hits.Add(Id(i), Hit("q"));
  EXPECT_EQ(hits.size(), 3U);
  EXPECT_FALSE(hits.Find(Id(1), DigestOf(1)));
  EXPECT_TRUE(hits.Find(Id(2), DigestOf(1)));
}

TEST(SemanticHits, BytesAreBounded) {
  SemanticHits hits(1000, 10'000);
  for (int i = 0; i < 50; ++i) {
    hits.Add(Id(i), Hit(std::string(2000, 'q')));
    EXPECT_LE(hits.bytes(), 10'000U);
  }
  EXPECT_EQ(hits.size(), 4U);
  hits.Add(Id(99), Hit(std::string(20'000, 'q')));  // Alone too large: not kept, and nothing goes for it.
  EXPECT_EQ(hits.size(), 4U);
  EXPECT_FALSE(hits.Find(Id(99), DigestOf(1)));
}

TEST(ExactHits, TheLastAreKept) {
  ExactHits hits;
  EXPECT_FALSE(hits.Find(Id(0)));
  for (int i = 0; i <= static_cast<int>(ExactHits::kKept); ++i)
    hits.Add(Id(i), DigestOf(1), DigestOf(static_cast<std::uint8_t>(i)));
  EXPECT_FALSE(hits.Find(Id(0)));
  ASSERT_TRUE(hits.Find(Id(1)));
  EXPECT_EQ(hits.Find(Id(1))->key, DigestOf(1));
  EXPECT_EQ(hits.Find(Id(8192))->key, DigestOf(0));
  EXPECT_FALSE(hits.Find("req_"));
}

}  // namespace
}  // namespace reflex::gateway
