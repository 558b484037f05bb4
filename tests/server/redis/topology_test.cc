// TLS, a master behind a sentinel, and clusters, all of the real server's.
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "redis/client.h"
#include "redis/redis_store.h"
#include "server/redis/notices.h"
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

using Nodes = std::vector<std::unique_ptr<RedisServer>>;

// A cluster of so many nodes, of which the first `holders` share the slots evenly, in order.
Nodes StartCluster(int count, int holders) {
  Nodes nodes;
  for (int i = 0; i < count; ++i) {
    nodes.push_back(std::make_unique<RedisServer>(std::vector<std::string>{"--cluster-enabled", "yes"}, "", "--cluster-port"));
    nodes.back()->Ask({"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    if (i >= holders) continue;
    const int from = i * kSlots / holders, to = (i + 1) * kSlots / holders - 1;
    nodes.back()->Ask({"CLUSTER", "ADDSLOTSRANGE", std::to_string(from), std::to_string(to)});
  }
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const std::string port = std::to_string(nodes[i]->port()), bus = std::to_string(nodes[i]->second_port());
    nodes[0]->Ask({"CLUSTER", "MEET", "127.0.0.1", port, bus});
  }
  const std::string known = "cluster_known_nodes:" + std::to_string(count);
  for (const auto& node : nodes) {
    EXPECT_TRUE(Eventually([&] {
      const std::string info = node->Ask({"CLUSTER", "INFO"}).text;
      return info.find("cluster_state:ok") != std::string::npos && info.find(known) != std::string::npos;
    }));
  }
  return nodes;
}

// The client's first call, whose limit the silent server must not use up, and one that learns the servers anew. `answering` ends
// the connection that is kept between them.
void ExpectASilentServerIsPassedOver(const std::string& url, RedisServer& answering) {
  ClientOptions options;
  options.address = ParseAddress(url).value();
  options.connect_timeout = 60s;
  const auto client = Client::Create(options).value();
  Batch batch;
  batch.Add("k", {"PING"});
  const auto first = client->Run(batch, 4s);
  ASSERT_TRUE(first) << first.error().message;
  answering.Ask({"CLIENT", "KILL", "TYPE", "normal"});
  const auto start = std::chrono::steady_clock::now();
  const auto second = client->Run(batch, 60s);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 15s) << "who answered last is asked first";
}

TEST(TlsStore, IsUsedWithTheRightCertificateOnly) {
  store::TempFolder folder;
  const std::string at = folder.path().string();
  const std::string make =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=elsewhere.example -addext subjectAltName=IP:127.0.0.1 "
      "-keyout " +
      at + "/key.pem -out " + at + "/cert.pem 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  RedisServer server({"--tls-cert-file", at + "/cert.pem", "--tls-key-file", at + "/key.pem", "--tls-ca-cert-file",
                      at + "/cert.pem", "--tls-auth-clients", "no"},
                     "", "--tls-port");
  const std::string port = std::to_string(server.second_port());
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

// A redis-server of another mode; it writes its configuration down.
class Sentinel {
 public:
  void Monitor(const RedisServer& master) {
    server_.Ask({"SENTINEL", "MONITOR", "main", "127.0.0.1", std::to_string(master.port()), "1"});
  }
  void Forget() { server_.Ask({"SENTINEL", "REMOVE", "main"}); }
  std::uint16_t port() const { return server_.port(); }

 private:
  std::string File() const {
    const std::string file = (folder_.path() / "sentinel.conf").string();
    std::ofstream(file) << "sentinel resolve-hostnames no\n";
    return file;
  }

  store::TempFolder folder_;
  RedisServer server_{{"--sentinel"}, File()};
};

TEST(SentinelStore, FollowsTheMasterThatTheSentinelNames) {
  RedisServer first, second;
  Sentinel sentinel;
  sentinel.Monitor(first);
  store::ManualClock clock;
  store::KeepingLogger logger;
  RedisStoreOptions options = StoreOptions("redis+sentinel://127.0.0.1:" + std::to_string(sentinel.port()) + "/main");
  options.client.breaker_pause = 50ms;
  const auto store = RedisStore::Open(options, clock, logger).value();
  ASSERT_TRUE(store->Put(MakeScoped(1, 1, 100)));
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(first.Ask({"EXISTS", Keys("reflex").EntryOf(KeyOf(1))}).integer, 1);
  first.Kill();
  sentinel.Forget();
  sentinel.Monitor(second);
  EXPECT_TRUE(Eventually([&] { return store->Find(KeyOf(1)).has_value(); }));
  ASSERT_TRUE(store->Put(MakeScoped(2, 1, 100)));
  ASSERT_TRUE(store->Flush(10s));
  EXPECT_EQ(second.Ask({"EXISTS", Keys("reflex").EntryOf(KeyOf(2))}).integer, 1);
}

