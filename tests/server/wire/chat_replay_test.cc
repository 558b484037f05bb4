// Stored answers replayed as streams: faithful to the helpers of the SDKs, and folding gives the stored answer back.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/wire/stream_rules.h"
#include "server/wire/tree.h"
#include "wire/chat_reply.h"

namespace reflex::wire {
namespace {

using testing::Below;
using testing::LintChatStream;
using testing::Random;
using testing::RandomText;
using testing::Tree;

const FreshIdentity kFresh{"chatcmpl-fresh", 1800000000};

std::string Replay(std::string_view json, const ChatRequest& request = {}, std::size_t bytes = 1 << 20) {
  auto replay = ChatReplay::Create(json, request, kFresh);
  EXPECT_TRUE(replay.has_value()) << json;
  std::string out;
  while ((*replay)->Next(out.size() + bytes, out)) {
  }
  return out;
}

ChatRequest WithUsage() {
  ChatRequest request;
  request.stream = request.include_usage = true;
  return request;
}

std::vector<Tree> Chunks(std::string_view stream) {
  std::vector<Tree> chunks;
  for (const std::string& data : testing::StreamData(stream)) {
    if (data != "[DONE]") chunks.push_back(Tree::Parse(data));
  }
  return chunks;
}

Tree FoldAgain(std::string_view stream) {
  ChatFolder folder;
  for (const std::string& data : testing::StreamData(stream)) EXPECT_TRUE(folder.Add(data)) << data;
  return Tree::Parse(folder.Finish({}, {}).reply.json);
}

std::string Answer(std::string_view message, std::string_view rest = R"("logprobs":null,"finish_reason":"stop")") {
  return R"({"id":"chatcmpl-old","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":)" +
         std::string(message) + "," + std::string(rest) +
         R"(}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3},"service_tier":"default","system_fingerprint":"fp_1"})";
}
const std::string kText = Answer(R"({"role":"assistant","content":"Hello","refusal":null})");

// What every replay must hold, whatever the answer: the stream rules, openai-python's view and our own folding.
void ExpectFaithful(const std::string& json) {
  Tree stored = Tree::Parse(json);
  const std::string stream = Replay(json, WithUsage());
  EXPECT_EQ(LintChatStream(stream, true), std::vector<std::string>()) << stream;
  EXPECT_EQ(LintChatStream(Replay(json), false), std::vector<std::string>()) << json;
  EXPECT_EQ(Replay(json, WithUsage(), 1), stream);
  stored.Set("id", Tree::String(kFresh.id));
  stored.Set("created", Tree::Number(std::to_string(kFresh.created_s)));
  EXPECT_EQ(FoldAgain(stream), stored);
  const std::vector<Tree> messages = testing::PythonMessages(stream);
  ASSERT_EQ(messages.size(), stored["choices"].elements.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Tree message = messages[i];
    if (Tree* const calls = message.Find("tool_calls")) {
      for (Tree& call : calls->elements) call.Erase("index");
    }
    EXPECT_EQ(message, stored["choices"].elements[i]["message"]) << stream;
  }
}

TEST(ChatReplay, TextIsExactlyWhatAProviderSends) {
  const std::string head = R"(data: {"id":"chatcmpl-fresh","object":"chat.completion.chunk","created":1800000000,"model":"gpt-4o",)"
                           R"("service_tier":"default","system_fingerprint":"fp_1","choices":[)";
  EXPECT_EQ(Replay(kText),
            head +
                R"({"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]})"
                "\n\n" +
                head +
                R"({"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}]})"
                "\n\n" +
                head +
                R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]})"
                "\n\ndata: [DONE]\n\n");
}

