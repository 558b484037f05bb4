// The exact key: what counts, what does not, what is refused (docs/key.md).
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "server/wire/tree.h"
#include "wire/chat_request.h"
#include "wire/reason.h"

namespace reflex::wire {
namespace {

using testing::Tree;

constexpr std::string_view kBase =
    R"({"model":"m","messages":[{"role":"system","content":"Be terse."},{"role":"user","content":"Hello"}],"temperature":0.2})";

ChatRequest Read(std::string_view body) {
  ChatRequestReader reader;
  Result<ChatRequest> request = reader.Read(body);
  EXPECT_TRUE(request.has_value()) << body << "\n" << (request ? "" : request.error().message);
  return request ? *request : ChatRequest();
}

std::string Key(std::string_view body) { return base::ToHex(Read(body).canonical); }

std::string Refusal(std::string_view body) {
  ChatRequestReader reader;
  const Result<ChatRequest> request = reader.Read(body);
  if (request) return "accepted";
  EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
  return request.error().message;
}

// The base request with one more member at the top level.
std::string With(std::string_view member) {
  return std::string(kBase.substr(0, kBase.size() - 1)) + "," + std::string(member) + "}";
}

std::string Message(std::string_view members) { return R"({"model":"m","messages":[{)" + std::string(members) + "}]}"; }

struct Pair {
  const char* name;
  std::string a;
  std::string b;
};
std::ostream& operator<<(std::ostream& out, const Pair& pair) { return out << pair.name; }
std::string NameOf(const ::testing::TestParamInfo<Pair>& info) { return info.param.name; }

// ---- The ignore list: one case a field ----
struct FieldCase {
  const char* name;
  const char* member;
};
std::ostream& operator<<(std::ostream& out, const FieldCase& field) { return out << field.name; }

class IgnoredField : public ::testing::TestWithParam<FieldCase> {};
TEST_P(IgnoredField, DoesNotCount) { EXPECT_EQ(Key(With(GetParam().member)), Key(kBase)); }
INSTANTIATE_TEST_SUITE_P(
    Key, IgnoredField,
    ::testing::Values(FieldCase{"stream", R"("stream":true)"}, FieldCase{"stream_false", R"("stream":false)"},
                      FieldCase{"stream_options", R"("stream_options":{"include_usage":true})"},
                      FieldCase{"user", R"("user":"u-1")"}, FieldCase{"safety_identifier", R"("safety_identifier":"x")"},
                      FieldCase{"metadata", R"("metadata":{"a":"b"})"}, FieldCase{"prompt_cache_key", R"("prompt_cache_key":"k")"},
                      FieldCase{"prompt_cache_retention", R"("prompt_cache_retention":"24h")"},
                      FieldCase{"prompt_cache_options", R"("prompt_cache_options":{"ttl":5})"},
                      FieldCase{"service_tier", R"("service_tier":"flex")"}, FieldCase{"store", R"("store":true)"}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- Every other field, known or not ----
class CountedField : public ::testing::TestWithParam<FieldCase> {};
TEST_P(CountedField, Counts) {
  EXPECT_NE(Key(With(GetParam().member)), Key(kBase));
  ASSERT_EQ(Key(With(GetParam().member)), Key(With(GetParam().member)));
}
INSTANTIATE_TEST_SUITE_P(
    Key, CountedField,
    ::testing::Values(
        FieldCase{"tools", R"("tools":[{"type":"function","function":{"name":"f"}}])"}, FieldCase{"tools_empty", R"("tools":[])"},
        FieldCase{"tool_choice", R"("tool_choice":"auto")"}, FieldCase{"parallel_tool_calls", R"("parallel_tool_calls":true)"},
        FieldCase{"functions", R"("functions":[{"name":"f"}])"}, FieldCase{"function_call", R"("function_call":"auto")"},
        FieldCase{"response_format", R"("response_format":{"type":"text"})"}, FieldCase{"n", R"("n":2)"},
        FieldCase{"stop", R"("stop":"X")"}, FieldCase{"max_tokens", R"("max_tokens":10)"},
        FieldCase{"max_completion_tokens", R"("max_completion_tokens":10)"}, FieldCase{"modalities", R"("modalities":["text"])"},
        FieldCase{"audio", R"("audio":{"voice":"alloy","format":"wav"})"},
        FieldCase{"reasoning_effort", R"("reasoning_effort":"low")"}, FieldCase{"verbosity", R"("verbosity":"low")"},
        FieldCase{"logprobs", R"("logprobs":true)"}, FieldCase{"top_logprobs", R"("top_logprobs":2)"},
        FieldCase{"web_search_options", R"("web_search_options":{})"}, FieldCase{"moderation", R"("moderation":{"model":"m"})"},
        FieldCase{"prediction", R"("prediction":{"type":"content","content":"x"})"}, FieldCase{"top_p", R"("top_p":1)"},
        FieldCase{"frequency_penalty", R"("frequency_penalty":0)"}, FieldCase{"presence_penalty", R"("presence_penalty":0)"},
        FieldCase{"seed", R"("seed":1)"}, FieldCase{"logit_bias", R"("logit_bias":{"50256":-100})"},
        FieldCase{"top_k", R"("top_k":5)"}, FieldCase{"min_p", R"("min_p":0.1)"},
        FieldCase{"repetition_penalty", R"("repetition_penalty":1.1)"},
        FieldCase{"chat_template_kwargs", R"("chat_template_kwargs":{"thinking":true})"},
        FieldCase{"guided_json", R"("guided_json":{})"}, FieldCase{"thinking", R"("thinking":{"type":"enabled"})"},
        FieldCase{"provider", R"("provider":{"order":["a"]})"}, FieldCase{"prompt_cache_unknown", R"("prompt_cache_unknown":1)"},
        FieldCase{"streaming", R"("streaming":true)"}, FieldCase{"User", R"("User":"u")"}, FieldCase{"empty_name", R"("":1)"},
        FieldCase{"anything", R"("x-y z":false)"}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- Pairs that are the same request ----
class SameRequest : public ::testing::TestWithParam<Pair> {};
TEST_P(SameRequest, HasOneKey) { EXPECT_EQ(Key(GetParam().a), Key(GetParam().b)); }
INSTANTIATE_TEST_SUITE_P(
    Key, SameRequest,
    ::testing::Values(
        Pair{"white_space", std::string(kBase),
             " {\n\"model\" :\t\"m\", \"messages\":[ {\"role\":\"system\",\"content\":\"Be terse.\"} "
             ",{\"role\":\"user\",\"content\":\"Hello\"}],\r\n"
             "\"temperature\":0.2 } \n"},
        Pair{
            "order_at_top", std::string(kBase),
            R"({"temperature":0.2,"messages":[{"role":"system","content":"Be terse."},{"role":"user","content":"Hello"}],"model":"m"})"},
        Pair{"order_in_message", Message(R"("role":"user","content":"x","name":"n")"),
             Message(R"("name":"n","content":"x","role":"user")")},
        Pair{"order_in_part", Message(R"("role":"user","content":[{"type":"text","text":"x"}])"),
             Message(R"("role":"user","content":[{"text":"x","type":"text"}])")},
        Pair{"order_in_image", Message(R"("content":[{"type":"image_url","image_url":{"url":"u","detail":"low"}}])"),
             Message(R"("content":[{"type":"image_url","image_url":{"detail":"low","url":"u"}}])")},
        Pair{"order_in_tool_call",
             Message(R"("tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}])"),
             Message(R"("tool_calls":[{"function":{"arguments":"{}","name":"f"},"type":"function","id":"c"}])")},
        Pair{"escapes_in_text", Message(R"("role":"user","content":"A\u00e9\/\ud83d\ude00")"),
             Message(R"("role":"user","content":"\u0041é/😀")")},
        Pair{
            "escapes_in_names", std::string(kBase),
            R"({"mod\u0065l":"m","messages":[{"r\u006fle":"system","content":"Be terse."},{"role":"user","content":"Hello"}],"temperature":0.2})"},
        Pair{"escapes_in_top_text", With(R"("reasoning_effort":"l\u006fw")"), With(R"("reasoning_effort":"low")")},
        Pair{"escape_in_ignored_name", std::string(kBase), With(R"("us\u0065r":"x")")},
        Pair{"arguments_escapes", Message(R"("tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\u0031}"}}])"),
             Message(R"("tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}])")},
        Pair{"number_exponent", With(R"("top_p":0.2)"), With(R"("top_p":2e-1)")},
        Pair{"number_zeros", With(R"("top_p":0.2)"), With(R"("top_p":0.200)")},
        Pair{"number_point", With(R"("top_p":1)"), With(R"("top_p":1.0)")},
        Pair{"number_big", With(R"("seed":1e3)"), With(R"("seed":1000)")},
        Pair{"number_unknown_field", With(R"("min_p":0.05)"), With(R"("min_p":5E-2)")},
        Pair{"negative_zero", With(R"("top_p":0)"), With(R"("top_p":-0.0)")}, Pair{"n_one", std::string(kBase), With(R"("n":1)")},
        Pair{"n_one_point", std::string(kBase), With(R"("n":1.0)")},
        Pair{"logprobs_false", std::string(kBase), With(R"("logprobs":false)")},
        Pair{"stop_text", With(R"("stop":"X")"), With(R"("stop":["X"])")},
        Pair{"stop_escape", With(R"("stop":"X")"), With(R"("stop":["\u0058"])")},
        Pair{"null_n", std::string(kBase), With(R"("n":null)")}, Pair{"null_stop", std::string(kBase), With(R"("stop":null)")},
        Pair{"null_tools", std::string(kBase), With(R"("tools":null)")},
        Pair{"null_stream", std::string(kBase), With(R"("stream":null)")},
        Pair{
            "openai_defaults", R"({"model":"gpt-4o","messages":[{"role":"user"}]})",
            R"({"model":"gpt-4o","messages":[{"role":"user"}],"temperature":1.0,"top_p":1,"presence_penalty":0,"frequency_penalty":0})"},
        Pair{"null_unknown", std::string(kBase), With(R"("top_k":null)")},
        Pair{"white_space_in_schema", With(R"("response_format":{"type":"json_schema","json_schema":{"a":[1,2]}})"),
             With("\"response_format\": { \"type\" : \"json_schema\",\n\"json_schema\":{\"a\": [1 ,\t2] } }")},
        Pair{"cache_breakpoint", Message(R"("content":[{"type":"text","text":"x","prompt_cache_breakpoint":{"ttl":"5m"}}])"),
             Message(R"("content":[{"type":"text","text":"x"}])")}),
    NameOf);

// ---- Pairs that are different requests ----
class DifferentRequest : public ::testing::TestWithParam<Pair> {};
TEST_P(DifferentRequest, HasTwoKeys) { EXPECT_NE(Key(GetParam().a), Key(GetParam().b)); }
INSTANTIATE_TEST_SUITE_P(
    Key, DifferentRequest,
    ::testing::Values(
        Pair{"model", Message(R"("role":"user")"), R"({"model":"n","messages":[{"role":"user"}]})"},
        Pair{"model_absent", Message(R"("role":"user")"), R"({"messages":[{"role":"user"}]})"},
        Pair{"role", Message(R"("role":"system","content":"x")"), Message(R"("role":"developer","content":"x")")},
        Pair{"name", Message(R"("role":"user","content":"x")"), Message(R"("role":"user","content":"x","name":"bob")")},
        Pair{"letter_case", Message(R"("content":"x")"), Message(R"("content":"X")")},
        Pair{"space_behind", Message(R"("content":"x")"), Message(R"("content":"x ")")},
        Pair{"space_inside", Message(R"("content":"a b")"), Message(R"("content":"a  b")")},
        Pair{"unicode_form", Message("\"content\":\"\u00e9\""), Message("\"content\":\"e\u0301\"")},
        Pair{"line_end", Message(R"("content":"a\nb")"), Message(R"("content":"a\r\nb")")},
        Pair{"text_or_part", Message(R"("content":"x")"), Message(R"("content":[{"type":"text","text":"x"}])")},
        Pair{"parts_split", Message(R"("content":[{"type":"text","text":"ab"}])"),
             Message(R"("content":[{"type":"text","text":"a"},{"type":"text","text":"b"}])")},
        Pair{"order_of_messages", R"({"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]})",
             R"({"messages":[{"role":"user","content":"b"},{"role":"user","content":"a"}]})"},
        Pair{"content_null_or_absent", Message(R"("role":"assistant","content":null)"), Message(R"("role":"assistant")")},
        Pair{"tool_call_id", Message(R"("role":"tool","tool_call_id":"a")"), Message(R"("role":"tool","tool_call_id":"b")")},
        Pair{"arguments_bytes", Message(R"("tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}])"),
             Message(R"("tool_calls":[{"function":{"name":"f","arguments":"{\"a\": 1}"}}])")},
        Pair{"image_bytes", Message(R"("content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}])"),
             Message(R"("content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAB"}}])")},
        Pair{"unknown_in_part", Message(R"("content":[{"type":"text","text":"x"}])"),
             Message(R"("content":[{"type":"text","text":"x","y":1}])")},
        Pair{"unknown_object_order_in_message", Message(R"("x":{"a":1,"b":2})"), Message(R"("x":{"b":2,"a":1})")},
        Pair{"schema_order", With(R"("response_format":{"a":1,"b":2})"), With(R"("response_format":{"b":2,"a":1})")},
        Pair{"schema_escapes", With(R"("response_format":{"a":"A"})"), With(R"("response_format":{"a":"\u0041"})")},
        Pair{"schema_number_spelling", With(R"("tools":[{"minimum":1}])"), With(R"("tools":[{"minimum":1.0}])")},
        Pair{"tools_order", With(R"("tools":[{"a":1},{"b":1}])"), With(R"("tools":[{"b":1},{"a":1}])")},
        Pair{"tool_key_order", With(R"("tools":[{"type":"function","function":{}}])"),
             With(R"("tools":[{"function":{},"type":"function"}])")},
        Pair{"unknown_field_order", With(R"("x":{"a":1,"b":2})"), With(R"("x":{"b":2,"a":1})")},
        Pair{"token_limits", With(R"("max_tokens":5)"), With(R"("max_completion_tokens":5)")},
        Pair{"temperature_spelled_out", Message(R"("role":"user")"),
             R"({"model":"m","messages":[{"role":"user"}],"temperature":1})"},
        Pair{"temperature_of_open_weights", R"({"model":"gpt-oss-20b","messages":[{"role":"user"}]})",
             R"({"model":"gpt-oss-20b","messages":[{"role":"user"}],"temperature":1})"},
        Pair{"another_temperature", R"({"model":"gpt-4o","messages":[{"role":"user"}]})",
             R"({"model":"gpt-4o","messages":[{"role":"user"}],"temperature":0})"},
        Pair{"number_or_text", With(R"("seed":1)"), With(R"("seed":"1")")},
        Pair{"true_or_text", With(R"("x":true)"), With(R"("x":"true")")},
        Pair{"beyond_double", With(R"("seed":9007199254740993)"), With(R"("seed":9007199254740992)")},
        Pair{"many_digits", With(R"("top_p":0.1000000000000000000000001)"), With(R"("top_p":0.1)")},
        Pair{"sign", With(R"("top_p":0.1)"), With(R"("top_p":-0.1)")},
        Pair{"huge_exponents", With(R"("seed":1e400)"), With(R"("seed":1e401)")},
        Pair{"stop_order", With(R"("stop":["a","b"])"), With(R"("stop":["b","a"])")},
        Pair{"stop_lists_joined", With(R"("stop":["ab"])"), With(R"("stop":["a","b"])")},
        Pair{"field_moves_into_value", With(R"("a":"x","b":"y")"), With(R"("a":"x\",\"b\":\"y")")},
        Pair{"text_with_length_byte", With("\"a\":\"" + std::string(254, 'x') + "\""),
             With("\"a\":\"" + std::string(255, 'x') + "\"")},
        Pair{"null_byte", Message(R"("content":"a")"), Message(R"("content":"a\u0000")")}),
    NameOf);

