// The running program as a machine that comes and goes sees it: idle end, and what the service manager is told.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "server/app/process.h"

namespace reflex::test {
namespace {

using Steady = std::chrono::steady_clock;

// The socket of a service manager.
class Manager {
 public:
  Manager() : path_((folder_ / "notify").string()), socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~Manager() { close(socket_); }

  const std::string& path() const { return path_; }
  // The next message; empty when none came within the limit of tests.
  std::string Next() {
    pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(Process::kLimit).count())) != 1) return "";
    char buffer[2048];
    const ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
    return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
  }

 private:
  TempFolder folder_;
  std::string path_;
  int socket_;
};

TEST(Lifecycle, AnIdleReflexEndsAndKeepsWhatItStored) {
  TempFolder folder;
  Provider provider;
  {
    Served served(folder, {"--upstream", provider.url(), "--idle-timeout-secs", "2"});
    EXPECT_EQ(Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
    // Supervisors keep nobody awake.
    std::thread probes([port = served.port()] {
      while (Ask(port, "GET", "/ready").status != 0) std::this_thread::yield();
    });
    EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
    probes.join();
    EXPECT_NE(served.process().err().find("idle for_s=2"), std::string::npos) << served.process().err();
  }
  Served again(folder, {"--upstream", provider.url()});
  EXPECT_NE(Ask(again.port(), "POST", kChatPath, kChatHeaders, kChatBody).head.find("hit-l1-exact"), std::string::npos);
}

TEST(Lifecycle, AnIdleReflexSavesStopsItsMachineAndIsRestoredElsewhere) {
  TempFolder one, two;
  Provider provider;
  const std::string target = "file://" + (one / "snapshots").string();
  const Process::Environment passphrase{{"REFLEX_SNAPSHOT_PASSPHRASE", "correct horse"}};
  {
    // Nobody reads the log while /ready is asked again and again.
    Served served(one,
                  {"--upstream", provider.url(), "--snapshot-target", target, "--idle-timeout-secs", "1", "--enable-instance-stop",
                   "true", "--cloud-stop-command", "touch " + (one / "stopped").string(), "--log-requests", "false"},
                  passphrase);
    while (Ask(served.port(), "GET", "/ready").status == 503) std::this_thread::yield();
    EXPECT_EQ(Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
    EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
    EXPECT_TRUE(std::filesystem::exists(one / "stopped")) << served.process().err();
  }
  Served elsewhere(two, {"--upstream", provider.url(), "--snapshot-target", target, "--log-requests", "false"}, passphrase);
  while (Ask(elsewhere.port(), "GET", "/ready").status == 503) std::this_thread::yield();
  const Reply reply = Ask(elsewhere.port(), "POST", kChatPath, kChatHeaders, kChatBody);
  EXPECT_NE(reply.head.find("hit-l1-exact"), std::string::npos) << reply.head << elsewhere.process().err();
  EXPECT_EQ(provider.requests(), 1);
}

TEST(Lifecycle, StoppingTheMachineNeedsAWayToDoSo) {
  const Finished finished = RunProgram({"config", "--enable-instance-stop", "true"});
  EXPECT_EQ(finished.status, 2);
  EXPECT_NE(finished.err.find("cloud.stop_command"), std::string::npos) << finished.err;
}

TEST(Lifecycle, ARunningCallKeepsItAwake) {
  TempFolder folder;
  Provider provider(/*held=*/true);
  Served served(folder, {"--upstream", provider.url(), "--idle-timeout-secs", "1"});
  Request running(served.port(), "POST", kChatPath, kChatHeaders, kChatBody);
  provider.WaitForRequests(1);
  // Three idle times, by the clock of the watch, which looks once a second.
  const Steady::time_point end = Steady::now() + std::chrono::seconds(3);
  while (Steady::now() < end) ASSERT_EQ(Ask(served.port(), "GET", "/ready").status, 200);
  provider.Release();
  EXPECT_EQ(running.Read().status, 200);
  EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
}

TEST(Lifecycle, TheServiceManagerIsToldOfStartLifeReloadAndEnd) {
  TempFolder folder;
  Manager manager;
  Served served(folder, {}, {{"NOTIFY_SOCKET", manager.path()}, {"WATCHDOG_USEC", "200000"}});
  const std::string ready = manager.Next();
  EXPECT_TRUE(ready.starts_with("READY=1\nSTATUS=reflex ")) << ready;
  // Each after an answer of every thread that serves connections.
  EXPECT_EQ(manager.Next(), "WATCHDOG=1");
  EXPECT_EQ(manager.Next(), "WATCHDOG=1");
  served.process().Signal(SIGHUP);
  std::string message;
  do message = manager.Next();
  while (message == "WATCHDOG=1");
  EXPECT_TRUE(message.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << message;
  EXPECT_TRUE(manager.Next().starts_with("READY=1"));
  served.process().Signal(SIGTERM);
  do message = manager.Next();
  while (message == "WATCHDOG=1");
  EXPECT_TRUE(message.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=")) << message;
  EXPECT_EQ(served.process().Wait(), 0);
}

}  // namespace
}  // namespace reflex::test
