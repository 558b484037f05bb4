// The storage folder as the program leaves and finds it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "server/app/process.h"

namespace reflex::test {
namespace {

mode_t ModeOf(const std::filesystem::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(Storage, OnlyTheOwnerMayLookInside) {
  TempFolder folder;
  Served served(folder);
  // The store removes its mark behind; a file that goes while the folder is listed has no mode.
  ASSERT_TRUE(Eventually(
      [&] { return std::filesystem::exists(folder / "data/data.mdb") && !std::filesystem::exists(folder / "data/opening"); }));
  EXPECT_EQ(ModeOf(folder / "data"), 0700u);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "data")) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(ModeOf(entry.path()), 0600u) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 4);
  EXPECT_EQ(std::filesystem::file_size(folder / "data/tenant.key"), 32u);
  EXPECT_EQ(std::filesystem::file_size(folder / "data/admin.token"), 64u);
}

TEST(Storage, SecretsOutliveARestart) {
  TempFolder folder;
  std::string key, token;
  for (int start = 0; start < 2; ++start) {
    Served served(folder);
    served.process().Signal(SIGTERM);
    EXPECT_EQ(served.process().Wait(), 0);
    if (start == 0) key = ReadText(folder / "data/tenant.key");
    if (start == 0) token = ReadText(folder / "data/admin.token");
  }
  EXPECT_EQ(ReadText(folder / "data/tenant.key"), key);
  EXPECT_EQ(ReadText(folder / "data/admin.token"), token);
}

TEST(Storage, ASecondReflexOnTheSameStoreDoesNotStart) {
  TempFolder folder;
  Served served(folder);
  const Finished second = RunProgram({"serve", "--port", "0", "--storage-path", (folder / "data").string()});
  EXPECT_EQ(second.status, 1);
  EXPECT_TRUE(Mentions(second.err, (folder / "data").string())) << second.err;
  EXPECT_EQ(second.out, "");
  EXPECT_EQ(Ask(served.port(), "GET", "/healthz").status, 200);
}

TEST(Storage, ADamagedTenantKeyStopsTheStart) {
  TempFolder folder;
  std::filesystem::create_directory(folder / "data");
  WriteText(folder / "data/tenant.key", "too short");
  const Finished finished = RunProgram({"serve", "--port", "0", "--storage-path", (folder / "data").string()});
  EXPECT_EQ(finished.status, 2);
  EXPECT_TRUE(Mentions(finished.err, "tenant.key")) << finished.err;
}

TEST(Storage, AFolderThatCannotBeMadeLeavesAProxyThatSaysSo) {
  TempFolder folder;
  Provider provider;
  WriteText(folder / "file", "x");
  Process process({"serve", "--port", "0", "--upstream", provider.url(), "--storage-path", (folder / "file/data").string()});
  ASSERT_TRUE(process.WaitForOutput(" listens on ")) << process.err();
  EXPECT_TRUE(Mentions(process.out(), "stores nothing (")) << process.out();
  const int port = std::atoi(process.out().c_str() + process.out().find("127.0.0.1:") + 10);
  EXPECT_EQ(Ask(port, "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
  // The memory tier still answers.
  EXPECT_TRUE(Mentions(Ask(port, "POST", kChatPath, kChatHeaders, kChatBody).head, "hit-l1-exact"));
  const Reply ready = Ask(port, "GET", "/ready");
  EXPECT_EQ(ready.status, 200);
  EXPECT_TRUE(Mentions(ready.body, "degraded")) << ready.body;
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0) << process.err();
}

}  // namespace
}  // namespace reflex::test