TEST(Key, ExponentsOfAnyLengthTakeNoMemory) {
  const std::string long_exponent = "1e" + std::string(100000, '9');
  EXPECT_NE(Key(With("\"seed\":" + long_exponent)), Key(With("\"seed\":-" + long_exponent)));
  EXPECT_NE(Key(With(R"("seed":1e999999999999)")), Key(With(R"("seed":1e999999999998)")));
  EXPECT_EQ(Key(With(R"("seed":10e999999999998)")), Key(With(R"("seed":1e999999999999)")));
  EXPECT_EQ(Key(With("\"seed\":0e" + std::string(1000, '9'))), Key(With(R"("seed":0)")));
}

TEST(Key, TheFormIsPinned) {
  // A change here is a new kCanonicalFormVersion: stored answers would otherwise be found under keys of another meaning.
  EXPECT_EQ(kCanonicalFormVersion, 3u);
  EXPECT_EQ(Key(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"temperature":0.2,"tools":[{"a": 1}],"stream":true})"),
            base::ToHex(base::HashBytes(std::string_view("{k\x08messages[{k\x07"
                                                         "contents\x02Hik\x04roles\x04user}]k\x05models\x01mk\x0b"
                                                         "temperaturen\x04"
                                                         "2e-1k\x05toolsr\x09[{\"a\":1}]}"))));
}