TEST(ChatReplay, UsageOnlyWhenAskedFor) {
  const std::vector<Tree> asked = Chunks(Replay(kText, WithUsage()));
  ASSERT_EQ(asked.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(asked[i].Find("usage") && asked[i]["usage"].IsNothing());
  EXPECT_TRUE(asked[3]["choices"].elements.empty());
  EXPECT_EQ(asked[3]["usage"], Tree::Parse(R"({"prompt_tokens":1,"completion_tokens":2,"total_tokens":3})"));
  EXPECT_EQ(asked[3]["system_fingerprint"].text, "fp_1");
  for (const Tree& chunk : Chunks(Replay(kText))) EXPECT_EQ(chunk.Find("usage"), nullptr);
  // Nothing to give.
  Tree without = Tree::Parse(kText);
  without.Erase("usage");
  EXPECT_EQ(Replay(without.Print(), WithUsage()), Replay(without.Print()));
}

TEST(ChatReplay, ObfuscationOnlyWhenAskedFor) {
  for (const Tree& chunk : Chunks(Replay(kText))) EXPECT_EQ(chunk.Find("obfuscation"), nullptr);
  ChatRequest request = WithUsage();
  request.include_obfuscation = true;
  const std::string stream = Replay(kText, request);
  for (const Tree& chunk : Chunks(stream)) EXPECT_FALSE(chunk["obfuscation"].text.empty());
  EXPECT_EQ(LintChatStream(stream, true), std::vector<std::string>());
}

class RoundTrip : public ::testing::TestWithParam<std::pair<const char*, std::string>> {};
TEST_P(RoundTrip, IsFaithful) { ExpectFaithful(GetParam().second); }
using Case = std::pair<const char*, std::string>;
INSTANTIATE_TEST_SUITE_P(
    Replay, RoundTrip,
    ::testing::Values(
        Case{"text", kText}, Case{"empty_text", Answer(R"({"role":"assistant","content":"","refusal":null})")},
        Case{
            "long_unicode",
            Answer(
                R"({"role":"assistant","content":"Ünïcödé 😀😀😀😀😀😀😀😀😀😀 漢字漢字漢字漢字漢字漢字漢字漢字 e\u0301e\u0301e\u0301 \"q\" \\ \n\t end","refusal":null})")},
        Case{"refusal",
             Answer(R"({"role":"assistant","content":null,"refusal":"I can not help with that, however often you ask me to."})")},
        Case{
            "tool_call",
            Answer(
                R"({"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"é\"}"}}]})",
                R"("logprobs":null,"finish_reason":"tool_calls")")},
        Case{
            "two_tool_calls",
            Answer(
                R"({"role":"assistant","content":"Let me see.","refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}},)"
                R"({"id":"b","type":"function","function":{"name":"g","arguments":"not json {"},"extra_content":{"google":{"thought_signature":"x"}}}]})",
                R"("logprobs":null,"finish_reason":"tool_calls")")},
        Case{
            "custom_tool",
            Answer(
                R"({"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"a","type":"custom","custom":{"name":"py","input":"print(\"hi\")\n"}}]})",
                R"("logprobs":null,"finish_reason":"tool_calls")")},
        Case{"function_call",
             Answer(R"({"role":"assistant","content":null,"refusal":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}})",
                    R"("logprobs":null,"finish_reason":"function_call")")},
        Case{
            "audio",
            Answer(R"({"role":"assistant","content":null,"refusal":null,"audio":{"id":"audio_1","expires_at":1763803600,"data":")" +
                   std::string(10000, 'A') + R"(","transcript":"Hello there, this is spoken text of some length."}})")},
        Case{
            "annotations",
            Answer(
                R"({"role":"assistant","content":"See here.","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"url":"https://x"}}]})")},
        Case{"no_annotations", Answer(R"({"role":"assistant","content":"See here.","refusal":null,"annotations":[]})")},
        Case{
            "vendor_members",
            Answer(
                R"({"role":"assistant","content":"42","refusal":null,"reasoning_content":"First I thought about it for a long while, then I knew.",)"
                R"("reasoning_details":[{"type":"reasoning.text","text":"x"}],"score":0.50,"flag":false,"object":{"a": {"b":null}},"empty":""})")},
        Case{
            "choice_members",
            Answer(
                R"({"role":"assistant","content":"x","refusal":null})",
                R"("logprobs":null,"finish_reason":"stop","stop_reason":17,"content_filter_results":{"hate":{"filtered":false}})")},
        Case{"top_members",
             [] {
               Tree answer = Tree::Parse(kText);
               answer.Set("provider", Tree::String("P"));
               answer.Set("citations", Tree::Parse(R"(["https://a"])"));
               answer.Set("moderation", Tree::Parse(R"({"flagged":false})"));
               return answer.Print();
             }()},
        Case{
            "logprobs",
            Answer(
                R"({"role":"assistant","content":"Hi you","refusal":null})",
                R"("logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[]},{"token":" you","logprob":-1.25e-3,"bytes":[32,121,111,117],"top_logprobs":[]}],"refusal":null},"finish_reason":"stop")")},
        Case{
            "logprobs_refusal",
            Answer(
                R"({"role":"assistant","content":null,"refusal":"No."})",
                R"("logprobs":{"content":null,"refusal":[{"token":"No","logprob":-0.5,"bytes":null},{"token":".","logprob":-1,"bytes":null}]},"finish_reason":"stop")")},
        Case{"logprobs_empty", Answer(R"({"role":"assistant","content":"x","refusal":null})",
                                      R"("logprobs":{"content":[],"refusal":null},"finish_reason":"stop")")},
        Case{
            "logprobs_other",
            Answer(
                R"({"role":"assistant","content":"something else","refusal":null})",
                R"("logprobs":{"content":[{"token":"<s>","logprob":0,"bytes":null},{"token":"x","logprob":0,"bytes":[1,2]}],"refusal":null},"finish_reason":"stop")")},
        Case{
            "logprobs_of_a_call",
            Answer(
                R"({"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]})",
                R"("logprobs":{"content":[{"token":"{}","logprob":0,"bytes":[123,125]}],"refusal":null},"finish_reason":"tool_calls")")}),
    [](const auto& info) { return std::string(info.param.first); });

