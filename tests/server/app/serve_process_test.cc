// How the program starts, what it says, and what it refuses.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>

#include "server/app/process.h"

namespace reflex::test {
namespace {

TEST(Serve, PrintsOneLineThatSaysWhereItListensStoresAndSends) {
  TempFolder folder;
  Served served(folder, {"--upstream", "http://127.0.0.1:9/v1", "--anthropic-upstream=", "--log-level", "warning"});
  EXPECT_EQ(Ask(served.port(), "GET", "/healthz").status, 200);
  const std::string line = served.process().out();
  EXPECT_EQ(std::ranges::count(line, '\n'), 1) << line;
  EXPECT_TRUE(Mentions(line, "http://127.0.0.1:" + std::to_string(served.port()))) << line;
  EXPECT_TRUE(Mentions(line, (folder / "data").string())) << line;
  EXPECT_TRUE(Mentions(line, "in clear")) << line;
  EXPECT_TRUE(Mentions(line, "http://127.0.0.1:9/v1")) << line;
  EXPECT_TRUE(Mentions(line, "gemini https://generativelanguage.googleapis.com")) << line;
  EXPECT_FALSE(Mentions(line, "anthropic")) << line;
}

TEST(Serve, IsReadyOnceItPrintedTheLine) {
  TempFolder folder;
  Served served(folder);
  const Reply reply = Ask(served.port(), "GET", "/ready");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(Mentions(reply.body, "\"status\":\"ready\"")) << reply.body;
}

TEST(Serve, ReadsTheSettingsFileNamedByTheEnvironment) {
  TempFolder folder;
  WriteText(folder / "r.toml", "[server]\nport = 0\n[upstream]\nopenai = \"http://127.0.0.1:7/v1\"\n");
  Served served(folder, {}, {{"REFLEX_CONFIG", (folder / "r.toml").string()}});
  EXPECT_TRUE(Mentions(served.process().out(), "http://127.0.0.1:7/v1"));
}

TEST(Serve, ABadSettingStopsTheStartWithStatusTwo) {
  const Finished bad_value = RunProgram({"serve"}, {{"REFLEX_PORT", "99999"}});
  EXPECT_EQ(bad_value.status, 2);
  EXPECT_TRUE(Mentions(bad_value.err, "server.port") && Mentions(bad_value.err, "99999") && Mentions(bad_value.err, "65535"))
      << bad_value.err;
  EXPECT_EQ(bad_value.out, "");

  const Finished bad_flag = RunProgram({"--prot", "80"});
  EXPECT_EQ(bad_flag.status, 2);
  EXPECT_TRUE(Mentions(bad_flag.err, "--prot") && Mentions(bad_flag.err, "--port")) << bad_flag.err;

  TempFolder folder;
  WriteText(folder / "r.toml", "[server]\nprot = 80\n");
  const Finished bad_key = RunProgram({"serve", "--config", (folder / "r.toml").string()});
  EXPECT_EQ(bad_key.status, 2);
  EXPECT_TRUE(Mentions(bad_key.err, "server.prot") && Mentions(bad_key.err, "r.toml:2")) << bad_key.err;

  const Finished no_file = RunProgram({"serve", "--config", (folder / "none.toml").string()});
  EXPECT_EQ(no_file.status, 2);
  EXPECT_TRUE(Mentions(no_file.err, "none.toml")) << no_file.err;
}

TEST(Serve, AnOpenListenerWithAnUpstreamKeyStopsTheStart) {
  TempFolder folder;
  const Process::Environment open = {
      {"REFLEX_BIND_ADDR", "0.0.0.0"}, {"REFLEX_PORT", "0"}, {"REFLEX_UPSTREAM_KEY", "sk-very-secret"}};
  const Finished refused = RunProgram({"serve", "--storage-path", (folder / "data").string()}, open);
  EXPECT_EQ(refused.status, 2);
  EXPECT_TRUE(Mentions(refused.err, "server.allow_open") && Mentions(refused.err, "client_keys_file")) << refused.err;
  EXPECT_FALSE(Mentions(refused.err, "sk-very"));
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));

  Process allowed({"serve", "--storage-path", (folder / "data").string(), "--server-allow-open"}, open);
  EXPECT_TRUE(allowed.WaitForOutput(" listens on ")) << allowed.err();
}

TEST(Serve, AFileThatASettingNamesAndIsNotThereStopsTheStart) {
  TempFolder folder;
  const std::string missing = (folder / "missing").string();
  for (const char* flag : {"--client-keys-file", "--tenant-secret-file", "--upstream-ca-file"}) {
    const Finished finished = RunProgram({"serve", "--port", "0", "--storage-path", (folder / "data").string(), flag, missing});
    EXPECT_EQ(finished.status, 2) << flag;
    EXPECT_TRUE(Mentions(finished.err, missing)) << flag << ": " << finished.err;
  }
  const Finished no_certificate = RunProgram({"serve", "--port", "0", "--storage-path", (folder / "data").string(),
                                              "--server-tls-certificate", missing, "--server-tls-key", missing});
  EXPECT_EQ(no_certificate.status, 2);
  EXPECT_TRUE(Mentions(no_certificate.err, missing)) << no_certificate.err;
}

