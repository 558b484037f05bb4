// TLS, a master behind a sentinel, and a cluster of three nodes, all of the real server's.
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "redis/redis_store.h"
#include "server/redis/redis_server.h"

namespace reflex::redis {
namespace {

using namespace std::chrono_literals;
using store::KeyOf;
using store::MakeScoped;

// Tries until it holds; the servers agree among themselves in their own time, and say so only when asked.
template <class Condition>
bool Eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(TlsStore, IsUsedWithTheRightCertificateOnly) {
  store::TempFolder folder;
  const std::string at = folder.path().string();
  const std::string make =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=elsewhere.example -addext subjectAltName=IP:127.0.0.1 "
      "-keyout " +
      at + "/key.pem -out " + at + "/cert.pem 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const std::string port = std::to_string(FreePort());
  RedisServer server({"--tls-port", port, "--tls-cert-file", at + "/cert.pem", "--tls-key-file", at + "/key.pem",
                      "--tls-ca-cert-file", at + "/cert.pem", "--tls-auth-clients", "no"});
  store::ManualClock clock;
  store::KeepingLogger logger;
  RedisStoreOptions options = StoreOptions("rediss://127.0.0.1:" + port);
  {
    const auto stranger = RedisStore::Open(options, clock, logger).value();
    EXPECT_FALSE(stranger->Find(KeyOf(1))) << "a certificate nobody vouches for";
  }
  options.client.ca_file = at + "/cert.pem";
  {
    const auto store = RedisStore::Open(options, clock, logger).value();
    ASSERT_TRUE(store->Put(MakeScoped(1, 1, 300'000)));
    ASSERT_TRUE(store->Flush(10s));
    const auto found = store->Find(KeyOf(1));
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_NE(*found, nullptr);
  }
  options.client.address = ParseAddress("rediss://localhost:" + port).value();
  const auto misnamed = RedisStore::Open(options, clock, logger).value();
  EXPECT_FALSE(misnamed->Find(KeyOf(1))) << "a certificate for another name";
  options.client.ca_file = at + "/none.pem";
  EXPECT_EQ(RedisStore::Open(options, clock, logger).error().code, ErrorCode::kNotFound);
}

TEST(SentinelStore, FollowsTheMasterThatTheSentinelNames) {
  RedisServer first, second;
  // A sentinel is a redis-server of another mode; it writes its configuration down.
  store::TempFolder folder;
  const std::string file = (folder.path() / "sentinel.conf").string();
  std::ofstream(file) << "sentinel resolve-hostnames no\n";
  RedisServer sentinel({"--sentinel"}, file);
  sentinel.Ask({"SENTINEL", "MONITOR", "main", "127.0.0.1", std::to_string(first.port()), "1"});
  store::ManualClock clock;
  store::KeepingLogger logger;
  RedisStoreOptions options = StoreOptions("redis+sentinel://127.0.0.1:" + std::to_string(sentinel.port()) + "/main");
  options.client.breaker_pause = 50ms;
  const auto store = RedisStore::Open(options, clock, logger).value();
  ASSERT_TRUE(store->Put(MakeScoped(1, 1, 100)));
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(first.Ask({"EXISTS", Keys("reflex").EntryOf(KeyOf(1))}).integer, 1);
  first.Kill();
  sentinel.Ask({"SENTINEL", "REMOVE", "main"});
  sentinel.Ask({"SENTINEL", "MONITOR", "main", "127.0.0.1", std::to_string(second.port()), "1"});
  EXPECT_TRUE(Eventually([&] { return store->Find(KeyOf(1)).has_value(); }));
  ASSERT_TRUE(store->Put(MakeScoped(2, 1, 100)));
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(second.Ask({"EXISTS", Keys("reflex").EntryOf(KeyOf(2))}).integer, 1);
}

TEST(ClusterStore, SpreadsOverThreeNodesAndFollowsMovedSlots) {
  std::vector<std::unique_ptr<RedisServer>> nodes;
  for (int i = 0; i < 3; ++i) {
    nodes.push_back(std::make_unique<RedisServer>(
        std::vector<std::string>{"--cluster-enabled", "yes", "--cluster-port", std::to_string(FreePort())}));
  }
  const auto range = [](int node) { return std::pair(node * 5'462, node == 2 ? 16'383 : node * 5'462 + 5'461); };
  for (int i = 0; i < 3; ++i) {
    const auto [from, to] = range(i);
    nodes[static_cast<std::size_t>(i)]->Ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(from), std::to_string(to)});
    nodes[static_cast<std::size_t>(i)]->Ask({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (int i = 1; i < 3; ++i) {
    const RedisServer& other = *nodes[static_cast<std::size_t>(i)];
    const std::string bus = nodes[static_cast<std::size_t>(i)]->Ask({"CONFIG", "GET", "cluster-port"}).items[1].text;
    nodes[0]->Ask({"CLUSTER", "MEET", "127.0.0.1", std::to_string(other.port()), bus});
  }
  for (const auto& node : nodes) {
    ASSERT_TRUE(Eventually([&] {
      const std::string info = node->Ask({"CLUSTER", "INFO"}).text;
      return info.find("cluster_state:ok") != std::string::npos && info.find("cluster_known_nodes:3") != std::string::npos;
    }));
  }
  store::ManualClock clock;
  store::KeepingLogger logger;
  const auto store =
      RedisStore::Open(StoreOptions("redis+cluster://127.0.0.1:" + std::to_string(nodes[0]->port())), clock, logger).value();
  for (std::uint64_t i = 0; i < 60; ++i) ASSERT_TRUE(store->Put(MakeScoped(i, 1, 200)));
  ASSERT_TRUE(store->Flush(20s));
  const auto all_there = [&] {
    std::size_t there = 0;
    for (std::uint64_t i = 0; i < 60; ++i) {
      const auto found = store->Find(KeyOf(i));
      there += found && *found != nullptr ? 1 : 0;
    }
    return there == 60;
  };
  EXPECT_TRUE(all_there());
  EXPECT_EQ(store->FindScope(store::ScopeOf(1), 100)->size(), 60u);
  for (const auto& node : nodes) EXPECT_GT(node->Ask({"DBSIZE"}).integer, 5);
  EXPECT_EQ(*store->CountPurge(store::PurgeAll()), 60u);
  // A slot that holds one of our entries moves from its node to another.
  const std::string name = Keys("reflex").EntryOf(KeyOf(1));
  const int slot = SlotOf(name);
  const auto from = static_cast<std::size_t>(slot > 10'923 ? 2 : slot / 5'462), to = (from + 1) % 3;
  const std::string digits = std::to_string(slot);
  const std::string id_from = nodes[from]->Ask({"CLUSTER", "MYID"}).text, id_to = nodes[to]->Ask({"CLUSTER", "MYID"}).text;
  nodes[to]->Ask({"CLUSTER", "SETSLOT", digits, "IMPORTING", id_from});
  nodes[from]->Ask({"CLUSTER", "SETSLOT", digits, "MIGRATING", id_to});
  nodes[from]->Ask({"MIGRATE", "127.0.0.1", std::to_string(nodes[to]->port()), name, "0", "5000"});
  EXPECT_TRUE(all_there()) << "ASK is followed";
  nodes[to]->Ask({"CLUSTER", "SETSLOT", digits, "NODE", id_to});
  nodes[from]->Ask({"CLUSTER", "SETSLOT", digits, "NODE", id_to});
  EXPECT_TRUE(all_there()) << "MOVED is followed";
}

}  // namespace
}  // namespace reflex::redis
