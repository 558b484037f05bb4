// Where a server listens.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "server/http/server_world.h"

namespace reflex::http {
namespace {

Task<void> ShowPeer(Exchange& exchange) {
  const std::string text = std::string(exchange.peer()) + (exchange.admin_listener() ? " admin" : "");
  co_await Reply(exchange, text);
}

ServerOptions At(std::vector<ListenAddress> addresses) {
  ServerOptions options;
  options.listen = std::move(addresses);
  return options;
}

struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-http-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string File(const std::string& name) const { return (path / name).string(); }
  std::filesystem::path path;
};

// Whether this machine has ::1, asked without what is tested here.
bool HasIpv6Loopback() {
  const int descriptor = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool has = descriptor >= 0 && ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (descriptor >= 0) ::close(descriptor);
  return has;
}

Result<void> TryListen(const std::string& address) {
  struct Nobody final : Handler {
    bool AnswerKnown(ReadyExchange&) override { return false; }
    Task<void> Handle(Exchange&) override { co_return; }
    std::string RefusalBody(int, std::string_view) override { return {}; }
    std::span<const Header> RefusalHeaders(int) override { return {}; }
  } nobody;
  base::MetricsRegistry metrics;
  NullLogger logger;
  IoThread thread;
  const auto server = Server::Create(At({{address, false}}), {&thread}, nobody, metrics, logger);
  if (!server) return std::unexpected(server.error());
  return {};
}

TEST(HttpListen, AtSeveralAddressesOfBothFamilies) {
  if (!HasIpv6Loopback()) GTEST_SKIP() << "no ::1 on this machine";
  ServerWorld world(ShowPeer, At({{"127.0.0.1:0", false}, {"[::1]:0", true}, {":0", false}, {"localhost:0", false}}));
  const std::vector<std::string> addresses = world.server().addresses();
  ASSERT_EQ(addresses.size(), 4u);
  EXPECT_EQ(RawClient(addresses[0]).Ask(Get("/"))->body, "127.0.0.1");
  EXPECT_EQ(RawClient(addresses[1]).Ask(Get("/"))->body, "::1 admin");
  ASSERT_TRUE(addresses[2].starts_with("[::]:")) << addresses[2];
  EXPECT_EQ(RawClient("127.0.0.1:" + addresses[2].substr(5)).Ask(Get("/"))->body, "127.0.0.1");
  EXPECT_EQ(RawClient("[::1]:" + addresses[2].substr(5)).Ask(Get("/"))->body, "::1");
  EXPECT_TRUE(addresses[3].starts_with("127.0.0.1:"));
}

TEST(HttpListen, SpreadsConnectionsOverItsThreads) {
  base::Mutex mutex;
  std::set<std::thread::id> seen;
  ServerWorld world(
      [&](Exchange& exchange) {
        base::MutexLock lock(mutex);
        seen.insert(std::this_thread::get_id());
        return Reply(exchange, "ok");
      },
      {}, 2);
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(RawClient(world.port()).Ask(Get("/"))->status, 200);
    base::MutexLock lock(mutex);
    return seen.size() == 2;
  }));
}

TEST(HttpListen, RefusesWhatIsNoAddress) {
  for (const std::string address : {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:80x", "example.com:80",
                                    "::1:80", "[::1:80", "[127.0.0.1]:80", "unix:", "1.2.3:80"}) {
    const auto listening = TryListen(address);
    ASSERT_FALSE(listening) << address;
    EXPECT_EQ(listening.error().code, ErrorCode::kInvalidArgument) << address;
  }
  EXPECT_EQ(TryListen("unix:/" + std::string(200, 'x')).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(TryListen("unix:/nowhere/at/all").error().code, ErrorCode::kIo);
}

TEST(HttpListen, SaysThatAnAddressIsInUse) {
  ServerWorld world(ShowPeer);
  const auto second = TryListen(world.server().addresses().front());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
}

TEST(HttpListen, AtAUnixSocketThatOnlyItsOwnerReaches) {
  const Folder folder;
  const std::string path = folder.File("socket");
  {
    ServerWorld world(ShowPeer, At({{"unix:" + path, false}}), 2);
    EXPECT_EQ(world.server().addresses().front(), "unix:" + path);
    struct stat made{};
    ASSERT_EQ(::stat(path.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777, 0600u);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(RawClient("unix:" + path).Ask(Get("/"))->body, "unix");
    EXPECT_EQ(TryListen("unix:" + path).error().code, ErrorCode::kBusy);
    EXPECT_EQ(RawClient("unix:" + path).Ask(Get("/"))->body, "unix");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(HttpListen, ReplacesAStaleUnixSocketButNoOtherFile) {
  const Folder folder;
  const std::string path = folder.File("stale");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(stale);
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(TryListen("unix:" + path));
  std::filesystem::create_directory(path);
  EXPECT_EQ(TryListen("unix:" + path).error().code, ErrorCode::kBusy);
  EXPECT_TRUE(std::filesystem::is_directory(path));
}

}  // namespace
}  // namespace reflex::http