// ---- The conformance cases of the chat endpoint ----
TEST(Key, AgreesWithEveryConformanceCase) {
  std::istringstream lines(testing::ReadTestFile("cases.jsonl"));
  std::map<std::string, std::string> bases;
  int cases = 0;
  for (std::string line; std::getline(lines, line);) {
    const Tree row = Tree::Parse(line);
    const std::string id = row["id"].text;
    const std::string body = row.Find("raw") ? row["raw"].text : row["request"].Print();
    if (row["kind"].text == "base") {
      bases[id] = Key(body);
      continue;
    }
    ++cases;
    ASSERT_TRUE(bases.contains(row["base"].text)) << id;
    EXPECT_EQ(Key(body) == bases[row["base"].text], row["expect"].text == "same") << id << ": " << row["why"].text;
  }
  EXPECT_GE(cases, 40);
}

// ---- Refusals ----
TEST(Refused, NotJson) {
  for (const std::string_view body : {"",
                                      " ",
                                      "{",
                                      "{\"model\"",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "{\"a\":01}",
                                      "{\"a\":+1}",
                                      "{\"a\":.5}",
                                      "{\"a\":1.}",
                                      "{\"a\":1e}",
                                      "{\"a\":NaN}",
                                      "{\"a\":tru}",
                                      "{\"a\":truex}",
                                      "{\"a\" 1}",
                                      "{\"a\":[1 2]}",
                                      "{\"a\":\"\x01\"}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\\u12g4\"}",
                                      "{} {}",
                                      "{\"a\":1}x",
                                      "{\"a\":\"b}",
                                      "[1,]",
                                      "{\"a\":-}",
                                      "\xef\xbb\xbf{}",
                                      "{\"a\":1}\v"}) {
    EXPECT_EQ(Refusal(body), reason::kNotJson) << body;
  }
  EXPECT_EQ(Refusal(std::string(kBase) + std::string(1, '\0')), reason::kNotJson);
}

