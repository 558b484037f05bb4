// Readings of cached questions that are kept.
#include "cache/reading_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::cache {
namespace {

Entry Named(std::uint8_t key, std::string question) {
  Entry entry;
  entry.key.bytes[0] = key;
  entry.key.bytes[1] = static_cast<std::uint8_t>(question.size());
  entry.question = std::move(question);
  return entry;
}

TEST(ReadingCache, ATextIsReadOnce) {
  ReadingCache cache;
  const Entry entry = Named(1, "How do I boil an egg?");
  const auto reading = cache.Read(entry);
  EXPECT_EQ(reading->words.size(), verify::Read(entry.question).words.size());
  EXPECT_EQ(cache.Read(entry), reading);
}

TEST(ReadingCache, AnotherQuestionUnderTheSameKeyIsReadAnew) {
  ReadingCache cache;
  Entry entry = Named(1, "How do I boil an egg?");
  const auto first = cache.Read(entry);
  entry.question = "How do I fry two eggs in a pan?";
  const auto second = cache.Read(entry);
  EXPECT_NE(first, second);
  EXPECT_EQ(second->prepared, verify::Read(entry.question).prepared);
  EXPECT_EQ(cache.Read(entry), second);
}

TEST(ReadingCache, KeepsThoseUsedLastWithinItsBounds) {
  ReadingCache cache;
  const std::string text(8 << 10, 'a');
  std::vector<std::shared_ptr<const verify::Reading>> readings;
  for (std::uint8_t i = 0; i < 20; ++i) readings.push_back(cache.Read(Named(i, text)));
  // 16 of them have as many bytes as may be kept.
  EXPECT_EQ(cache.Read(Named(19, text)), readings[19]);
  EXPECT_EQ(cache.Read(Named(4, text)), readings[4]);
  EXPECT_NE(cache.Read(Named(3, text)), readings[3]);
  // That took the place of the one used longest ago.
  EXPECT_NE(cache.Read(Named(5, text)), readings[5]);
}

TEST(ReadingCache, AVeryLongTextIsNotKept) {
  ReadingCache cache;
  const Entry entry = Named(1, std::string(ReadingCache::kTextBytesMax / 4, 'a'));
  EXPECT_NE(cache.Read(entry), cache.Read(entry));
}

}  // namespace
}  // namespace reflex::cache
