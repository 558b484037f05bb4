#include "redis/resp.h"

#include <string>

#include <gtest/gtest.h>

#include "redis/client.h"
#include "redis/reply.h"

namespace reflex::redis {
namespace {

Value ReadOne(std::string_view bytes) {
  ReplyParser parser;
  parser.Append(bytes);
  auto value = parser.Next();
  EXPECT_TRUE(value && *value) << bytes;
  EXPECT_EQ(parser.pending(), 0u);
  return value && *value ? std::move(**value) : Value{};
}

TEST(ReplyParser, ReadsEachTypeOfTheProtocol) {
  EXPECT_EQ(ReadOne("+OK\r\n").text, "OK");
  EXPECT_TRUE(ReadOne("-ERR no\r\n").IsError("ERR"));
  EXPECT_EQ(ReadOne(":-42\r\n").integer, -42);
  EXPECT_EQ(ReadOne("$5\r\na\r\nbc\r\n").text, "a\r\nbc");
  EXPECT_TRUE(ReadOne("$-1\r\n").is_null());
  EXPECT_TRUE(ReadOne("_\r\n").is_null());
  EXPECT_EQ(ReadOne(",3.5\r\n").text, "3.5");
  EXPECT_EQ(ReadOne("#t\r\n").integer, 1);
  EXPECT_EQ(ReadOne("=7\r\ntxt:abc\r\n").text, "abc");
  EXPECT_EQ(ReadOne("(123456789012345678901234567890\r\n").text, "123456789012345678901234567890");
  EXPECT_TRUE(ReadOne("!5\r\nERR x\r\n").is_error());
  EXPECT_EQ(ReadOne("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n").items[1].items[0].text, "x");
  EXPECT_EQ(ReadOne("%1\r\n+a\r\n:1\r\n").items.size(), 2u);
  EXPECT_EQ(ReadOne("~1\r\n:7\r\n").items[0].integer, 7);
  EXPECT_EQ(ReadOne(">2\r\n+invalidate\r\n*1\r\n+k\r\n").kind, Value::Kind::kPush);
  EXPECT_EQ(ReadOne("|1\r\n+ttl\r\n:5\r\n+value\r\n").text, "value") << "an attribute is dropped";
}

TEST(ReplyParser, TakesRepliesInPiecesOfAnySize) {
  const std::string bytes = "*3\r\n$3\r\nabc\r\n:12\r\n%1\r\n+k\r\n$0\r\n\r\n+OK\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    ReplyParser parser;
    int values = 0;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      parser.Append(std::string_view(bytes).substr(at, piece));
      while (true) {
        auto value = parser.Next();
        ASSERT_TRUE(value) << value.error().message;
        if (!*value) break;
        ++values;
      }
    }
    EXPECT_EQ(values, 2) << piece;
    EXPECT_EQ(parser.pending(), 0u);
  }
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const std::string bytes :
       {"?\r\n", "$99999999999\r\n", "$3\r\nabcd\r\n", "*-2\r\n", ":1x\r\n", "#x\r\n", "$-3\r\n", ":\r\n"}) {
    ReplyParser parser;
    parser.Append(bytes);
    const auto value = parser.Next();
    ASSERT_FALSE(value) << bytes;
    EXPECT_EQ(value.error().code, ErrorCode::kProtocol);
  }
  ReplyParser parser;
  for (int i = 0; i < 20; ++i) parser.Append("*1\r\n");
  EXPECT_FALSE(parser.Next()) << "nested too deeply";
}

// Values from the Redis Cluster specification and from CLUSTER KEYSLOT of a real server.
TEST(SlotOf, AgreesWithTheServer) {
  EXPECT_EQ(SlotOf("123456789"), 0x31C3 % kSlots);
  EXPECT_EQ(SlotOf("foo"), 12'182);
  EXPECT_EQ(SlotOf("{user1000}.following"), SlotOf("{user1000}.followers"));
  EXPECT_EQ(SlotOf("foo{}{bar}"), SlotOf("foo{}{bar}"));
  EXPECT_NE(SlotOf("foo{}{bar}"), SlotOf("bar")) << "an empty tag counts for nothing";
}

TEST(Reply, MovesNameTheirTarget) {
  EXPECT_EQ(*TargetOfMove("MOVED 3999 127.0.0.1:6381"), (Endpoint{"127.0.0.1", 6381}));
  EXPECT_EQ(TargetOfMove("ASK 3999 ::1:6381")->host, "::1");
  for (const char* wrong : {"MOVED", "MOVED 1 nowhere", "MOVED 1 h:0", "MOVED 1 h:99999", "MOVED 1 :5"}) {
    EXPECT_FALSE(TargetOfMove(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace reflex::redis