TEST(Refused, NotAnObject) {
  for (const std::string_view body : {"[]", "1", "\"x\"", "null", "true"}) EXPECT_EQ(Refusal(body), reason::kNotObject) << body;
}

TEST(Refused, DuplicateNamesAtAnyDepth) {
  EXPECT_EQ(Refusal(R"({"model":"a","messages":[],"model":"b"})"), reason::kDuplicateName);
  EXPECT_EQ(Refusal(R"({"model":"a","messages":[],"mod\u0065l":"b"})"), reason::kDuplicateName);
  EXPECT_EQ(Refusal(R"({"messages":[{"role":"user","role":"user"}]})"), reason::kDuplicateName);
  EXPECT_EQ(Refusal(With(R"("tools":[{"a":{"b":[{"c":1,"\u0063":1}]}}])")), reason::kDuplicateName);
  EXPECT_EQ(Refusal(With(R"("metadata":{"x":1,"x":1})")), reason::kDuplicateName);
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"name" + std::to_string(i) + "\":0,";
  EXPECT_EQ(Refusal(With("\"x\":" + many + "\"last\":0}")), "accepted");
  EXPECT_EQ(Refusal(With("\"x\":" + many + "\"name7\":0}")), reason::kDuplicateName);
  EXPECT_EQ(Refusal(With(R"("prompt_cache_aaa":1,"prompt_cache_bbb":1,"prompt_cache_aab":1)")), "accepted");
}

