// Streams folded into the plain answer (the rules of a faithful stored answer).
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "server/wire/stream_rules.h"
#include "server/wire/tree.h"
#include "wire/chat_reply.h"
#include "wire/sse.h"

namespace reflex::wire {
namespace {

using testing::Tree;

struct Folded {
  PlainAnswer answer;
  bool failed = false;
  bool complete = false;
  bool malformed = false;
};

Folded Fold(std::string_view stream, const ChatRequest& request = {}) {
  ChatFolder folder;
  SseReader reader;
  SseReader::Event event;
  Folded folded;
  reader.Feed(stream);
  while (*reader.Next(event)) {
    if (event.has_data && !folder.Add(event.data, event.name)) folded.malformed = true;
  }
  folded.failed = folder.failed();
  folded.complete = folder.complete();
  folded.answer = folder.Finish(request, {});
  return folded;
}

std::string Event(std::string_view json) { return "data: " + std::string(json) + "\n\n"; }
std::string Chunk(std::string_view choice) {
  return Event(R"({"id":"c","created":1,"model":"m","choices":[{"index":0,)" + std::string(choice) + "}]}");
}
std::string Delta(std::string_view delta) { return Chunk(R"("delta":)" + std::string(delta) + R"(,"finish_reason":null)"); }
const std::string kStop = Chunk(R"("delta":{},"finish_reason":"stop")");
const std::string kUsage = Event(R"({"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}})");

Tree Json(const Folded& folded) { return Tree::Parse(folded.answer.reply.json); }
Tree MessageOf(const std::string& deltas) { return Json(Fold(deltas + kStop + kUsage))["choices"].elements.at(0)["message"]; }

