// What a request asks, apart from what it is asked in: the scope and the question of the semantic tiers (docs/key.md).
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "wire/chat_question.h"
#include "wire/chat_request.h"
#include "wire/reason.h"

namespace reflex::wire {
namespace {

ChatQuestion ReadQuestion(std::string_view body, bool with_tools = false) {
  ChatRequestReader requests;
  EXPECT_TRUE(requests.Read(body)) << body;
  ChatQuestionReader reader;
  return reader.Read(body, with_tools);
}

std::string Body(std::string_view content, std::string_view extra = {}) {
  return R"({"model":"m","messages":[{"role":"system","content":"Be terse."},{"role":"user","content":)" + std::string(content) +
         "}]" + std::string(extra) + "}";
}

std::string Scope(std::string_view body) {
  const ChatQuestion question = ReadQuestion(body);
  EXPECT_EQ(question.not_semantic, "") << body;
  return base::ToHex(question.scope_form);
}

std::string NotSemantic(std::string_view body) {
  const ChatQuestion question = ReadQuestion(body);
  EXPECT_EQ(question.text, "");
  EXPECT_EQ(question.scope_form, Digest());
  return std::string(question.not_semantic);
}

TEST(ChatQuestion, IsTheLastUserText) {
  EXPECT_EQ(ReadQuestion(Body(R"("How \u0041re you?")")).text, "How Are you?");
  EXPECT_EQ(ReadQuestion(Body(R"([{"type":"text","text":"Hello"}])")).text, "Hello");
}

TEST(ChatQuestion, ScopeLeavesOutTheQuestionAlone) {
  const std::string scope = Scope(Body(R"("a")"));
  EXPECT_EQ(Scope(Body(R"("b")")), scope);
  EXPECT_EQ(Scope(Body(R"("b")", R"(,"stream":true,"user":"u")")), scope);  // As in the exact key.
  for (const std::string& other :
       {Body(R"("a")", R"(,"temperature":0)"), Body(R"([{"type":"text","text":"a"}])"), Body(R"("a")", R"(,"seed":1)"),
        std::string(R"({"model":"m2","messages":[{"role":"system","content":"Be terse."},{"role":"user","content":"a"}]})"),
        std::string(R"({"model":"m","messages":[{"role":"system","content":"Be long."},{"role":"user","content":"a"}]})"),
        std::string(R"({"model":"m","messages":[{"role":"user","content":"Be terse."},{"role":"user","content":"a"}]})"),
        std::string(
            R"({"model":"m","messages":[{"role":"system","content":"Be terse."},{"role":"user","name":"x","content":"a"}]})")}) {
    EXPECT_NE(Scope(other), scope) << other;
  }
}

TEST(ChatQuestion, EarlierTextEqualToTheQuestionStays) {
  const auto body = [](std::string_view first, std::string_view last) {
    return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(first) +
           R"("},{"role":"assistant","content":"x"},{"role":"user","content":")" + std::string(last) + R"("}]})";
  };
  EXPECT_EQ(Scope(body("a", "a")), Scope(body("a", "b")));
  EXPECT_NE(Scope(body("a", "b")), Scope(body("b", "b")));
}

TEST(ChatQuestion, ScopeIsNoExactKey) {
  ChatRequestReader reader;
  const std::string body = Body(R"("a")");
  EXPECT_NE(reader.Read(body)->canonical, ReadQuestion(body).scope_form);
  // No text can be mistaken for the place that is left out.
  EXPECT_NE(reader.Read(Body(R"("q")"))->canonical, ReadQuestion(body).scope_form);
}