TEST(Refused, BadText) {
  for (const std::string_view text : {R"(\ud83d)", R"(\ude00)", R"(\ud83d\ud83d)", R"(\ud83dx)", R"(\ud83d\n)", R"(\ud83d\u0041)",
                                      "\xff", "\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xf5\x80\x80\x80"}) {
    EXPECT_EQ(Refusal(Message("\"content\":\"" + std::string(text) + "\"")), reason::kBadText) << text;
    EXPECT_EQ(Refusal(With("\"tools\":[{\"" + std::string(text) + "\":1}]")), reason::kBadText) << text;
  }
  EXPECT_EQ(Refusal(Message(R"("content":"\ud83d\ude00")")), "accepted");
}

TEST(Refused, TooDeep) {
  const auto nested = [](int depth) { return With("\"x\":" + std::string(depth, '[') + std::string(depth, ']')); };
  EXPECT_EQ(Refusal(nested(127)), "accepted");  // With the body itself: 128.
  EXPECT_EQ(Refusal(nested(128)), reason::kTooDeep);
  EXPECT_EQ(Refusal(nested(1000000)), reason::kTooDeep);
  std::string objects;
  for (int i = 0; i < 128; ++i) objects += "{\"a\":";
  EXPECT_EQ(Refusal(With("\"x\":" + objects)), reason::kTooDeep);
}

