// Plain answers: what may be stored, and how it is given again.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "server/wire/tree.h"
#include "wire/chat_reply.h"

namespace reflex::wire {
namespace {

using testing::Tree;

std::string Answer(std::string_view choices) {
  return R"({"id":"chatcmpl-1","object":"chat.completion","created":1763800000,"model":"gpt-4o-2024-08-06","choices":)" +
         std::string(choices) + R"(,"usage":{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46}})";
}
std::string OneChoice(std::string_view message, std::string_view finish = "stop") {
  return Answer(R"([{"index":0,"message":)" + std::string(message) + R"(,"logprobs":null,"finish_reason":")" + std::string(finish) +
                "\"}]");
}
const std::string kGood = OneChoice(R"({"role":"assistant","content":"Hi","refusal":null})");

std::string Why(std::string body, const ChatRequest& request = {}, const StorePolicy& policy = {}) {
  return std::string(ReadPlainAnswer(std::move(body), request, policy).unstorable);
}

TEST(PlainAnswer, KeepsACompleteAnswerAsReceived) {
  const PlainAnswer answer = ReadPlainAnswer(kGood, {}, {});
  EXPECT_EQ(answer.unstorable, "");
  EXPECT_EQ(answer.reply.json, kGood);
  EXPECT_EQ(answer.reply.model, "gpt-4o-2024-08-06");
  EXPECT_TRUE(answer.reply.has_usage);
  EXPECT_EQ(answer.reply.usage, (Usage{12, 34}));
}

TEST(PlainAnswer, WithoutUsageIsKeptAndSaysSo) {
  const PlainAnswer answer =
      ReadPlainAnswer(R"({"id":"x","created":1,"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]})", {}, {});
  EXPECT_EQ(answer.unstorable, "");
  EXPECT_FALSE(answer.reply.has_usage);
  EXPECT_EQ(answer.reply.usage, Usage());
}

TEST(NeverStored, WhatIsNotJson) {
  for (const std::string_view body : {"", "<html>", "[]", "\"x\"", "{\"choices\":[]", "{\"a\":1,\"a\":2}"}) {
    EXPECT_EQ(Why(std::string(body)), "not-json") << body;
  }
}

TEST(NeverStored, WithoutChoices) {
  EXPECT_EQ(Why("{}"), "no-choices");
  EXPECT_EQ(Why(Answer("[]")), "no-choices");
  EXPECT_EQ(Why(Answer("null")), "no-choices");
  EXPECT_EQ(Why(Answer("{}")), "no-choices");
}

TEST(NeverStored, WithAnErrorMember) {
  EXPECT_EQ(Why(R"({"error":{"message":"x"}})"), "error");
  EXPECT_EQ(Why(R"({"error":"x",)" + kGood.substr(1)), "error");
  for (const std::string error : {"null", "false", "0", R"("")", "{}", "[]"}) {
    EXPECT_EQ(Why(R"({"error":)" + error + "," + kGood.substr(1)), "") << error;
  }
  EXPECT_EQ(Why(Answer(R"([{"message":{"content":"x"},"finish_reason":"stop","error":{"code":502}}])")), "error");
  EXPECT_EQ(Why(OneChoice(R"({"content":"x"})", "error")), "error");
}

TEST(NeverStored, Incomplete) {
  EXPECT_EQ(Why(Answer(R"([{"message":{"content":"x"},"finish_reason":null}])")), "incomplete");
  EXPECT_EQ(Why(Answer(R"([{"message":{"content":"x"}}])")), "incomplete");
  EXPECT_EQ(Why(Answer(R"([{"message":{"content":"x"},"finish_reason":"stop"},{"message":{"content":"y"},"finish_reason":null}])")),
            "incomplete");
}

TEST(NeverStored, WhatTheModelDidNotEndItself) {
  for (const std::string_view finish :
       {"insufficient_system_resource", "abort", "network_error", "cancelled", "Stop", "stop ", "a reason of tomorrow"}) {
    EXPECT_EQ(Why(OneChoice(R"({"content":"half an ans"})", finish)), "incomplete") << finish;
  }
  for (const std::string_view finish : {"stop", "tool_calls", "function_call", "eos", "eos_token", "stop_sequence", "end_turn"}) {
    EXPECT_EQ(Why(OneChoice(R"({"content":"x"})", finish)), "") << finish;
  }
}

