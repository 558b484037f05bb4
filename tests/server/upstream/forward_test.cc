// What of a caller's request goes to the provider, and what stays here.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "upstream/request.h"

namespace reflex::upstream {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

ProviderTable Defaults() {
  ProviderTable table;
  table.openai = http::ParseBaseUrl("https://api.openai.com/v1").value();
  table.anthropic = http::ParseBaseUrl("https://api.anthropic.com").value();
  table.gemini = http::ParseBaseUrl("https://generativelanguage.googleapis.com").value();
  return table;
}

struct Sent {
  std::string target;
  Fields fields;
};

Sent Send(const ProviderTable& table, Call call, const std::vector<http::Header>& headers) {
  call.headers = headers;
  if (call.target.empty()) call.target = "/v1/chat/completions";
  ForwardedRequest forwarded;
  Forward(call, table, forwarded);
  Sent sent{forwarded.target, {}};
  for (const http::Header& header : forwarded.headers) sent.fields.emplace_back(header.name, header.value);
  return sent;
}

TEST(Forward, KeepsEverythingElseInOrder) {
  const auto sent = Send(Defaults(), {},
                         {{"X-Stainless-Lang", "js"},
                          {"traceparent", "00-1"},
                          {"Accept", "a"},
                          {"accept", "b"},
                          {"Content-Type", "application/json"},
                          {"OpenAI-Organization", "o"}});
  EXPECT_EQ(sent.fields, (Fields{{"X-Stainless-Lang", "js"},
                                 {"traceparent", "00-1"},
                                 {"Accept", "a"},
                                 {"accept", "b"},
                                 {"Content-Type", "application/json"},
                                 {"OpenAI-Organization", "o"}}));
}

TEST(Forward, DropsHopByHopFieldsAlsoThoseThatConnectionLists) {
  const auto sent = Send(Defaults(), {},
                         {{"Host", "h"},
                          {"Connection", "keep-alive, X-Mine"},
                          {"x-mine", "1"},
                          {"Keep-Alive", "5"},
                          {"TE", "trailers"},
                          {"Trailer", "x"},
                          {"Transfer-Encoding", "chunked"},
                          {"Upgrade", "h2c"},
                          {"Proxy-Authorization", "Basic x"},
                          {"Proxy-Connection", "close"},
                          {"Content-Length", "3"},
                          {"Expect", "100-continue"},
                          {"connection", "X-Also"},
                          {"X-Also", "2"},
                          {"X-Kept", "3"}});
  EXPECT_EQ(sent.fields, (Fields{{"X-Kept", "3"}}));
}

TEST(Forward, KeepsUpgradeForATunnel) {
  Call call;
  call.upgrade = true;
  const auto sent = Send(Defaults(), call, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Key", "k"}});
  EXPECT_EQ(sent.fields, (Fields{{"Upgrade", "websocket"}, {"Sec-WebSocket-Key", "k"}}));
}

TEST(Forward, KeepsItsOwnFieldsHere) {
  EXPECT_EQ(Send(Defaults(), {}, {{"X-Reflex-TTL", "5"}, {"x-reflex-namespace", "n"}, {"X-Reflexive", "1"}}).fields,
            (Fields{{"X-Reflexive", "1"}}));
}

TEST(Forward, AsksForEncodingsItCanDecode) {
  Call call;
  EXPECT_EQ(Send(Defaults(), call, {{"Accept-Encoding", "br, zstd"}}).fields, (Fields{{"Accept-Encoding", "br, zstd"}}));
  call.decode = true;
  EXPECT_EQ(Send(Defaults(), call, {{"accept-encoding", "br, zstd"}}).fields, (Fields{{"Accept-Encoding", "gzip, deflate"}}));
}

TEST(Forward, PassesTheCallersCredentialOn) {
  Call call;
  call.target = "/v1/models?a=1";
  EXPECT_EQ(Send(Defaults(), call, {{"Authorization", "Bearer sk"}, {"api-key", "az"}, {"Cookie", "c=1"}}).fields,
            (Fields{{"Authorization", "Bearer sk"}, {"api-key", "az"}, {"Cookie", "c=1"}}));
  call.provider = Provider::kAnthropic;
  EXPECT_EQ(Send(Defaults(), call, {{"x-api-key", "sk-ant"}, {"anthropic-version", "1"}}).fields,
            (Fields{{"x-api-key", "sk-ant"}, {"anthropic-version", "1"}}));
  call.provider = Provider::kGemini;
  call.target = "/v1beta/models?key=g&alt=sse";
  const auto sent = Send(Defaults(), call, {{"x-goog-api-key", "g"}});
  EXPECT_EQ(sent.fields, (Fields{{"x-goog-api-key", "g"}}));
  EXPECT_EQ(sent.target, "/v1beta/models?key=g&alt=sse");
}

TEST(Forward, SendsNoCredentialToAnotherProvidersHost) {
  const std::vector<http::Header> all = {{"x-api-key", "sk-ant"}, {"x-goog-api-key", "g"}, {"api-key", "az"}};
  Call call;
  call.target = "/v1/models?key=g&a=1";
  const auto to_openai = Send(Defaults(), call, all);
  EXPECT_EQ(to_openai.fields, (Fields{{"api-key", "az"}}));
  EXPECT_EQ(to_openai.target, "/v1/models?a=1");
  call.provider = Provider::kAnthropic;
  const auto to_anthropic = Send(Defaults(), call, all);
  EXPECT_EQ(to_anthropic.fields, (Fields{{"x-api-key", "sk-ant"}}));
  EXPECT_EQ(to_anthropic.target, "/v1/models?a=1");
  call.provider = Provider::kGemini;
  EXPECT_EQ(Send(Defaults(), call, all).fields, (Fields{{"x-goog-api-key", "g"}}));
}

TEST(Forward, AnOperatorsOwnServerMayUseAnyForm) {
  ProviderTable one;
  one.openai = http::ParseBaseUrl("http://vllm.internal:8000/v1").value();
  EXPECT_EQ(Send(one, {}, {{"x-api-key", "k"}}).fields, (Fields{{"x-api-key", "k"}}));
  ProviderTable same_host = Defaults();
  same_host.anthropic = same_host.openai;
  EXPECT_EQ(Send(same_host, {}, {{"x-api-key", "k"}}).fields, (Fields{{"x-api-key", "k"}}));
}

TEST(Forward, ReplacesEveryCredentialByTheOperatorsKeyInTheProvidersForm) {
  ProviderTable table = Defaults();
  table.upstream_key = "op";
  table.anthropic_key = "op-ant";
  table.gemini_key = "op-g";
  const std::vector<http::Header> all = {{"authorization", "Bearer mine"}, {"api-key", "1"}, {"X-Api-Key", "2"},
                                         {"x-goog-api-key", "3"},          {"cookie", "4"},  {"X", "5"}};
  Call call;
  call.target = "/v1/models?key=mine&a=1&%6Bey=too&b";
  const auto openai = Send(table, call, all);
  EXPECT_EQ(openai.fields, (Fields{{"X", "5"}, {"Authorization", "Bearer op"}}));
  EXPECT_EQ(openai.target, "/v1/models?a=1&b");
  call.provider = Provider::kAnthropic;
  EXPECT_EQ(Send(table, call, all).fields, (Fields{{"X", "5"}, {"x-api-key", "op-ant"}}));
  call.provider = Provider::kGemini;
  EXPECT_EQ(Send(table, call, all).fields, (Fields{{"X", "5"}, {"x-goog-api-key", "op-g"}}));
  table.gemini_key.clear();
  EXPECT_EQ(Send(table, call, all).fields, (Fields{{"X", "5"}}));
}

TEST(WithoutQueryKey, LeavesTheRestAsItIs) {
  EXPECT_EQ(WithoutQueryKey("/p"), "/p");
  EXPECT_EQ(WithoutQueryKey("/p?key=1"), "/p");
  EXPECT_EQ(WithoutQueryKey("/p?a=%20&key=1&&keys=2&b"), "/p?a=%20&&keys=2&b");
  EXPECT_EQ(WithoutQueryKey("/p?key"), "/p");
  EXPECT_EQ(WithoutQueryKey("/p?"), "/p?");
}

}  // namespace
}  // namespace reflex::upstream