TEST(ChatReplay, RoleChunksOfAllChoicesComeFirst) {
  Tree answer = Tree::Parse(kText);
  Tree second = answer["choices"].elements[0];
  second.Set("index", Tree::Number("1"));
  second.Find("message")->Set("content", Tree::String("Another"));
  answer.Find("choices")->elements.insert(answer.Find("choices")->elements.begin(), second);  // Stored in another order.
  const std::vector<Tree> chunks = Chunks(Replay(answer.Print()));
  EXPECT_EQ(chunks[0]["choices"].elements[0]["index"].text, "0");
  EXPECT_EQ(chunks[1]["choices"].elements[0]["index"].text, "1");
  EXPECT_EQ(chunks[1]["choices"].elements[0]["delta"]["role"].text, "assistant");
  std::swap(answer.Find("choices")->elements[0], answer.Find("choices")->elements[1]);
  ExpectFaithful(answer.Print());
}

TEST(ChatReplay, OneChunkPerTokenAndWholeCodePoints) {
  // 😀 in two tokens, as byte-level tokenizers cut it.
  const std::string json = Answer(
      R"({"role":"assistant","content":"Hi 😀!","refusal":null})",
      R"("logprobs":{"content":[{"token":"Hi","logprob":-1,"bytes":[72,105]},{"token":" \\xf0\\x9f","logprob":-1,"bytes":[32,240,159]},)"
      R"({"token":"\\x98\\x80","logprob":-1,"bytes":[152,128]},{"token":"!","logprob":-1,"bytes":[33]}],"refusal":null},"finish_reason":"stop")");
  ExpectFaithful(json);
  const std::vector<Tree> chunks = Chunks(Replay(json));
  ASSERT_EQ(chunks.size(), 5u);
  const auto choice = [&](std::size_t i) { return chunks[i]["choices"].elements[0]; };
  EXPECT_EQ(choice(1)["delta"]["content"].text, "Hi");
  EXPECT_EQ(choice(2)["delta"]["content"].text, " 😀");
  EXPECT_EQ(choice(2)["logprobs"]["content"].elements.size(), 2u);
  EXPECT_EQ(choice(3)["delta"]["content"].text, "!");
  EXPECT_EQ(choice(3)["logprobs"]["content"].elements.size(), 1u);
}

TEST(ChatReplay, TextComesInPiecesOf8To32Bytes) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word" + std::to_string(i) + (i % 7 == 0 ? "é, " : " ");
  const std::vector<Tree> chunks = Chunks(Replay(Answer("{\"content\":\"" + text + "\"}")));
  for (std::size_t i = 1; i + 1 < chunks.size(); ++i) {
    const std::size_t size = chunks[i]["choices"].elements[0]["delta"]["content"].text.size();
    EXPECT_LE(size, 32u);
    if (i + 2 < chunks.size()) EXPECT_GE(size, 8u);
  }
}

TEST(ChatReplay, PrettyPrintedAnswersStayOneLine) {
  const std::string json =
      "{\n \"choices\": [\n {\n \"index\": 0,\n \"message\": {\n \"role\": \"assistant\",\n \"content\": \"x\",\n \"data\": {\n "
      "\"a\": [\n 1\n ]\n }\n },\n"
      " \"finish_reason\": \"stop\"\n }\n ],\n \"model\": \"m\",\n \"extra\": {\n \"k\": \"a b\"\n },\n \"usage\": {\n "
      "\"total_tokens\": 3\n }\n}\n";
  EXPECT_EQ(LintChatStream(Replay(json, WithUsage()), true), std::vector<std::string>());
  EXPECT_NE(Replay(json).find(R"("extra":{"k":"a b"})"), std::string::npos);
}

