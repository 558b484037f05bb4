// Which provider a request belongs to, and which path it has there.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "upstream/upstream.h"

namespace reflex::upstream {
namespace {

TEST(Route, GoesByPathAndHeader) {
  const std::vector<http::Header> none, anthropic = {{"Anthropic-Version", "2023-06-01"}}, google = {{"X-Goog-Api-Key", "k"}},
                                        both = {{"x-goog-api-key", "k"}, {"anthropic-version", "1"}};
  EXPECT_EQ(Route("/v1/chat/completions", none), Provider::kOpenAi);
  EXPECT_EQ(Route("/v1/models", anthropic), Provider::kAnthropic);
  EXPECT_EQ(Route("/v1/messages", none), Provider::kAnthropic);
  EXPECT_EQ(Route("/v1/messages/count_tokens", none), Provider::kAnthropic);
  EXPECT_EQ(Route("/messages", none), Provider::kAnthropic);
  EXPECT_EQ(Route("/v1/messagesx", none), Provider::kOpenAi);
  EXPECT_EQ(Route("/v1/threads/t/messages", none), Provider::kOpenAi);
  EXPECT_EQ(Route("/v1beta/models/x:generateContent", none), Provider::kGemini);
  EXPECT_EQ(Route("/v1beta", none), Provider::kGemini);
  EXPECT_EQ(Route("/v1betax", none), Provider::kOpenAi);
  EXPECT_EQ(Route("/v1/models", google), Provider::kGemini);
  EXPECT_EQ(Route("/v1/models", both), Provider::kAnthropic);
}

std::string At(Provider provider, const char* base, const char* target) {
  return TargetAt(provider, http::ParseBaseUrl(base).value(), target);
}

TEST(TargetAt, JoinsTheBaseAndTheRequestsPath) {
  const Provider openai = Provider::kOpenAi;
  EXPECT_EQ(At(openai, "https://api.openai.com/v1", "/v1/models?x=1"), "/v1/models?x=1");
  EXPECT_EQ(At(openai, "https://api.openai.com/v1", "/models?x=1"), "/v1/models?x=1");
  EXPECT_EQ(At(openai, "https://api.openai.com/v1", "/v1"), "/v1");
  EXPECT_EQ(At(openai, "https://openrouter.ai/api/v1", "/v1/chat/completions"), "/api/v1/chat/completions");
  EXPECT_EQ(At(openai, "https://openrouter.ai/api/v1", "/api/v1/models"), "/api/v1/models");
  EXPECT_EQ(At(openai, "http://h", "/v1/models"), "/models");
  EXPECT_EQ(At(openai, "http://h", "/v1?a"), "/?a");
  EXPECT_EQ(At(openai, "https://me.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=2024-06-01"),
            "/openai/deployments/d/chat/completions?api-version=2024-06-01");
  EXPECT_EQ(At(openai, "https://me.openai.azure.com/openai", "/openai/deployments/d/embeddings"),
            "/openai/deployments/d/embeddings");
  EXPECT_EQ(At(openai, "http://h/v1", "/v1x"), "/v1/v1x");
  EXPECT_EQ(At(openai, "http://h/v1", "*"), "*");
}

TEST(TargetAt, KnowsTheOtherProvidersPaths) {
  EXPECT_EQ(At(Provider::kAnthropic, "https://api.anthropic.com", "/v1/messages"), "/v1/messages");
  EXPECT_EQ(At(Provider::kAnthropic, "https://api.anthropic.com", "/messages?beta=true"), "/v1/messages?beta=true");
  EXPECT_EQ(At(Provider::kAnthropic, "https://proxy.example/anthropic", "/v1/messages"), "/anthropic/v1/messages");
  EXPECT_EQ(At(Provider::kAnthropic, "https://api.anthropic.com/v1", "/messages"), "/v1/messages");
  EXPECT_EQ(At(Provider::kGemini, "https://generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent?alt=sse"),
            "/v1beta/models/g:streamGenerateContent?alt=sse");
  EXPECT_EQ(At(Provider::kGemini, "https://generativelanguage.googleapis.com", "/v1/models"), "/v1/models");
  EXPECT_EQ(At(Provider::kGemini, "https://p.example/g/v1beta", "/g/v1beta/models"), "/g/v1beta/models");
}

TEST(ProviderTable, AKeyGoesToItsOwnProviderAlone) {
  ProviderTable table;
  table.openai = http::ParseBaseUrl("https://api.openai.com/v1").value();
  table.anthropic = http::ParseBaseUrl("https://api.anthropic.com").value();
  table.gemini = http::ParseBaseUrl("https://api.openai.com/gemini").value();
  EXPECT_FALSE(table.has_key());
  table.upstream_key = "sk-operator";
  EXPECT_EQ(table.key(Provider::kOpenAi), "sk-operator");
  EXPECT_EQ(table.key(Provider::kAnthropic), "");
  EXPECT_EQ(table.key(Provider::kGemini), "sk-operator");  // The same host.
  table.anthropic_key = "sk-ant";
  EXPECT_EQ(table.key(Provider::kAnthropic), "sk-ant");
  table.upstream_key.clear();
  EXPECT_TRUE(table.has_key());
}

}  // namespace
}  // namespace reflex::upstream
