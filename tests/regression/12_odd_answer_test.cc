// An answer of a provider that was not as expected ended the process. Here the client gets it as it came, and nothing is stored.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/gateway/gateway_world.h"

namespace reflex::gateway::testing {
namespace {

std::vector<std::string> OddBodies() {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  return {
      "",
      "null",
      "[]",
      "{}",
      "not json",
      "{\"choices\":null}",
      R"({"choices":[]})",
      R"({"choices":{}})",
      R"({"choices":[null]})",
      R"({"choices":[{}]})",
      R"({"choices":[{"message":null,"finish_reason":"stop"}]})",
      R"({"choices":[{"message":{"content":5},"finish_reason":"stop"}]})",
      R"({"choices":[{"index":-1,"message":{"role":5,"content":[]},"finish_reason":7}],"usage":[1]})",
      R"({"choices":[{"index":99999999999999999999,"message":{"content":"x"},"finish_reason":null}],"usage":{"prompt_tokens":-5}})",
      "{\"choices\":[{\"message\":{\"content\":\"\xff\xfe\"}}]}",
      deep};
}

TEST(OddAnswer, IsPassedOnAndNeverStored) {
  GatewayWorld world;
  world.Start();
  int asked = 0;
  for (const std::string& body : OddBodies()) {
    world.provider.OnCall([&body](ProviderCall& call) { call.Json(200, body); });
    const std::string question = "q" + std::to_string(asked);
    for (int i = 0; i < 2; ++i) {
      const auto reply = world.Run(Chat(question));
      EXPECT_EQ(reply->status(), 200) << body.substr(0, 100);
      EXPECT_EQ(reply->body(), body);
      EXPECT_EQ(world.provider.calls(), static_cast<std::size_t>(++asked)) << "stored: " << body.substr(0, 100);
    }
  }
}

TEST(OddAnswer, NorDoesAnOddStreamEndTheProcess) {
  GatewayWorld world;
  world.Start();
  int asked = 0;
  for (const std::string& body : OddBodies()) {
    world.provider.OnCall([&body](ProviderCall& call) {
      call.EventHead();
      call.Piece("data: " + body + "\n\n");
      call.Piece("data: [DONE]\n\n");
      call.End();
    });
    const std::string question = "s" + std::to_string(asked);
    for (int i = 0; i < 2; ++i) {
      const auto reply = world.Run(StreamChat(question));
      EXPECT_EQ(reply->status(), 200);
      EXPECT_EQ(world.provider.calls(), static_cast<std::size_t>(++asked)) << "stored: " << body.substr(0, 100);
    }
  }
}

}  // namespace
}  // namespace reflex::gateway::testing