TEST(ChatReplay, MembersOfTheAnswerComeOnceInTheFirstChunk) {
  Tree answer = Tree::Parse(kText);
  answer.Set("citations", Tree::Parse(R"(["https://a"])"));
  const std::vector<Tree> chunks = Chunks(Replay(answer.Print()));
  EXPECT_TRUE(chunks[0].Find("citations"));
  for (std::size_t i = 1; i < chunks.size(); ++i) EXPECT_FALSE(chunks[i].Find("citations"));
}

TEST(ChatReplay, GivesAtLeastOneEventACallAndThenFalse) {
  auto replay = ChatReplay::Create(kText, {}, kFresh);
  std::string out;
  EXPECT_TRUE((*replay)->Next(0, out));
  EXPECT_EQ(Chunks(out).size(), 1u);
  int calls = 1;
  while ((*replay)->Next(0, out)) ++calls;
  EXPECT_EQ(calls, 4);
  EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
  const std::string before = out;
  EXPECT_FALSE((*replay)->Next(100, out));
  EXPECT_EQ(out, before);
}

TEST(ChatReplay, RefusesWhatIsNotAStoredAnswer) {
  for (const std::string_view json : {"", "x", "{}", "[]", R"({"choices":{}})", R"({"choices":[)"}) {
    const auto replay = ChatReplay::Create(json, {}, kFresh);
    ASSERT_FALSE(replay.has_value()) << json;
    EXPECT_EQ(replay.error().code, ErrorCode::kCorrupt);
  }
}

TEST(ChatReplay, TranscriptsSurviveFoldingAndReplay) {
  for (const std::string_view name : {"01-text", "02-text-usage", "03-tool-call", "04-parallel-tool-calls", "05-refusal",
                                      "06-logprobs", "07-n2", "13-comments-crlf", "14-function-call-legacy"}) {
    Tree answer = Tree::Parse(testing::ReadTestFile("sse/" + std::string(name) + ".json"))["json"];
    answer.Set("usage", Tree::Parse(R"({"total_tokens":1})"));
    ExpectFaithful(answer.Print());
  }
}

// ---- Random answers ----

Tree RandomCall(Random& random, std::size_t position) {
  const bool custom = Below(random, 3) == 0;
  Tree body = Tree::Object({{"name", Tree::String("tool" + RandomText(random, 2))},
                            {custom ? "input" : "arguments", Tree::String(RandomText(random, 80))}});
  Tree call = Tree::Object(
      {{"id", Tree::String("call_" + std::to_string(position))}, {"type", Tree::String(custom ? "custom" : "function")}});
  call.Set(custom ? "custom" : "function", std::move(body));
  return call;
}

Tree RandomLogProbs(Random& random, std::string_view text) {
  Tree tokens = Tree::List({});
  for (std::size_t at = 0; at < text.size();) {
    const std::string piece(text.substr(at, 1 + Below(random, 5)));  // Cuts code points.
    at += piece.size();
    Tree bytes = Tree::List({});
    for (const char byte : piece) bytes.elements.push_back(Tree::Number(std::to_string(static_cast<unsigned char>(byte))));
    tokens.elements.push_back(Tree::Object({{"token", Tree::String("t")}, {"logprob", Tree::Number("-0.25")}, {"bytes", bytes}}));
  }
  return Tree::Object({{"content", tokens}, {"refusal", Tree()}});
}

Tree RandomChoice(Random& random, std::size_t index) {
  Tree message = Tree::Object({{"role", Tree::String("assistant")}, {"content", Tree()}, {"refusal", Tree()}});
  std::string finish = "stop";
  const std::size_t kind = Below(random, 5);
  if (kind <= 2) message.Set("content", Tree::String("." + RandomText(random, 100)));
  if (kind == 3) message.Set("refusal", Tree::String("." + RandomText(random, 60)));
  if (kind == 4 || Below(random, 5) == 0) {
    Tree calls = Tree::List({});
    for (std::size_t i = 0; i <= Below(random, 3); ++i) calls.elements.push_back(RandomCall(random, i));
    message.Set("tool_calls", std::move(calls));
    finish = "tool_calls";
  }
  if (Below(random, 3) == 0) message.Set("reasoning_content", Tree::String(RandomText(random, 60)));
  if (Below(random, 4) == 0) message.Set("annotations", Tree::List({}));
  Tree choice = Tree::Object({{"index", Tree::Number(std::to_string(index))},
                              {"message", message},
                              {"logprobs", Tree()},
                              {"finish_reason", Tree::String(finish)}});
  if (message["content"].IsString() && Below(random, 2) == 0)
    choice.Set("logprobs", RandomLogProbs(random, message["content"].text));
  return choice;
}

TEST(ChatReplay, FoldingAReplayGivesTheStoredAnswerBack) {
  Random random(20261125);
  for (int round = 0; round < 400 && !HasFailure(); ++round) {
    Tree answer = Tree::Parse(kText);
    answer.Find("choices")->elements.clear();
    for (std::size_t i = 0; i <= Below(random, 3); ++i) answer.Find("choices")->elements.push_back(RandomChoice(random, i));
    ExpectFaithful(answer.Print());
  }
}

}  // namespace
}  // namespace reflex::wire
