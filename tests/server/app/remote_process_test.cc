// The program with parts on other machines.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "fakes/qdrant/server.h"
#include "server/app/process.h"

namespace reflex::test {
namespace {

using Qdrant = fakes::qdrant::Server;

Reply Chat(int port, const std::string& question) {
  return Ask(port, "POST", kChatPath, kChatHeaders,
             R"({"model":"m","messages":[{"role":"user","content":")" + question + R"("}]})");
}

void FillScope(int port) {
  for (const char* thing :
       {"volcano", "piano", "bicycle", "glacier", "sonnet", "enzyme", "castle", "violin", "tornado", "cactus"}) {
    ASSERT_EQ(Chat(port, std::string("describe a ") + thing).status, 200);
    ASSERT_EQ(Chat(port, std::string("who first painted a ") + thing).status, 200);
  }
  ASSERT_EQ(Chat(port, "How do I reverse a linked list in Python?").status, 200);
}

TEST(Remote, VectorsLieInQdrantAndTroubleThereCostsHitsAlone) {
  TempFolder folder;
  Provider provider;
  Qdrant qdrant;
  // Longer than a busy machine needs.
  Served served(folder, {"--upstream", provider.url(), "--qdrant-time-limit", "20s", "--semantic-time-limit", "20s"},
                {{"REFLEX_QDRANT_URL", qdrant.url()}});
  FillScope(served.port());
  ASSERT_TRUE(Eventually([&] { return qdrant.Points() >= 21; })) << qdrant.Points();
  const Reply hit = Chat(served.port(), "How do I revrese a linked list in Python?");
  EXPECT_TRUE(Mentions(hit.head, "hit-l3-verified")) << hit.head;
  EXPECT_TRUE(Mentions(Ask(served.port(), "GET", "/ready").body, R"("status":"ready")"));

  qdrant.Set(Qdrant::Trouble::kAbsent);
  int asked = 0;
  const bool degraded = Eventually([&] {
    const Reply miss = Chat(served.port(), "does question " + std::to_string(++asked) + " have an answer");
    EXPECT_EQ(miss.status, 200);
    return Mentions(Ask(served.port(), "GET", "/ready").body, "qdrant is not asked for now");
  });
  EXPECT_TRUE(degraded);
  EXPECT_TRUE(Mentions(Ask(served.port(), "GET", "/metrics").body, "reflex_remote_up{service=\"qdrant\"} 0"));
  // What is the same is still a hit.
  EXPECT_TRUE(Mentions(Chat(served.port(), "describe a piano").head, "hit-l1-exact"));

  qdrant.Set(Qdrant::Trouble::kNone);
  EXPECT_TRUE(Eventually([&] {
    Chat(served.port(), "does question " + std::to_string(++asked) + " have an answer");
    return Mentions(Ask(served.port(), "GET", "/ready").body, R"("status":"ready")");
  }));
}

TEST(Remote, AQdrantThatIsAbsentAtTheStartIsNamedOnce) {
  TempFolder folder;
  Served served(folder, {}, {{"REFLEX_QDRANT_URL", "http://127.0.0.1:1"}});
  const std::string ready = Ask(served.port(), "GET", "/ready").body;
  EXPECT_TRUE(Mentions(ready, "\"qdrant: cannot connect to the service")) << ready;
  EXPECT_FALSE(Mentions(ready, "qdrant: qdrant")) << ready;
}

TEST(Remote, AValueThatFitsQdrantsGrpcPortAloneStopsTheStart) {
  const Finished refused = RunProgram({"serve"}, {{"REFLEX_QDRANT_URL", "http://127.0.0.1:6334"}});
  EXPECT_EQ(refused.status, 2);
  EXPECT_TRUE(Mentions(refused.err, "write \"http://127.0.0.1:6333\"")) << refused.err;
}

TEST(Remote, AnEmbedderThatDoesNotAnswerStopsTheStart) {
  TempFolder folder;
  const Finished refused = RunProgram({"serve", "--storage-path", (folder / "data").string(), "--port", "0"},
                                      {{"REFLEX_EMBEDDER_URL", "http://127.0.0.1:1"}, {"REFLEX_EMBEDDER_MODEL", "m"}});
  EXPECT_EQ(refused.status, 2);
  EXPECT_TRUE(Mentions(refused.err, "set embedder.dimension to start without the service")) << refused.err;
}

}  // namespace
}  // namespace reflex::test