class Transcript : public ::testing::TestWithParam<const char*> {};
TEST_P(Transcript, FoldsToTheRecordedAnswer) {
  const std::string name = std::string("sse/") + GetParam();
  const Tree wanted = Tree::Parse(testing::ReadTestFile(name + ".json"));
  ChatRequest request;
  request.has_token_limit = wanted["json"]["choices"].elements.size() > 1;  // So recorded; see 07-n2.
  const Folded folded = Fold(testing::ReadTestFile(name + ".sse"), request);
  EXPECT_EQ(Json(folded), wanted["json"]);
  EXPECT_EQ(folded.failed ? "error" : folded.complete ? "complete" : "truncated", wanted["outcome"].text);
  EXPECT_FALSE(folded.malformed);
  const bool cacheable = wanted["cacheable"].kind == json::Kind::kTrue;
  EXPECT_EQ(folded.answer.unstorable.empty(), cacheable) << folded.answer.unstorable;
}
INSTANTIATE_TEST_SUITE_P(Chat, Transcript,
                         ::testing::Values("01-text", "02-text-usage", "03-tool-call", "04-parallel-tool-calls", "05-refusal",
                                           "06-logprobs", "07-n2", "08-midstream-error", "09-truncated", "13-comments-crlf",
                                           "14-function-call-legacy", "15-length-empty"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(ChatFolder, SaysWhetherUsageWasTold) {
  EXPECT_FALSE(Fold(Delta(R"({"role":"assistant","content":"x"})") + kStop).answer.reply.has_usage);
  const Folded folded = Fold(Delta(R"({"role":"assistant","content":"x"})") + kStop + kUsage + "data: [DONE]\n\n");
  EXPECT_EQ(folded.answer.unstorable, "");
  EXPECT_EQ(folded.answer.reply.usage, (Usage{3, 4}));
  EXPECT_EQ(folded.answer.reply.model, "m");
}

TEST(ChatFolder, TakesTheLastUsageWhereverItStands) {
  const Folded folded =
      Fold(Event(R"({"id":"c","usage":{"prompt_tokens":1},"choices":[{"delta":{"content":"x"},"finish_reason":null}]})") +
           Event(R"({"id":"c","usage":{"prompt_tokens":2},"choices":[{"delta":{},"finish_reason":"stop"}]})") +
           Event(R"({"id":"c","usage":null,"choices":[]})"));
  EXPECT_EQ(folded.answer.unstorable, "");
  EXPECT_EQ(folded.answer.reply.usage.input_tokens, 2u);
}

TEST(ChatFolder, CompleteNeedsAFinishInEveryChoiceNotADoneLine) {
  EXPECT_FALSE(Fold(Delta(R"({"content":"x"})") + "data: [DONE]\n\n").complete);
  EXPECT_EQ(Fold(Delta(R"({"content":"x"})") + kUsage + "data: [DONE]\n\n").answer.unstorable, "incomplete");
  EXPECT_TRUE(Fold(Delta(R"({"content":"x"})") + kStop).complete);
  EXPECT_FALSE(Fold(kStop + Event(R"({"choices":[{"index":1,"delta":{"content":"y"},"finish_reason":null}]})")).complete);
  EXPECT_FALSE(Fold("").complete);
  EXPECT_EQ(Fold("").answer.unstorable, "no-choices");
  EXPECT_EQ(Fold(kUsage).answer.unstorable, "no-choices");
}

TEST(ChatFolder, AnErrorIsNeverStored) {
  const std::string good = Delta(R"({"content":"x"})") + kStop + kUsage;
  EXPECT_EQ(Fold(good + Event(R"({"error":{"message":"x"}})")).answer.unstorable, "error");
  EXPECT_EQ(Fold(good + "event: error\ndata: {\"message\":\"x\"}\n\n").answer.unstorable, "error");
  EXPECT_EQ(Fold(Chunk(R"("delta":{"content":"x"},"error":{"code":1},"finish_reason":"stop")") + kUsage).answer.unstorable,
            "error");
  EXPECT_EQ(Fold(Event(R"({"error":null,"id":"c","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]})") + kUsage)
                .answer.unstorable,
            "");
}

TEST(ChatFolder, AnErrorMemberWithNothingInItIsNone) {
  for (const std::string error : {R"("")", "{}", "[]", "0", "false", "null"}) {
    const std::string chunk = R"({"error":)" + error + R"(,"id":"c","choices":[{"error":)" + error + R"(,"delta":{"content":"x"})";
    const Folded folded = Fold(Event(chunk + "}]}") + Event(chunk + R"(,"finish_reason":"stop"}]})") + kUsage);
    EXPECT_FALSE(folded.failed) << error;
    EXPECT_EQ(folded.answer.unstorable, "") << error;
    EXPECT_EQ(Json(folded)["choices"].elements.at(0)["message"]["content"].text, "xx") << error;
  }
  for (const std::string error : {R"("x")", R"({"code":1})", "1", "true"}) {
    EXPECT_TRUE(Fold(Event(R"({"choices":[],"error":)" + error + "}")).failed) << error;
  }
}

TEST(ChatFolder, WhatIsNotAChunkMakesItUnstorable) {
  for (const std::string_view data :
       {"not json", "{\"choices\":[", R"({"choices":["x"]})", R"({"choices":[{"index":"a"}]})", R"({"choices":[{"index":-1}]})",
        R"({"choices":[{"delta":"x"}]})", R"({"choices":[{"delta":{"content":5}}]})",
        R"({"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":{}}}]}}]})",
        R"({"choices":[{"delta":{"tool_calls":{}}}]})", R"({"choices":[{"delta":{"audio":"x"}}]})"}) {
    const Folded folded = Fold(Delta(R"({"content":"x"})") + Event(data) + kStop + kUsage);
    EXPECT_TRUE(folded.malformed) << data;
    EXPECT_EQ(folded.answer.unstorable, "not-json") << data;
  }
  EXPECT_EQ(Fold(Delta(R"({"content":"x"})") + Event("5") + Event(R"({"object":"ping"})") + kStop + kUsage).answer.unstorable, "");
}

TEST(ChatFolder, KeepsWhatAFirstChunkWithoutIdCarries) {
  const Tree json =
      Json(Fold(Event(R"({"id":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]})") +
                Delta(R"({"role":"assistant","content":"x"})") + kStop + kUsage));
  EXPECT_EQ(json["id"].text, "c");
  EXPECT_EQ(json["created"].text, "1");
  EXPECT_EQ(json["model"].text, "m");
  EXPECT_EQ(json["prompt_filter_results"], Tree::Parse(R"([{"prompt_index":0}])"));
}

TEST(ChatFolder, EmptyContentIsNullBesideOtherThingsOnly) {
  EXPECT_EQ(MessageOf(Delta(R"({"role":"assistant","content":""})"))["content"], Tree::String(""));
  EXPECT_EQ(MessageOf(Delta(R"({"role":"assistant"})"))["content"], Tree());
  EXPECT_EQ(MessageOf(Delta(R"({"content":"","refusal":"no"})"))["content"], Tree());
  EXPECT_EQ(MessageOf(Delta(R"({"content":"","audio":{"id":"a"}})"))["content"], Tree());
  EXPECT_EQ(MessageOf(Delta(R"({"content":"","function_call":{"name":"f"}})"))["content"], Tree());
  EXPECT_EQ(MessageOf(Delta(R"({"content":"","tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]})"))["content"], Tree());
}

TEST(ChatFolder, JoinsToolCallsByIndexInAnyOrder) {
  const Tree message =
      MessageOf(Delta(R"({"tool_calls":[{"index":1,"id":"b","type":"custom","custom":{"name":"g","input":"p"}}]})") +
                Delta(R"({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]})") +
                Delta(R"({"tool_calls":[{"index":1,"custom":{"input":"q"}},{"index":0,"function":{"arguments":"{}"}}]})"));
  EXPECT_EQ(message["tool_calls"], Tree::Parse(R"([{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},)"
                                               R"({"id":"b","type":"custom","custom":{"name":"g","input":"pq"}}])"));
}

TEST(ChatFolder, ANewIdWithoutIndexIsANewCall) {
  const Tree message = MessageOf(Delta(R"({"tool_calls":[{"id":"a","function":{"name":"f","arguments":"1"}}]})") +
                                 Delta(R"({"tool_calls":[{"function":{"arguments":"2"}}]})") +
                                 Delta(R"({"tool_calls":[{"id":"b","function":{"name":"g","arguments":"3"}}]})") +
                                 Delta(R"({"tool_calls":[{"id":"b","function":{"arguments":"4"}}]})"));
  EXPECT_EQ(message["tool_calls"], Tree::Parse(R"([{"id":"a","type":"function","function":{"name":"f","arguments":"12"}},)"
                                               R"({"id":"b","type":"function","function":{"name":"g","arguments":"34"}}])"));
}

// As Gemini's OpenAI endpoint sends parallel calls.
TEST(ChatFolder, ANewIdWithANameIsANewCallEvenAtTheSameIndex) {
  const Tree message =
      MessageOf(Delta(R"({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"1"}}]})") +
                Delta(R"({"tool_calls":[{"index":0,"id":"b","type":"function","function":{"name":"f","arguments":"2"}}]})") +
                Delta(R"({"tool_calls":[{"index":0,"function":{"arguments":"3"}}]})") +
                Delta(R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"4"}}]})") +
                Delta(R"({"tool_calls":[{"index":1,"id":"c","function":{"name":"g","arguments":""}}]})"));
  EXPECT_EQ(message["tool_calls"], Tree::Parse(R"([{"id":"a","type":"function","function":{"name":"f","arguments":"14"}},)"
                                               R"({"id":"b","type":"function","function":{"name":"f","arguments":"23"}},)"
                                               R"({"id":"c","type":"function","function":{"name":"g","arguments":""}}])"));
  const Tree both = MessageOf(Delta(R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"1"}},)"
                                    R"({"index":0,"id":"b","function":{"name":"g","arguments":"2"}}]})"));
  EXPECT_EQ(both["tool_calls"].elements.size(), 2u);
}