TEST(Refused, TooManyValues) {
  std::string list = "\"x\":[0";
  for (int i = 0; i < 1 << 20; ++i) list += ",0";
  EXPECT_EQ(Refusal(With(list + "]")), reason::kTooManyValues);
}

TEST(Refused, FieldsThatDecideWithAnotherType) {
  for (const std::string_view body : {R"({})",
                                      R"({"model":"m"})",
                                      R"({"messages":null})",
                                      R"({"messages":"x"})",
                                      R"({"messages":{}})",
                                      R"({"messages":["x"]})",
                                      R"({"model":1,"messages":[]})",
                                      R"({"messages":[],"stream":"true"})",
                                      R"({"messages":[],"stream":1})",
                                      R"({"messages":[],"store":"x"})",
                                      R"({"messages":[],"n":"1"})",
                                      R"({"messages":[],"n":1.5})",
                                      R"({"messages":[],"n":0})",
                                      R"({"messages":[],"n":-1})",
                                      R"({"messages":[],"n":5000000000})",
                                      R"({"messages":[],"stream_options":true})",
                                      R"({"messages":[],"stream_options":{"include_usage":1}})",
                                      R"({"messages":[],"service_tier":1})",
                                      R"({"messages":[],"max_tokens":"5"})",
                                      R"({"messages":[],"max_completion_tokens":true})",
                                      R"({"messages":[],"tools":{}})",
                                      R"({"messages":[],"functions":"f"})"}) {
    EXPECT_EQ(Refusal(body), reason::kFieldType) << body;
  }
}

// ---- What else is read ----
TEST(ChatRequest, ReadsDeliveryAndPolicyFields) {
  const ChatRequest plain = Read(kBase);
  EXPECT_EQ(plain.model, "m");
  EXPECT_FALSE(plain.stream || plain.include_usage || plain.include_obfuscation || plain.store || plain.has_token_limit);
  EXPECT_FALSE(plain.has_strict_tool || plain.web_search || plain.has_tools);
  EXPECT_EQ(plain.service_tier, "");
  EXPECT_EQ(plain.choices, 1u);

  const ChatRequest full = Read(
      With(R"("stream":true,"stream_options":{"include_usage":true,"include_obfuscation":true},"store":true,)"
           R"("max_completion_tokens":5,"service_tier":"flex","n":3,)"
           R"("tools":[{"type":"function","function":{"name":"f","strict":true}},{"type":"function","function":{"name":"g"}}])"));
  EXPECT_TRUE(full.stream && full.include_usage && full.include_obfuscation && full.store && full.has_token_limit);
  EXPECT_TRUE(full.has_strict_tool && full.has_tools);
  EXPECT_EQ(full.strict_tools, std::vector<std::string>{"f"});
  EXPECT_EQ(full.service_tier, "flex");
  EXPECT_EQ(full.choices, 3u);
  EXPECT_TRUE(Read(With(R"("functions":[{"name":"f"}],"max_tokens":1)")).has_tools);
}

TEST(ChatRequest, ReadsTheNumberOfChoicesInAnySpelling) {
  EXPECT_EQ(Read(With(R"("n":2.0)")).choices, 2u);
  EXPECT_EQ(Read(With(R"("n":12e1)")).choices, 120u);
  EXPECT_EQ(Read(With(R"("n":null)")).choices, 1u);
  EXPECT_EQ(Key(With(R"("n":2.0)")), Key(With(R"("n":2)")));
  for (const std::string_view n : {"1e30", "1e-1", "1e99999999999", "4294967296", "2.5"}) {
    EXPECT_EQ(Refusal(With("\"n\":" + std::string(n))), reason::kFieldType) << n;
  }
}