TEST(ChatQuestion, SaysWhyThereIsNone) {
  EXPECT_EQ(NotSemantic(R"({"messages":[]})"), reason::kNotUserText);
  EXPECT_EQ(NotSemantic(R"({"messages":[{"role":"assistant","content":"a"}]})"), reason::kNotUserText);
  EXPECT_EQ(NotSemantic(R"({"messages":[{"role":"user","content":"a"},{"role":"developer","content":"b"}]})"),
            reason::kNotUserText);
  EXPECT_EQ(NotSemantic(R"({"messages":[{"role":"user","content":"a"},{"role":"tool","tool_call_id":"c","content":"b"}]})"),
            reason::kNotUserText);
  EXPECT_EQ(NotSemantic(Body("null")), reason::kSeveralParts);
  EXPECT_EQ(NotSemantic(Body("[]")), reason::kSeveralParts);
  EXPECT_EQ(NotSemantic(Body(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])")), reason::kSeveralParts);
  EXPECT_EQ(NotSemantic(Body(R"([{"type":"image_url","image_url":{"url":"u"}}])")), reason::kSeveralParts);
  EXPECT_EQ(NotSemantic(Body(R"("")")), reason::kEmptyQuestion);
  EXPECT_EQ(NotSemantic(Body(R"(" \n\t")")), reason::kEmptyQuestion);
  EXPECT_EQ(NotSemantic(Body(R"("a")", R"(,"n":2)")), reason::kSeveralChoices);
  EXPECT_EQ(Scope(Body(R"("a")", R"(,"n":1)")), Scope(Body(R"("a")")));
  for (const char* extra :
       {R"(,"logprobs":true)", R"(,"top_logprobs":3)", R"(,"audio":{"voice":"v"})", R"(,"modalities":["text","audio"])",
        R"(,"prediction":{"type":"content","content":"x"})", R"(,"web_search_options":{})"}) {
    EXPECT_EQ(NotSemantic(Body(R"("a")", extra)), reason::kExactWording) << extra;
  }
  EXPECT_EQ(ReadQuestion(Body(R"("a")", R"(,"logprobs":false,"modalities":["text"])")).not_semantic, "");
}

TEST(ChatQuestion, ToolsAreTheCallersChoice) {
  const std::string offered = Body(R"("a")", R"(,"tools":[{"type":"function","function":{"name":"f"}}])");
  const std::string functions = Body(R"("a")", R"(,"functions":[{"name":"f"}])");
  const std::string used =
      R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"c","content":"1"},{"role":"user","content":"a"}]})";
  for (const std::string& body : {offered, functions, used}) {
    EXPECT_EQ(NotSemantic(body), reason::kToolsInPlay) << body;
    EXPECT_EQ(ReadQuestion(body, true).text, "a") << body;
  }
  EXPECT_EQ(ReadQuestion(Body(R"("a")", R"(,"tools":[])")).not_semantic, "");
}

TEST(WithoutStream, KeepsAllElse) {
  EXPECT_EQ(
      WithoutStream(R"( {"model" : "m","stream":true, "messages":[{"role":"user","content":"a"}],"stream_options":{},"x":[1, 2]} )",
                    {}),
      R"({"model" : "m","messages":[{"role":"user","content":"a"}],"x":[1, 2]})");
  EXPECT_EQ(WithoutStream(R"({"stream":true,"messages":[{"role":"user","content":"a"}]})", "say \"b\"\n"),
            R"({"messages":[{"role":"user","content":"say \"b\"\n"}]})");
  EXPECT_EQ(WithoutStream(R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]})", "b"),
            R"({"messages":[{"role":"user","content":[{"type":"text","text":"b"}]}]})");
  EXPECT_EQ(WithoutStream("[]", {}), "");
  EXPECT_EQ(WithoutStream(R"({"messages":[]})", "b"), "");
}

TEST(AnswerText, IsTheOnlyChoicesText) {
  EXPECT_EQ(AnswerText(R"({"choices":[{"message":{"role":"assistant","content":"a\nb","refusal":null}}]})"), "a\nb");
  for (const char* other : {"", "[]", R"({"choices":[]})", R"({"choices":[{"message":{"content":null}}]})",
                            R"({"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]})",
                            R"({"choices":[{"message":{"content":"a","tool_calls":[{}]}}]})",
                            R"({"choices":[{"message":{"content":"a","refusal":"no"}}]})"}) {
    EXPECT_EQ(AnswerText(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace reflex::wire
