// By default the original took its machine for one of a cloud, asked that cloud's servers at every start, and stopped the machine
// when nobody asked anything. Here nothing of the kind happens until the operator says so.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>

#include "app/settings.h"
#include "cloud/instance.h"
#include "fakes/manual_clock.h"
#include "lib/store/store_test_util.h"
#include "server/app/process.h"

namespace reflex::test {
namespace {

// A metadata server that only waits for anybody to call.
class MetadataTrap {
 public:
  MetadataTrap() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    host_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~MetadataTrap() { ::close(socket_); }
  MetadataTrap(const MetadataTrap&) = delete;
  MetadataTrap& operator=(const MetadataTrap&) = delete;

  const std::string& host() const { return host_; }
  std::string url() const { return "http://" + host_; }
  // A connection was asked for; the kernel accepts it for us.
  bool WasCalled() const {
    const int caller = ::accept(socket_, nullptr, nullptr);
    if (caller >= 0) ::close(caller);
    return caller >= 0 || errno != EAGAIN;
  }

 private:
  const int socket_;
  std::string host_;
};

TEST(CloudDefaults, AreSafeAnywhere) {
  const std::map<std::string, std::string> safe = {
      {"REFLEX_IDLE_TIMEOUT_SECS", "0"}, {"REFLEX_ENABLE_INSTANCE_STOP", "false"}, {"REFLEX_IDLE_STOP_UNSAVED", "false"}};
  // Names of other rooms' settings, which need not be there; where they are, these are their defaults.
  const std::map<std::string, std::string> safe_where_present = {{"REFLEX_CLOUD_PROVIDER", "local"},
                                                                 {"REFLEX_SNAPSHOT_TARGET", ""},
                                                                 {"REFLEX_SNAPSHOT_INTERVAL", "0s"},
                                                                 {"REFLEX_CLOUD_STOP_COMMAND", ""},
                                                                 {"REFLEX_GCS_BUCKET", ""}};
  const app::Settings defaults;
  std::size_t checked = 0;
  for (const app::Setting& setting : app::SettingsTable()) {
    for (const auto* list : {&safe, &safe_where_present}) {
      const auto expected = list->find(setting.EnvName());
      if (expected == list->end()) continue;
      EXPECT_EQ(app::ShowPlain(setting, defaults), expected->second) << setting.key;
      if (list == &safe) ++checked;
    }
  }
  EXPECT_EQ(checked, safe.size());
}

TEST(CloudDefaults, NothingStopsTheMachineUnlessItIsNamed) {
  MetadataTrap trap;
  fakes::ManualClock clock;
  store::KeepingLogger logger;
  cloud::InstanceOptions options;
  options.cloud.metadata_endpoint = trap.url();
  const auto instance = cloud::OpenInstance(options, clock, logger);
  ASSERT_TRUE(instance.has_value()) << instance.error().message;
  const auto stopped = (*instance)->Stop();
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(trap.WasCalled());
}

TEST(CloudDefaults, AStartWithoutSettingsCallsNoMetadataServer) {
  MetadataTrap trap;
  TempFolder folder;
  Process::Environment environment = {{"GCE_METADATA_HOST", trap.host()},
                                      {"AWS_EC2_METADATA_SERVICE_ENDPOINT", trap.url()},
                                      {"REFLEX_CLOUD_METADATA_ENDPOINT", trap.url()}};
  Served served(folder, {}, environment);
  EXPECT_EQ(Ask(served.port(), "GET", "/ready").status, 200);
  served.process().Signal(SIGTERM);
  EXPECT_EQ(served.process().Wait(), 0);
  EXPECT_FALSE(trap.WasCalled());
}

}  // namespace
}  // namespace reflex::test
