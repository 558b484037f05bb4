// What the service manager is told, read from a socket as it would.
#include "app/supervisor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

namespace reflex::app {
namespace {

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    char name[] = "/tmp/reflex-notify-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = (folder_ / "notify").string();
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~SupervisorTest() override {
    close(socket_);
    std::filesystem::remove_all(folder_);
  }

  std::string Received() {
    char buffer[512];
    const ssize_t size = recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
  }

  std::filesystem::path folder_;
  std::string path_;
  int socket_ = -1;
};

TEST_F(SupervisorTest, SaysWhatTheProtocolWants) {
  Supervisor supervisor(path_);
  supervisor.Ready("serves\non 8080");
  EXPECT_EQ(Received(), "READY=1\nSTATUS=serves on 8080");
  supervisor.Alive();
  EXPECT_EQ(Received(), "WATCHDOG=1");
  supervisor.Stopping(std::chrono::seconds(90));
  EXPECT_EQ(Received(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000");
  supervisor.Reloading();
  EXPECT_TRUE(Received().starts_with("RELOADING=1\nMONOTONIC_USEC="));
}

TEST_F(SupervisorTest, TheEnvironmentIsTakenOnce) {
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  Supervisor supervisor = Supervisor::FromEnvironment();
  EXPECT_EQ(supervisor.watchdog(), std::chrono::milliseconds(3000));
  supervisor.Status("x");
  EXPECT_EQ(Received(), "STATUS=x");
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) EXPECT_EQ(getenv(name), nullptr) << name;
}

TEST_F(SupervisorTest, AnotherProcessesWatchdogIsNotOurs) {
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(Supervisor::FromEnvironment().watchdog(), std::nullopt);
}

TEST_F(SupervisorTest, WithoutAListenerNothingHappens) {
  Supervisor nobody("");
  nobody.Ready("x");
  Supervisor gone((folder_ / "gone").string());
  gone.Alive();
  Supervisor too_long(std::string(300, 'x'));
  too_long.Alive();
  EXPECT_EQ(Received(), "");
}

}  // namespace
}  // namespace reflex::app