// As old releases of vLLM send every delta.
TEST(ChatFolder, AFreshIdAloneIsNoNewCall) {
  const Tree message = MessageOf(Delta(R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]})") +
                                 Delta(R"({"tool_calls":[{"index":0,"id":"b","function":{"arguments":"1"}}]})") +
                                 Delta(R"({"tool_calls":[{"index":0,"id":"c","function":{"name":null,"arguments":"2"}}]})"));
  EXPECT_EQ(message["tool_calls"], Tree::Parse(R"([{"id":"a","type":"function","function":{"name":"f","arguments":"12"}}])"));
}

TEST(ChatFolder, ARepeatedRoleIdOrNameCountsOnce) {
  const Tree message = MessageOf(
      Delta(
          R"({"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"1"}}]})") +
      Delta(
          R"({"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"2"}}]})"));
  EXPECT_EQ(message["role"].text, "assistant");
  EXPECT_EQ(message["tool_calls"], Tree::Parse(R"([{"id":"a","type":"function","function":{"name":"f","arguments":"12"}}])"));
}

TEST(ChatFolder, KeepsMembersItDoesNotKnow) {
  const Folded folded = Fold(
      Event(
          R"({"id":"c","provider":"p","choices":[{"delta":{"reasoning_content":"a","details":[{"x":1}],"score":1},"native":"x"}]})") +
      Event(
          R"({"id":"c","provider":"q","choices":[{"delta":{"reasoning_content":"b","details":[{"x":2}],"score":2,"none":null}}]})") +
      Delta(R"({"content":"x","tool_calls":[{"index":0,"id":"t","function":{"name":"f"},"extra_content":{"signature":"s"}}]})") +
      Chunk(R"("delta":{},"native":"y","stop_reason":"z","finish_reason":"stop")") + kUsage);
  const Tree json = Json(folded);
  const Tree& choice = json["choices"].elements.at(0);
  EXPECT_EQ(json["provider"].text, "q");
  EXPECT_EQ(choice["native"].text, "y");
  EXPECT_EQ(choice["stop_reason"].text, "z");
  EXPECT_EQ(choice["message"]["reasoning_content"].text, "ab");
  EXPECT_EQ(choice["message"]["details"], Tree::Parse(R"([{"x":1},{"x":2}])"));
  EXPECT_EQ(choice["message"]["score"].text, "2");
  EXPECT_EQ(choice["message"].Find("none"), nullptr);
  EXPECT_EQ(choice["message"]["tool_calls"].elements.at(0)["extra_content"], Tree::Parse(R"({"signature":"s"})"));
}