TEST(Serve, ATakenPortStopsTheStart) {
  TempFolder folder, other;
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(taken, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  ASSERT_EQ(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const Finished finished = RunProgram({"serve", "--port", port, "--storage-path", (folder / "data").string()});
  EXPECT_EQ(finished.status, 1);
  EXPECT_TRUE(Mentions(finished.err, port)) << finished.err;
  ::close(taken);
}

TEST(Serve, WarnsOfUnknownVariablesAndIgnoresAnOrchestrators) {
  TempFolder folder;
  Served served(folder, {"--server-listen", "127.0.0.1:0"},
                {{"REFLEX_PORT", "tcp://10.0.0.1:80"}, {"REFLEX_SERVICE_HOST", "10.0.0.1"}, {"REFLEX_L1_CAPACTY", "5"}});
  EXPECT_EQ(Ask(served.port(), "GET", "/healthz").status, 200);
  const std::string& err = served.process().err();
  EXPECT_TRUE(Mentions(err, "REFLEX_L1_CAPACTY is ignored")) << err;
  EXPECT_TRUE(Mentions(err, "orchestrator's description of a service: ")) << err;
  EXPECT_EQ(err.find("REFLEX_SERVICE_HOST"), err.rfind("REFLEX_SERVICE_HOST")) << err;
}

TEST(Serve, ListensOnAUnixSocketAndAnAdminAddress) {
  TempFolder folder;
  const std::string path = (folder / "r.sock").string();
  Served served(folder, {"--server-listen", "unix:" + path, "--server-admin-address", "127.0.0.1:0"});
  EXPECT_EQ(Ask(served.port(), "GET", "/ready").status, 200);
  EXPECT_TRUE(Mentions(served.process().out(), "unix:" + path)) << served.process().out();
  EXPECT_TRUE(Mentions(served.process().out(), "(admin)")) << served.process().out();
  EXPECT_TRUE(std::filesystem::is_socket(path));
}

// The soft limit of the shell is raised to the hard one.
TEST(Serve, RaisesTheDescriptorLimit) {
  TempFolder folder;
  const std::string command = "ulimit -Sn 100; ulimit -Hn 5000; exec \"$0\" serve --port 0 --storage-path \"$1\"";
  Process process({"/bin/sh", "-c", command, REFLEX_PROGRAM, (folder / "data").string()});
  ASSERT_TRUE(process.WaitForOutput(" listens on ")) << process.err();
  const std::string limits = ReadText("/proc/" + std::to_string(process.pid()) + "/limits");
  const std::string line = limits.substr(limits.find("Max open files"), 60);
  // Soft and hard.
  EXPECT_NE(line.find("5000"), std::string::npos) << line;
  EXPECT_NE(line.find("5000"), line.rfind("5000")) << line;
}

// How many threads the program has once it serves.
std::ptrdiff_t ThreadsWith(const std::string& tiers) {
  TempFolder folder;
  Served served(folder, {"--io-threads", "3", "--workers-threads", "2", "--tiers", tiers});
  EXPECT_EQ(Ask(served.port(), "GET", "/healthz").status, 200);
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(served.process().pid()) + "/task");
  return std::distance(begin(tasks), end(tasks));
}

TEST(Serve, StartsNoMoreThreadsThanItNeeds) {
  // Three for connections, two workers, two for names, one store writer, one log writer, the main one; a sanitizer may add one.
  const std::ptrdiff_t exact = ThreadsWith("l1");
  EXPECT_GE(exact, 10);
  EXPECT_LE(exact, 11);
  // Two for look-ups in other words and one behind requests.
  EXPECT_EQ(ThreadsWith("l1,l2,l3"), exact + 3);
}

TEST(Serve, WritesRequestLinesToTheFileWithoutPromptAnswerOrKey) {
  TempFolder folder;
  Provider provider;
  const std::string log = (folder / "requests.log").string();
  Served served(folder, {"--upstream", provider.url(), "--log-file", log});
  EXPECT_EQ(Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
  EXPECT_EQ(Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
  served.process().Signal(SIGTERM);
  EXPECT_EQ(served.process().Wait(), 0);
  const std::string lines = ReadText(log);
  EXPECT_EQ(std::ranges::count(lines, '\n'), 2) << lines;
  EXPECT_TRUE(Mentions(lines, "miss") && Mentions(lines, "hit")) << lines;
  EXPECT_FALSE(Mentions(lines, "What is the answer?") || Mentions(lines, kAnswer) || Mentions(lines, "Bearer")) << lines;
}

TEST(Serve, RequestLinesCanBeOff) {
  TempFolder folder;
  Served served(folder, {"--log-requests", "off"});
  EXPECT_EQ(Ask(served.port(), "GET", "/healthz").status, 200);
  served.process().Signal(SIGTERM);
  EXPECT_EQ(served.process().Wait(), 0);
  EXPECT_FALSE(Mentions(served.process().err(), "/healthz")) << served.process().err();
}

}  // namespace
}  // namespace reflex::test
