#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "answers.h"
#include "node.h"
#include "sockets.h"

// An answer survives a restart, and comes in either form from then on.
namespace reflex::integration {
namespace {

TEST(GatewayRestart, StoredAnswersAreServedInBothFormsAfterwards) {
  ScriptedServer provider(ServeAnswer);
  const TemporaryFolder folder;
  const NodeOptions options{
      .upstream_url = provider.url(), .store = folder.path() / "store", .gateway = {}, .client = {}, .server = {}};
  {
    Node node(options);
    EXPECT_EQ(node.AskChat(ChatBody("plain")).Header("X-Reflex-Status"), "miss");
    EXPECT_EQ(node.AskChat(ChatBody("streamed", R"(,"stream":true)")).Header("X-Reflex-Status"), "miss");
    ASSERT_TRUE(node.cache().Flush(std::chrono::seconds(10)));
  }
  Node node(options);
  for (const char* question : {"plain", "streamed"}) {
    const Message stream = node.AskChat(ChatBody(question, R"(,"stream":true)"));
    EXPECT_EQ(stream.Header("X-Reflex-Status"), "hit-l1-exact");
    EXPECT_TRUE(stream.whole);
    EXPECT_TRUE(stream.body.ends_with("data: [DONE]\n\n"));
    const Message plain = node.AskChat(ChatBody(question));
    EXPECT_EQ(plain.Header("X-Reflex-Status"), "hit-l1-exact");
    EXPECT_NE(plain.body.find(R"("content":"hello")"), std::string::npos);
  }
  EXPECT_EQ(provider.requests(), 2u);
}

TEST(GatewayRestart, AnotherSecretOrCallerFindsNothing) {
  ScriptedServer provider(ServeAnswer);
  const TemporaryFolder folder;
  const NodeOptions options{
      .upstream_url = provider.url(), .store = folder.path() / "store", .gateway = {}, .client = {}, .server = {}};
  {
    Node node(options);
    node.AskChat(ChatBody("q"));
    ASSERT_TRUE(node.cache().Flush(std::chrono::seconds(10)));
  }
  Node node(options);
  EXPECT_EQ(node.AskChat(ChatBody("q"), "x-api-key: other\r\n").Header("X-Reflex-Status"), "miss");
  EXPECT_EQ(node.AskChat(ChatBody("q")).Header("X-Reflex-Status"), "hit-l1-exact");
}

}  // namespace
}  // namespace reflex::integration
