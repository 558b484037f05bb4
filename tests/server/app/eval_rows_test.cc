// Files for `reflex eval`: what is read, and what is refused with line and form.
#include "app/eval_rows.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::app {
namespace {

std::string Refusal(EvalKind kind, std::string_view text) {
  const auto rows = ReadEvalRows(kind, "q.jsonl", text);
  if (rows) return "";
  EXPECT_EQ(rows.error().code, ErrorCode::kInvalidArgument);
  return rows.error().message;
}

void ExpectMentions(const std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
}

TEST(EvalRows, ReadsPairsWithTheirLabels) {
  const auto rows =
      ReadEvalRows(EvalKind::kPairs, "q",
                   "\xef\xbb\xbf{\"id\":\"x\\n1\",\"a\":\"\\u00e9\",\"b\":\"c\",\"same\":true,\"category\":\"k\",\"more\":[1]}\r\n"
                   " \n"
                   "{\"id\":7,\"a\":\"\",\"b\":\"d\",\"same\":false}");
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].id, "\"x\\n1\"");
  EXPECT_EQ((*rows)[0].a, "\xc3\xa9");
  EXPECT_EQ((*rows)[0].label, EvalRow::Label::kSame);
  EXPECT_EQ((*rows)[0].category, "k");
  EXPECT_EQ((*rows)[1].id, "7");
  EXPECT_EQ((*rows)[1].line, 3u);
  EXPECT_EQ((*rows)[1].label, EvalRow::Label::kDifferent);
}

TEST(EvalRows, ReadsStreamsAndRequests) {
  const auto stream = ReadEvalRows(EvalKind::kStream, "q", R"({"id":0,"prompt":"p","class":"c","phrase":2})");
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(stream->front().a, "p");
  EXPECT_EQ(stream->front().answer_class, "\"c\"");
  EXPECT_EQ(stream->front().phrase, "2");
  const auto requests = ReadEvalRows(EvalKind::kRequests, "q", R"({"id":0,"a":{"model": "m"},"b":{}})");
  ASSERT_TRUE(requests) << requests.error().message;
  EXPECT_EQ(requests->front().a, R"({"model": "m"})");
  EXPECT_EQ(requests->front().label, EvalRow::Label::kNone);
}

TEST(EvalRows, RefusesWithLineAndWhatIsAllowed) {
  const std::string good = "{\"id\":1,\"a\":\"x\",\"b\":\"y\"}\n";
  ExpectMentions(Refusal(EvalKind::kPairs, good + "{\"id\":2,\"a\":\"x\""),
                 {"q.jsonl:2:", "JSON", "allowed: a line of {\"id\"", "\"b\""});
  ExpectMentions(Refusal(EvalKind::kPairs, good + "[]"), {"q.jsonl:2:", "no JSON object"});
  ExpectMentions(Refusal(EvalKind::kPairs, "{\"a\":\"x\",\"b\":\"y\"}"), {"q.jsonl:1:", "\"id\" is missing"});
  ExpectMentions(Refusal(EvalKind::kPairs, "{\"id\":1.5,\"a\":\"x\",\"b\":\"y\"}"),
                 {"\"id\" is neither a text nor a whole number"});
  ExpectMentions(Refusal(EvalKind::kPairs, "{\"id\":1,\"a\":\"x\"}"), {"\"b\" is missing"});
  ExpectMentions(Refusal(EvalKind::kPairs, "{\"id\":1,\"a\":\"x\",\"b\":3}"), {"\"b\" is no text"});
  ExpectMentions(Refusal(EvalKind::kPairs, "{\"id\":1,\"a\":\"x\",\"b\":\"y\",\"same\":1}"),
                 {"\"same\" is neither true nor false"});
  ExpectMentions(Refusal(EvalKind::kPairs, good + good), {"q.jsonl:2:", "\"id\" 1 is that of line 1 too"});
  ExpectMentions(Refusal(EvalKind::kStream, "{\"id\":1,\"a\":\"x\"}"), {"\"prompt\" is missing", "\"prompt\": \"question\""});
  ExpectMentions(Refusal(EvalKind::kRequests, "{\"id\":1,\"a\":\"x\",\"b\":{}}"), {"\"a\" is no object"});
  ExpectMentions(Refusal(EvalKind::kPairs, "\n \n"), {"q.jsonl has no rows"});
}

TEST(EvalRows, RefusesLabelsInSomeLinesOnly) {
  const std::string with = "{\"id\":1,\"a\":\"x\",\"b\":\"y\",\"same\":true}\n", without = "{\"id\":2,\"a\":\"x\",\"b\":\"y\"}\n";
  ExpectMentions(Refusal(EvalKind::kPairs, with + without), {"q.jsonl:2:", "\"same\" is missing here"});
  ExpectMentions(Refusal(EvalKind::kPairs, without + with), {"q.jsonl:1:", "\"same\" is missing here"});
}

TEST(EvalRows, EqualIdsAreThoseOfEqualMeaning) {
  ExpectMentions(Refusal(EvalKind::kStream, "{\"id\":\"a\",\"prompt\":\"x\"}\n{\"id\":\"\\u0061\",\"prompt\":\"y\"}"),
                 {"of line 1 too"});
  // A number and a text are two things.
  EXPECT_TRUE(ReadEvalRows(EvalKind::kStream, "q", "{\"id\":1,\"prompt\":\"x\"}\n{\"id\":\"1\",\"prompt\":\"y\"}"));
}

}  // namespace
}  // namespace reflex::app