TEST(ChatFolder, JoinsListsBesideTheDelta) {
  const Tree json =
      Json(Fold(Chunk(R"("delta":{"content":"a"},"token_ids":[1,2],"logprobs":{"tokens":["a"],"token_logprobs":[-0.1],"top":1})") +
                Chunk(R"("delta":{"content":"b"},"token_ids":[3],"logprobs":{"tokens":["b"],"token_logprobs":[-0.2],"top":2})") +
                Chunk(R"("delta":{},"token_ids":[],"content_filter_results":{"hate":1},"finish_reason":"stop")") + kUsage));
  const Tree& choice = json["choices"].elements.at(0);
  EXPECT_EQ(choice["token_ids"], Tree::Parse("[1,2,3]"));
  EXPECT_EQ(choice["logprobs"]["tokens"], Tree::Parse(R"(["a","b"])"));
  EXPECT_EQ(choice["logprobs"]["token_logprobs"], Tree::Parse("[-0.1,-0.2]"));
  EXPECT_EQ(choice["logprobs"]["top"], Tree::Parse("2"));
  EXPECT_EQ(choice["content_filter_results"], Tree::Parse(R"({"hate":1})"));
}

TEST(ChatFolder, JoinsAudioAndLogProbs) {
  const Tree json = Json(Fold(
      Chunk(
          R"("delta":{"role":"assistant","audio":{"id":"a","transcript":"He"}},"logprobs":{"content":[{"token":"a"}],"refusal":null})") +
      Chunk(R"("delta":{"audio":{"data":"AA","transcript":"y"}},"logprobs":{"content":[{"token":"b"}],"refusal":[]})") +
      Delta(R"({"audio":{"data":"BB","expires_at":7}})") + kStop + kUsage));
  const Tree& choice = json["choices"].elements.at(0);
  EXPECT_EQ(choice["message"]["audio"], Tree::Parse(R"({"id":"a","data":"AABB","transcript":"Hey","expires_at":7})"));
  EXPECT_EQ(choice["logprobs"], Tree::Parse(R"({"content":[{"token":"a"},{"token":"b"}],"refusal":[]})"));
}

TEST(ChatFolder, LeavesObfuscationOut) {
  EXPECT_EQ(
      Json(Fold(Event(R"({"id":"c","obfuscation":"xyz","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]})") + kUsage))
          .Find("obfuscation"),
      nullptr);
}

TEST(ChatFolder, LeavesOutWhatFollowsDone) {
  EXPECT_EQ(MessageOf(Delta(R"({"content":"x"})"))["content"].text, "x");
  const Folded folded =
      Fold(Delta(R"({"content":"x"})") + kStop + kUsage + "data: [DONE]\n\n" + Delta(R"({"content":"y"})") + Event("junk"));
  EXPECT_EQ(Json(folded)["choices"].elements.at(0)["message"]["content"].text, "x");
  EXPECT_EQ(folded.answer.unstorable, "");
}

TEST(ChatFolder, CountsWhatItHolds) {
  ChatFolder folder;
  const std::size_t empty = folder.bytes();
  folder.Add(R"({"choices":[{"delta":{"content":")" + std::string(10000, 'x') + R"("}}]})");
  EXPECT_GT(folder.bytes(), empty + 10000);
  EXPECT_LT(folder.bytes(), empty + 12000);
}

TEST(ChatFolder, BoundsChoicesCallsAndNames) {
  ChatFolder choices;
  bool fine = true;
  for (int i = 0; i < 300 && fine; ++i) fine = choices.Add(R"({"choices":[{"index":)" + std::to_string(i) + R"(,"delta":{}}]})");
  EXPECT_FALSE(fine);
  ChatFolder names;
  fine = true;
  for (int i = 0; i < 600 && fine; ++i) fine = names.Add(R"({"choices":[{"delta":{"n)" + std::to_string(i) + R"(":1}}]})");
  EXPECT_FALSE(fine);
  ChatFolder calls;
  fine = true;
  for (int i = 0; i < 1100 && fine; ++i)
    fine = calls.Add(R"({"choices":[{"delta":{"tool_calls":[{"index":)" + std::to_string(i) + "}]}}]}");
  EXPECT_FALSE(fine);
}

}  // namespace
}  // namespace reflex::wire
