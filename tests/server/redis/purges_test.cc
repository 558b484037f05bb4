#include "redis/purges.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace reflex::redis {
namespace {

Purges Of(std::uint64_t generation) {
  Purges purges;
  purges.generation = purges.cleared = generation;
  return purges;
}

TEST(PurgeBook, AnAnswerToWhoAskedEarlierDoesNotReplaceALaterOne) {
  PurgeBook book;
  const std::uint64_t sweep = book.Ask();  // Reads the purges before a Clear ...
  const std::uint64_t clear = book.Ask();
  book.Replace(clear, Of(7));
  book.Replace(sweep, Of(6));  // ... and is heard after it.
  EXPECT_EQ(book.Look()->generation, 7u);
  EXPECT_TRUE(book.Look()->Hides({}, 6));
}

// A server that was emptied begins again.
TEST(PurgeBook, WhoAsksLastIsBelieved) {
  PurgeBook book;
  book.Replace(book.Ask(), Of(7));
  book.Replace(book.Ask(), Of(0));
  EXPECT_EQ(book.Look()->generation, 0u);
}

TEST(PurgeBook, TheHighestGenerationIsKept) {
  PurgeBook book;
  const std::uint64_t early = book.Ask();
  book.Replace(book.Ask(), Of(7));
  book.Replace(early, Of(8));  // Not believed, and yet it was so.
  book.Replace(book.Ask(), Of(0));
  EXPECT_EQ(book.Highest(), 8u);
  book.See(9);
  book.See(3);
  EXPECT_EQ(book.Highest(), 9u);
}

}  // namespace
}  // namespace reflex::redis