TEST(NeverStored, OtherWordsForLengthAndContentFilter) {
  ChatRequest limited;
  limited.has_token_limit = true;
  EXPECT_EQ(Why(OneChoice(R"({"content":"cut"})", "model_length")), "length");
  EXPECT_EQ(Why(OneChoice(R"({"content":"cut"})", "model_length"), limited), "");
  EXPECT_EQ(Why(OneChoice(R"({"content":"x"})", "sensitive")), "content-filter");
  EXPECT_EQ(Why(OneChoice(R"({"content":"x"})", "sensitive"), {}, {.store_content_filter = true}), "");
}

TEST(NeverStored, ContentFilterUnlessSet) {
  const std::string body = OneChoice(R"({"content":"partial"})", "content_filter");
  EXPECT_EQ(Why(body), "content-filter");
  EXPECT_EQ(Why(body, {}, {.store_content_filter = true}), "");
}

TEST(NeverStored, LengthUnlessTheRequestSetItsLimitOrTheOperatorAllows) {
  const std::string body = OneChoice(R"({"content":"cut"})", "length");
  ChatRequest limited;
  limited.has_token_limit = true;
  EXPECT_EQ(Why(body), "length");
  EXPECT_EQ(Why(body, limited), "");
  EXPECT_EQ(Why(body, {}, {.store_length = true}), "");
}

TEST(NeverStored, AChoiceThatCarriesNothing) {
  for (const std::string_view message :
       {R"({"role":"assistant","content":null,"refusal":null})", R"({"content":""})", R"({"content":"","tool_calls":[]})",
        R"({"content":[]})", "{}", "null", R"({"content":null,"reasoning_content":"hm"})",
        R"({"content":null,"function_call":null,"audio":null})"}) {
    EXPECT_EQ(Why(OneChoice(message)), "empty-choice") << message;
  }
  ChatRequest limited;
  limited.has_token_limit = true;
  EXPECT_EQ(Why(OneChoice(R"({"content":""})", "length"), limited), "empty-choice");
  EXPECT_EQ(
      Why(Answer(R"([{"message":{"content":"x"},"finish_reason":"stop"},{"message":{"content":""},"finish_reason":"stop"}])")),
      "empty-choice");
  for (const std::string_view message :
       {R"({"content":"x"})", R"({"content":null,"refusal":"no"})", R"({"content":null,"tool_calls":[{"id":"c"}]})",
        R"({"content":null,"function_call":{"name":"f","arguments":""}})", R"({"content":null,"audio":{"id":"a","data":"AA=="}})",
        R"({"content":[{"type":"text","text":"x"}]})"}) {
    EXPECT_EQ(Why(OneChoice(message)), "") << message;
  }
}

TEST(ReadPlainAnswer, IsValidUntilTheFirstOfItsSoundsExpires) {
  const auto until = [](std::string_view audio) {
    const std::string choice = R"({"message":{"content":null,"audio":)" + std::string(audio) + R"(},"finish_reason":"stop"})";
    const std::string other = R"({"message":{"audio":{"id":"b","expires_at":1763803700}},"finish_reason":"stop"})";
    return ReadPlainAnswer(Answer("[" + other + "," + choice + "]"), {}, {}).valid_until_s;
  };
  EXPECT_EQ(until(R"({"id":"a","expires_at":1763803600})"), 1763803600);
  EXPECT_EQ(until(R"({"id":"a","expires_at":1763803800})"), 1763803700);
  EXPECT_EQ(until(R"({"id":"a","expires_at":"soon"})"), 1763803700);
  EXPECT_EQ(until(R"({"id":"a","expires_at":18446744073709551615})"), 1763803700);
  EXPECT_EQ(ReadPlainAnswer(OneChoice(R"({"content":"x"})"), {}, {}).valid_until_s, PlainAnswer::kAlwaysValid);
}

