#include "wire/sse.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/wire/tree.h"

namespace reflex::wire {
namespace {

struct Seen {
  std::string name;
  std::string data;
  bool has_data;
  friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.name << "|" << seen.data << "|" << seen.has_data;
}

// Feeds `stream` in pieces and gathers events with data and all raw bytes.
struct Collected {
  std::vector<Seen> events;
  std::string raw;
  std::string rest;
};
Collected Collect(const std::vector<std::string_view>& pieces) {
  Collected all;
  SseReader reader;
  SseReader::Event event;
  for (const std::string_view piece : pieces) {
    reader.Feed(piece);
    while (*reader.Next(event)) {
      all.raw += event.raw;
      if (event.has_data) all.events.push_back({std::string(event.name), std::string(event.data), true});
    }
  }
  all.rest = reader.rest();
  return all;
}
std::vector<Seen> Events(std::string_view stream) { return Collect({stream}).events; }

TEST(SseReader, ReadsDataNamesAndComments) {
  EXPECT_EQ(Events("data: a\n\n: comment\n\nevent: error\ndata:b\nid: 7\nretry: 5\nunknown\n\ndata\n\n"),
            (std::vector<Seen>{{"", "a", true}, {"error", "b", true}, {"", "", true}}));
}

TEST(SseReader, JoinsDataLinesAndStripsOneSpace) {
  EXPECT_EQ(Events("data:  a\ndata:\ndata: b:c\n\ndata:\ndata:\n\n"),
            (std::vector<Seen>{{"", " a\n\nb:c", true}, {"", "\n", true}}));
}

TEST(SseReader, TakesAnyLineEnd) {
  const std::vector<Seen> expected{{"", "a", true}, {"x", "b\nc", true}};
  EXPECT_EQ(Events("data: a\n\nevent: x\ndata: b\ndata: c\n\n"), expected);
  EXPECT_EQ(Events("data: a\r\revent: x\rdata: b\rdata: c\r\r"), expected);
  EXPECT_EQ(Events("data: a\r\n\r\nevent: x\r\ndata: b\r\ndata: c\r\n\r\n"), expected);
  EXPECT_EQ(Events("data: a\r\n\nevent: x\ndata: b\r\ndata: c\r\r"), expected);
}

TEST(SseReader, SkipsAByteOrderMarkAtTheStartOnly) {
  EXPECT_EQ(Events("\xef\xbb\xbf"
                   "data: a\n\n"),
            (std::vector<Seen>{{"", "a", true}}));
  EXPECT_EQ(Events("data: a\n\n\xef\xbb\xbf"
                   "data: b\n\n"),
            (std::vector<Seen>{{"", "a", true}}));
}

TEST(SseReader, LeavesTheUnfinishedEventInRest) {
  const Collected all = Collect({"data: a\n\ndata: b\n"});
  EXPECT_EQ(all.events.size(), 1u);
  EXPECT_EQ(all.rest, "data: b\n");
  EXPECT_EQ(Collect({"data: a\r\n\r", "\n"}).rest, "");
  EXPECT_EQ(Collect({""}).rest, "");
}

TEST(SseReader, GivesAnEventAtOnce) {
  SseReader reader;
  SseReader::Event event;
  reader.Feed("data: a\r\n\r");
  ASSERT_TRUE(*reader.Next(event));
  EXPECT_EQ(event.data, "a");
  reader.Feed("\ndata: b\r\n\r\n");
  ASSERT_TRUE(*reader.Next(event));
  EXPECT_EQ(event.data, "b");
  EXPECT_EQ(event.raw, "\ndata: b\r\n\r\n");
  EXPECT_FALSE(*reader.Next(event));
}

TEST(SseReader, EveryTwoWaySplitGivesTheSameEventsAndBytes) {
  for (const std::string_view stream : {"\xef\xbb\xbf"
                                        "data: é😀\n\n: c\n\nevent: e\ndata: 1\ndata: 2\n\n",
                                        "data: a\r\n\r\ndata: b\r\n\r\n: x\r\n\r\n\r\n", "data: a\r\rdata: b\r\r"}) {
    const Collected whole = Collect({stream});
    EXPECT_EQ(whole.raw, stream);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      const Collected split = Collect({stream.substr(0, cut), stream.substr(cut)});
      EXPECT_EQ(split.events, whole.events) << cut;
      EXPECT_TRUE(split.raw == stream || split.raw + "\n" == stream) << cut;
      EXPECT_EQ(split.rest, "") << cut;
    }
  }
}

TEST(SseReader, AnySplitOfAnyBytesGivesTheSameEvents) {
  testing::Random random(2);
  for (int round = 0; round < 3000; ++round) {
    static constexpr std::string_view kTokens[] = {"data: ", "data:", "event: x",     "\n", "\r",  "\r\n",
                                                   ":",      "a",     "\xef\xbb\xbf", " ",  "\n\n"};
    std::string stream;
    for (std::size_t n = testing::Below(random, 30); n > 0; --n) stream += kTokens[testing::Below(random, std::size(kTokens))];
    const Collected whole = Collect({stream});
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + testing::Below(random, 4);
      pieces.push_back(std::string_view(stream).substr(at, size));
      at += size;
    }
    ASSERT_EQ(Collect(pieces).events, whole.events) << stream;
    ASSERT_TRUE(stream.starts_with(whole.raw));
  }
}

TEST(SseReader, RefusesEventsLongerThanAllowed) {
  SseReader reader(100);
  SseReader::Event event;
  reader.Feed("data: " + std::string(80, 'x') + "\n\n");
  EXPECT_TRUE(*reader.Next(event));
  reader.Feed("data: " + std::string(120, 'x'));
  const Result<bool> next = reader.Next(event);
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace reflex::wire
