// Asking for usage where the client did not, and hiding it again.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "wire/chat_reply.h"
#include "wire/chat_request.h"
#include "wire/sse.h"

namespace reflex::wire {
namespace {

TEST(WithUsageRequested, AddsTheOptionAndKeepsEveryOtherByte) {
  EXPECT_EQ(WithUsageRequested("{ \"stream\" : true, \"a\":1.50 }\n"),
            "{\"stream_options\":{\"include_usage\":true}, \"stream\" : true, \"a\":1.50 }\n");
  EXPECT_EQ(WithUsageRequested(R"({"stream":true,"stream_options":null})"),
            R"({"stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(WithUsageRequested(R"({"stream_options": { },"stream":true})"),
            R"({"stream_options": {"include_usage":true },"stream":true})");
  EXPECT_EQ(WithUsageRequested(R"({"stream":true,"stream_options":{ "include_obfuscation":false}})"),
            R"({"stream":true,"stream_options":{"include_usage":true, "include_obfuscation":false}})");
  EXPECT_EQ(WithUsageRequested(R"({"stream":true,"stream_options":{"include_usage": false , "x":"\u0041"}})"),
            R"({"stream":true,"stream_options":{"include_usage": true , "x":"\u0041"}})");
  EXPECT_EQ(WithUsageRequested(R"({"stream_options":{"include_usage":null},"stream":true})"),
            R"({"stream_options":{"include_usage":true},"stream":true})");
  EXPECT_EQ(WithUsageRequested(R"({"stream":true,"stream_options":{"include_usage":true}})"),
            R"({"stream":true,"stream_options":{"include_usage":true}})");
}

TEST(WithUsageRequested, IsNotFooledByTextThatLooksLikeTheOption) {
  const std::string body =
      R"({"messages":[{"role":"user","content":"\"stream_options\":{}"}],"x":{"stream_options":{}},"stream":true})";
  const std::string edited = WithUsageRequested(body);
  EXPECT_EQ(edited, R"({"stream_options":{"include_usage":true},)" + body.substr(1));
  ChatRequestReader reader;
  EXPECT_TRUE(reader.Read(edited)->include_usage);
  EXPECT_EQ(reader.Read(edited)->canonical, reader.Read(body)->canonical);
}

TEST(WithUsageRequested, FindsAnEscapedName) {
  EXPECT_EQ(WithUsageRequested(R"({"stream\u005foptions":{"include\u005fusage":false},"stream":true})"),
            R"({"stream\u005foptions":{"include\u005fusage":true},"stream":true})");
}

// What the client gets of one event.
std::string Seen(std::string_view raw) {
  SseReader reader;
  reader.Feed(raw);
  SseReader::Event event;
  EXPECT_TRUE(*reader.Next(event));
  std::string scratch;
  const std::string_view seen = HideUsage(event.raw, event.data, scratch);
  return std::string(seen);
}

TEST(HideUsage, PassesWhatHasNoUsageByteForByte) {
  for (const std::string_view raw :
       {"data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n", "data: [DONE]\n\n",
        ": keep-alive\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"usage of \\\"usage\\\"\"}}]}\r\n\r\n",
        "data: usage, not JSON\n\n", "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}],\"id\":\"\"}\n\n",
        "data: [\"usage\"]\n\n", "data: {\"choices\":[{\"index\":0,\"delta\":{},\"usage\":{\"total_tokens\":1}}]}\n\n"}) {
    EXPECT_EQ(Seen(raw), raw);
  }
}

TEST(HideUsage, TakesTheKeyOutOfEveryChunk) {
  EXPECT_EQ(Seen("data: {\"id\":\"x\",\"choices\":[{\"index\":0}],\"usage\":null}\n\n"),
            "data: {\"id\":\"x\",\"choices\":[{\"index\":0}]}\n\n");
  EXPECT_EQ(Seen("data: {\"usage\":null,\"choices\":[{\"index\":0}]}\n\n"), "data: {\"choices\":[{\"index\":0}]}\n\n");
  EXPECT_EQ(Seen("data:{ \"a\" : 1 , \"usage\" : {\"x\":[1]} , \"choices\":[{}]}\r\n\r\n"),
            "data:{ \"a\" : 1 , \"choices\":[{}]}\r\n\r\n");
  EXPECT_EQ(Seen(": ping\ndata: {\"choices\":[{}] , \"usage\":{\"t\":1} }\n\n"), ": ping\ndata: {\"choices\":[{}] }\n\n");
  EXPECT_EQ(Seen("data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"total_tokens\":9},\"x\":2}\n\n"),
            "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"x\":2}\n\n");
}

TEST(HideUsage, RewritesEventsOfSeveralDataLines) {
  EXPECT_EQ(Seen("data: {\"usage\":null,\ndata: \"choices\":\ndata: [{}]}\n\n"), "data: {\"choices\":\ndata: [{}]}\n\n");
}

TEST(HideUsage, EditsTheDataAndNotACommentThatLooksLikeIt) {
  EXPECT_EQ(Seen(": {\"choices\":[{}],\"usage\":null}\ndata: {\"choices\":[{}],\"usage\":null}\n\n"),
            ": {\"choices\":[{}],\"usage\":null}\ndata: {\"choices\":[{}]}\n\n");
}

TEST(HideUsage, DropsTheChunkThatIsOnlyUsage) {
  EXPECT_EQ(
      Seen("data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"service_tier\":\"default\","
           "\"system_fingerprint\":\"fp\",\"choices\":[],\"usage\":{\"total_tokens\":3},\"obfuscation\":\"ab\"}\n\n"),
      "");
  EXPECT_EQ(Seen("data: {\"choices\":[],\"usage\":{\"total_tokens\":3},\"x\":null,\"y\":[]}\n\n"), "");
}

// Clients that asked for no usage take the first choice of every chunk.
TEST(HideUsage, DropsTheUsageChunkWithWhateverItsProviderPutsThere) {
  for (const std::string_view other :
       {"\"timings\":{\"predicted_ms\":1.5}", "\"citations\":[\"u\"]", "\"cost\":0.1", "\"error\":null", "\"error\":\"\""}) {
    EXPECT_EQ(Seen("data: {\"choices\":[],\"usage\":{\"total_tokens\":3}," + std::string(other) + "}\n\n"), "") << other;
  }
}

TEST(HideUsage, KeepsAnEmptyChunkThatTellsNoUsageOrAnError) {
  EXPECT_EQ(Seen("data: {\"choices\":[],\"usage\":null,\"prompt_filter_results\":[]}\n\n"),
            "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n");
  EXPECT_EQ(Seen("data: {\"error\":{\"message\":\"x\"},\"choices\":[],\"usage\":{}}\n\n"),
            "data: {\"error\":{\"message\":\"x\"},\"choices\":[]}\n\n");
}

}  // namespace
}  // namespace reflex::wire