TEST(ChatRequest, KnowsWebSearch) {
  EXPECT_TRUE(Read(With(R"("web_search_options":{})")).web_search);
  EXPECT_FALSE(Read(With(R"("web_search_options":null)")).web_search);
  EXPECT_TRUE(Read(With(R"("tools":[{"type":"web_search_preview"}])")).web_search);
  EXPECT_FALSE(Read(With(R"("tools":[{"type":"function","function":{"name":"web_search"}}])")).web_search);
  EXPECT_TRUE(Read(R"({"model":"gpt-4o-search-preview","messages":[]})").web_search);
  EXPECT_TRUE(Read(R"({"model":"gpt-5-search-api","messages":[]})").web_search);
  EXPECT_TRUE(Read(R"({"model":"openai/gpt-4o:online","messages":[]})").web_search);
  EXPECT_TRUE(Read(With(R"("plugins":[{"id":"web"}])")).web_search);
}

TEST(ChatRequest, KnowsWebSearchAsOtherProvidersAskForIt) {
  for (const std::string_view member :
       {R"("tools":[{"type":"openrouter:web_search"}])",
        R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"browser_search"}])", R"("tools":[{"type":"live_search"}])",
        R"("tools":[{"type":"builtin_function","function":{"name":"$web_search"}}])", R"("search_parameters":{})",
        R"("search_parameters":{"mode":"auto"})", R"("search_parameters":{"mode":"on"})", R"("enable_search":true)"}) {
    EXPECT_TRUE(Read(With(member)).web_search) << member;
  }
  for (const std::string_view member :
       {R"("tools":[{"type":"builtin_function","function":{"name":"f"}}])",
        R"("tools":[{"type":"function","function":{"name":"$web_search"}}])", R"("search_parameters":null)",
        R"("search_parameters":{"mode":"off"})", R"("enable_search":false)", R"("enable_search":null)"}) {
    EXPECT_FALSE(Read(With(member)).web_search) << member;
  }
  const auto searches = [](const std::string& model) { return Read(R"({"model":")" + model + R"(","messages":[]})").web_search; };
  for (const char* model :
       {"sonar", "sonar-pro", "perplexity/sonar-reasoning", "groq/compound", "groq/compound-mini", "compound-beta", "compound"}) {
    EXPECT_TRUE(searches(model)) << model;
  }
  for (const char* model : {"gpt-4o", "openai/gpt-4o", "my-sonar", "x/compound", "sona"}) EXPECT_FALSE(searches(model)) << model;
}

TEST(ChatRequest, SaysWhetherTheClientSentStreamOptions) {
  EXPECT_FALSE(Read(kBase).has_stream_options);
  EXPECT_FALSE(Read(With(R"("stream_options":null)")).has_stream_options);
  EXPECT_TRUE(Read(With(R"("stream_options":{})")).has_stream_options);
}

// Their servers have defaults of their own, whatever the names begin with.
TEST(Key, DefaultsOfModelsThatAreNotOpenAisCount) {
  const auto with = [](std::string_view model, std::string_view more) {
    return R"({"model":")" + std::string(model) + R"(","messages":[])" + std::string(more) + "}";
  };
  for (const std::string_view model : {"gpt-j-6b", "gpt-jt-6b", "gpt-neo-2.7B", "gpt-neox-20b", "gpt-2", "gpt-2-xl", "gpt2",
                                       "gpt4all-j", "gpt-oss-120b", "gpt-sw3", "gpt-"}) {
    for (const std::string_view more : {R"(,"temperature":1)", R"(,"top_p":1)", R"(,"presence_penalty":0)"}) {
      EXPECT_NE(Key(with(model, more)), Key(with(model, ""))) << model << more;
    }
  }
  for (const std::string_view model : {"gpt-4o", "gpt-4.1-mini", "gpt-5", "gpt-3.5-turbo", "gpt-35-turbo", "gpt-audio",
                                       "chatgpt-4o-latest", "o1", "o3-mini", "o4-mini"}) {
    EXPECT_EQ(Key(with(model, R"(,"temperature":1)")), Key(with(model, ""))) << model;
  }
}

TEST(ChatRequestReader, ReadsAgainAfterARefusalAndAfterALargeBody) {
  ChatRequestReader reader;
  const Digest first = reader.Read(kBase)->canonical;
  EXPECT_FALSE(reader.Read("{\"a\":\"\\ud800\"}"));
  EXPECT_EQ(reader.Read(kBase)->canonical, first);
  const std::string large = Message("\"content\":\"" + std::string(3 << 20, 'x') + "\\n\"");
  EXPECT_TRUE(reader.Read(large));
  EXPECT_EQ(reader.Read(kBase)->canonical, first);
}

}  // namespace
}  // namespace reflex::wire