TEST(NeverStored, BrokenArgumentsOfAStrictTool) {
  const auto call = [](std::string_view name, std::string_view arguments) {
    return OneChoice(R"({"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":")" + std::string(name) +
                         R"(","arguments":")" + std::string(arguments) + "\"}}]}",
                     "tool_calls");
  };
  ChatRequest strict;
  strict.has_strict_tool = true;
  strict.strict_tools = {"f"};
  EXPECT_EQ(Why(call("f", R"({\"a\":)"), strict), "tool-arguments");
  EXPECT_EQ(Why(call("f", ""), strict), "tool-arguments");
  EXPECT_EQ(Why(call("f", R"({\"a\":1})"), strict), "");
  EXPECT_EQ(Why(call("g", R"({\"a\":)"), strict), "");  // Not the strict one.
  EXPECT_EQ(Why(call("f", R"({\"a\":)")), "");
}

TEST(NeverStored, WebSearch) {
  ChatRequest search;
  search.web_search = true;
  EXPECT_EQ(Why(kGood, search), "web-search");
}

// The reply as the client gets it.
std::string Given(const PlainAnswer& answer, std::string_view id = "chatcmpl-new", std::string_view created = "1800000000") {
  const auto reply = MakePlainReply(answer.reply.json, answer.reply.layout, id, created);
  EXPECT_TRUE(reply.has_value());
  std::string text;
  for (const std::string_view piece : reply->pieces) text += piece;
  EXPECT_EQ(text.size(), reply->bytes);
  return text;
}

TEST(PlainReply, HasAFreshIdAndTimeAndEveryOtherByte) {
  std::string expected = kGood;
  expected.replace(expected.find("chatcmpl-1"), 10, "chatcmpl-new").replace(expected.find("1763800000"), 10, "1800000000");
  EXPECT_EQ(Given(ReadPlainAnswer(kGood, {}, {})), expected);
}

TEST(PlainReply, TakesTheMembersInEitherOrder) {
  EXPECT_EQ(Given(ReadPlainAnswer(R"({ "created": 5, "choices":[{"id":"no","created":1}], "id" : "old" })", {}, {})),
            R"({ "created": 1800000000, "choices":[{"id":"no","created":1}], "id" : "chatcmpl-new" })");
}

TEST(PlainReply, PutsInWhatTheProviderLeftOut) {
  EXPECT_EQ(Given(ReadPlainAnswer(R"({"choices":[]})", {}, {})), R"({"id":"chatcmpl-new","created":1800000000,"choices":[]})");
  EXPECT_EQ(Given(ReadPlainAnswer(R"({"choices":[],"id":"x"})", {}, {})),
            R"({"created":1800000000,"choices":[],"id":"chatcmpl-new"})");
  EXPECT_EQ(Given(ReadPlainAnswer(R"({"id":null,"created":"yesterday"})", {}, {})),
            R"({"id":"chatcmpl-new","created":1800000000})");
  EXPECT_EQ(Given(ReadPlainAnswer("{}", {}, {})), R"({"id":"chatcmpl-new","created":1800000000})");
  EXPECT_EQ(Given(ReadPlainAnswer(R"({"\u0069d":"x","created":1.5e9})", {}, {})),
            R"({"\u0069d":"chatcmpl-new","created":1800000000})");
}

TEST(PlainReply, NoticesALayoutThatDoesNotFit) {
  const PlainAnswer answer = ReadPlainAnswer(kGood, {}, {});
  const auto code = [&](std::string_view json, std::string layout) {
    const auto reply = MakePlainReply(json, layout, "i", "1");
    return reply ? std::string("fits") : std::string(Name(reply.error().code));
  };
  EXPECT_EQ(code(kGood, answer.reply.layout), "fits");
  EXPECT_EQ(code(kGood, ""), "corrupt");
  EXPECT_EQ(code(kGood, answer.reply.layout + "x"), "corrupt");
  EXPECT_EQ(code(kGood.substr(0, 60), answer.reply.layout), "corrupt");
  std::string other_order = answer.reply.layout;
  other_order[0] = 3;
  EXPECT_EQ(code(kGood, other_order), "corrupt");
  std::string backwards = answer.reply.layout;
  std::swap(backwards[1], backwards[5]);
  EXPECT_EQ(code(kGood, backwards), "corrupt");
}

}  // namespace
}  // namespace reflex::wire
