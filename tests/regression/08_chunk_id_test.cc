// Each chunk of a replayed stream had an id and a time of its own, and the role again: clients took them for several answers.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "wire/chat_reply.h"
#include "wire/json.h"
#include "wire/sse.h"

namespace reflex::wire {
namespace {

TEST(ChunkId, AllChunksOfAReplyShareIdAndTimeAndTheRoleComesOnce) {
  const std::string text(500, 'x');
  const PlainAnswer answer = ReadPlainAnswer(
      R"({"id":"a","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":")" +
          text + R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})",
      {}, {});
  ASSERT_EQ(answer.unstorable, "");
  ChatRequest request;
  request.include_usage = true;
  const auto replay = ChatReplay::Create(answer.reply.json, request, {"chatcmpl-fresh", 1234});
  ASSERT_TRUE(replay.has_value());
  std::string events;
  while ((*replay)->Next(1 << 20, events)) {
  }
  SseReader reader;
  reader.Feed(events);
  SseReader::Event event;
  std::set<std::string> ids, times;
  int chunks = 0, roles = 0;
  for (; *reader.Next(event) && event.data != "[DONE]"; ++chunks) {
    json::Document document;
    ASSERT_EQ(document.Parse(event.data), "") << event.data;
    ids.emplace(document.root().Find("id").raw());
    times.emplace(document.root().Find("created").raw());
    if (event.data.find("\"role\"") != std::string_view::npos) ++roles;
  }
  EXPECT_GT(chunks, 3);
  EXPECT_EQ(ids, std::set<std::string>{"\"chatcmpl-fresh\""});
  EXPECT_EQ(times, std::set<std::string>{"1234"});
  EXPECT_EQ(roles, 1);
}

}  // namespace
}  // namespace reflex::wire