TEST(SentinelStore, ASilentSentinelLeavesTimeForTheNext) {
  RedisServer silent, master;
  Sentinel sentinel;
  sentinel.Monitor(master);
  silent.Pause();
  ExpectASilentServerIsPassedOver(
      "redis+sentinel://127.0.0.1:" + std::to_string(silent.port()) + ",127.0.0.1:" + std::to_string(sentinel.port()) + "/main",
      master);
}

TEST(ClusterStore, ASilentNodeLeavesTimeForTheNext) {
  RedisServer silent;
  const Nodes nodes = StartCluster(1, 1);
  silent.Pause();
  ExpectASilentServerIsPassedOver(
      "redis+cluster://127.0.0.1:" + std::to_string(silent.port()) + ",127.0.0.1:" + std::to_string(nodes[0]->port()), *nodes[0]);
}

TEST(ClusterStore, WhenTheNodesOfTheAddressAreGoneTheOthersAreAsked) {
  const Nodes nodes = StartCluster(2, 2);
  ClientOptions options;
  options.address = ParseAddress("redis+cluster://127.0.0.1:" + std::to_string(nodes[0]->port())).value();
  const auto client = Client::Create(options).value();
  ASSERT_EQ(client->Masters(10s)->size(), 2u);
  nodes[0]->Kill();
  std::string key = "k";
  while (SlotOf(key) >= kSlots / 2) key += 'k';
  Batch batch;
  batch.Add(key, {"GET", key});
  ASSERT_FALSE(client->Run(batch, 10s)) << "after which the nodes are learnt anew";
  const auto masters = client->Masters(10s);
  ASSERT_TRUE(masters) << masters.error().message;
  EXPECT_EQ(masters->size(), 2u);
}

TEST(ClusterStore, AMasterThatJoinsIsTrackedToo) {
  const Nodes nodes = StartCluster(2, 1);
  store::ManualClock clock;
  store::KeepingLogger logger;
  const std::string url = "redis+cluster://127.0.0.1:" + std::to_string(nodes[0]->port());
  Notices notices;
  const auto a = RedisStore::Open(StoreOptions(url), clock, logger).value();
  const auto b = RedisStore::Open(StoreOptions(url), clock, logger).value();
  b->SetOnNotice([&](const StoreNotice& notice) { notices.Add(notice); });
  ASSERT_TRUE(notices.Wait([](const Notices& n) { return n.all_ == 1; })) << "from here on it listens";
  const std::string slot = std::to_string(SlotOf(Keys("reflex").EntryOf(KeyOf(1))));
  const std::string joined = nodes[1]->Ask({"CLUSTER", "MYID"}).text;
  nodes[1]->Ask({"CLUSTER", "SETSLOT", slot, "NODE", joined});
  nodes[0]->Ask({"CLUSTER", "SETSLOT", slot, "NODE", joined});
  ASSERT_TRUE(b->Find(KeyOf(1))) << "MOVED is followed, and the nodes are learnt anew";
  ASSERT_TRUE(notices.Wait([](const Notices& n) { return n.blind_ >= 2 && n.all_ >= 2; }));
  ASSERT_TRUE(a->Put(MakeScoped(1, 1, 100)));
  ASSERT_TRUE(a->Flush(10s));
  EXPECT_TRUE(notices.Wait([](const Notices& n) { return n.labels_.contains(LabelOf(KeyOf(1))); }));
}

TEST(ClusterStore, SpreadsOverThreeNodesAndFollowsMovedSlots) {
  const Nodes nodes = StartCluster(3, 3);
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
  const auto from = static_cast<std::size_t>((slot + 1) * 3 - 1) / kSlots, to = (from + 1) % 3;
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
