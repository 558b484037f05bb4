// Before each write the original asked whether its collection exists, and made it if not: three calls for one. Here it is made sure
// of once, and again only when the server's word says that it is gone.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "server/remote/qdrant_world.h"

namespace reflex::remote {
namespace {

// Calls that look at the collection, make it or index its fields.
std::size_t CallsAboutTheCollection(QdrantWorld& world) {
  std::size_t calls = 0;
  for (const std::string& call : world.server.seen()) {
    if (call.find("/collections/") != std::string::npos && call.find("/points") == std::string::npos) ++calls;
  }
  return calls;
}

TEST(CollectionOnce, WritesAskNothingAboutIt) {
  QdrantWorld world;
  world.OpenIndex();
  const std::size_t before = CallsAboutTheCollection(world);
  EXPECT_GT(before, 0u);
  for (std::uint64_t label = 0; label < 20; ++label) {
    world.Add(vector::ScopeOf(1), label, world.Vector());
    world.Settle();  // Each in a call of its own.
  }
  EXPECT_EQ(world.server.Points(world.index->collection()), 20u);
  EXPECT_EQ(CallsAboutTheCollection(world), before);
}

TEST(CollectionOnce, ItIsMadeAgainWhenItIsGone) {
  QdrantWorld world;
  world.OpenIndex();
  world.Add(vector::ScopeOf(1), 1, world.Vector());
  world.Settle();
  world.server.Forget();
  world.Add(vector::ScopeOf(1), 2, world.Vector());
  world.Settle();
  EXPECT_EQ(world.server.Points(world.index->collection()), 1u);
  const std::size_t before = CallsAboutTheCollection(world);
  world.Add(vector::ScopeOf(1), 3, world.Vector());
  world.Settle();
  EXPECT_EQ(CallsAboutTheCollection(world), before);
}

}  // namespace
}  // namespace reflex::remote
