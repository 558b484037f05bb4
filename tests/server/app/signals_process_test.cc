// What signals do to the running program.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "base/digest.h"
#include "server/app/process.h"

namespace reflex::test {
namespace {

using Steady = std::chrono::steady_clock;

// Waits until nothing listens on the port any more.
void WaitUntilClosed(int port) {
  ASSERT_TRUE(Eventually([&] { return !Request(port, "GET", "/healthz").connected(); })) << "still listening";
}

TEST(Signals, EitherTermOrIntEndsWithStatusZero) {
  for (const int signal : {SIGTERM, SIGINT}) {
    TempFolder folder;
    Served served(folder);
    EXPECT_TRUE(std::filesystem::exists(folder / "data/address"));
    served.process().Signal(signal);
    EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
    EXPECT_FALSE(std::filesystem::exists(folder / "data/address"));
  }
}

TEST(Signals, TermStopsAcceptingAndFinishesWhatRuns) {
  TempFolder folder;
  Provider provider(/*held=*/true);
  Served served(folder, {"--upstream", provider.url()});
  Request running(served.port(), "POST", kChatPath, kChatHeaders, kChatBody);
  provider.WaitForRequests(1);
  served.process().Signal(SIGTERM);
  WaitUntilClosed(served.port());
  provider.Release();
  const Reply reply = running.Read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(Mentions(reply.body, kAnswer)) << reply.body;
  EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
}

TEST(Signals, TermCommitsSoThatARestartAnswersFromTheStore) {
  TempFolder folder;
  Provider provider;
  {
    Served served(folder, {"--upstream", provider.url(), "--storage-commit-interval", "60s"});
    EXPECT_EQ(Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
    served.process().Signal(SIGTERM);
    EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
  }
  Served again(folder, {"--upstream", provider.url()});
  const Reply reply = Ask(again.port(), "POST", kChatPath, kChatHeaders, kChatBody);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(Mentions(reply.head, "hit-l1-exact")) << reply.head;
  EXPECT_EQ(provider.requests(), 1);
}

TEST(Signals, WhatOutlastsTheDrainLimitIsCut) {
  TempFolder folder;
  Provider provider(/*held=*/true);
  Served served(folder, {"--upstream", provider.url(), "--server-drain-timeout", "100ms"});
  Request running(served.port(), "POST", kChatPath, kChatHeaders, kChatBody);
  provider.WaitForRequests(1);
  served.process().Signal(SIGTERM);
  EXPECT_EQ(running.Read().status, 0);
  EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
}

// The call belongs to no caller any more; the end of the program drops it with all that it uses.
TEST(Signals, AnAbandonedCallThatOutlastsTheDrainIsDropped) {
  TempFolder folder;
  Provider provider(/*held=*/true);
  Served served(folder, {"--upstream", provider.url(), "--cache-finish-abandoned", "--server-drain-timeout", "100ms"});
  {
    const Request leaver(served.port(), "POST", kChatPath, kChatHeaders, kChatBody);
    provider.WaitForRequests(1);
  }
  served.process().Signal(SIGTERM);
  EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
}

TEST(Signals, TermFinishesAnAbandonedCallForTheStore) {
  TempFolder folder;
  Provider provider(/*held=*/true);
  {
    Served served(folder, {"--upstream", provider.url(), "--cache-finish-abandoned"});
    {
      const Request leaver(served.port(), "POST", kChatPath, kChatHeaders, kChatBody);
      provider.WaitForRequests(1);
    }
    served.process().Signal(SIGTERM);
    WaitUntilClosed(served.port());
    provider.Release();
    EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
  }
  Served again(folder, {"--upstream", provider.url()});
  EXPECT_TRUE(Mentions(Ask(again.port(), "POST", kChatPath, kChatHeaders, kChatBody).head, "hit-l1-exact"));
}

TEST(Signals, ASecondOneCommitsAndEndsAtOnceWithStatusOne) {
  TempFolder folder;
  Provider provider;
  Provider slow(/*held=*/true);
  {
    Served served(folder, {"--upstream", provider.url(), "--anthropic-upstream", slow.url(), "--storage-commit-interval", "60s"});
    EXPECT_EQ(Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
    Request running(served.port(), "POST", "/v1/messages", kChatHeaders, kChatBody);
    slow.WaitForRequests(1);
    served.process().Signal(SIGTERM);
    WaitUntilClosed(served.port());
    const Steady::time_point before = Steady::now();
    served.process().Signal(SIGTERM);
    EXPECT_EQ(served.process().Wait(), 1) << served.process().err();
    // At most a second for the commit; the rest is a loaded machine's. The drain limit alone is 30 s.
    EXPECT_LT(Steady::now() - before, std::chrono::seconds(10));
  }
  Served again(folder, {"--upstream", provider.url()});
  EXPECT_TRUE(Mentions(Ask(again.port(), "POST", kChatPath, kChatHeaders, kChatBody).head, "hit-l1-exact"));
}

TEST(Signals, HangupReadsClientKeysAgain) {
  TempFolder folder;
  Provider provider;
  const auto keys = folder / "keys";
  WriteText(keys, base::ToHex(base::HashBytes("old")) + "\n");
  Served served(folder, {"--upstream", provider.url(), "--client-keys-file", keys.string()});
  const auto status_with = [&](const char* token) {
    return Ask(served.port(), "POST", kChatPath, "Authorization: Bearer " + std::string(token) + "\r\n", kChatBody).status;
  };
  EXPECT_EQ(status_with("old"), 200);
  EXPECT_EQ(status_with("new"), 401);

  WriteText(keys, base::ToHex(base::HashBytes("new")) + "\n");
  served.process().Signal(SIGHUP);
  ASSERT_TRUE(served.process().WaitForOutput("reload what=client-keys"));
  EXPECT_EQ(status_with("old"), 401);
  EXPECT_EQ(status_with("new"), 200);

  // A file that cannot be read keeps the keys that hold.
  WriteText(keys, "nonsense\n");
  served.process().Signal(SIGHUP);
  ASSERT_TRUE(served.process().WaitForOutput("kept=old"));
  EXPECT_EQ(status_with("new"), 200);
}

TEST(Signals, HangupOpensTheRequestLogAgain) {
  TempFolder folder;
  const auto log = folder / "requests.log";
  Served served(folder, {"--log-file", log.string()});
  EXPECT_EQ(Ask(served.port(), "GET", "/healthz").status, 200);
  std::filesystem::rename(log, folder / "old.log");
  served.process().Signal(SIGHUP);
  ASSERT_TRUE(served.process().WaitForOutput("reload what=request-log"));
  EXPECT_EQ(Ask(served.port(), "GET", "/ready").status, 200);
  served.process().Signal(SIGTERM);
  EXPECT_EQ(served.process().Wait(), 0);
  EXPECT_TRUE(Mentions(ReadText(log), "/ready"));
}

TEST(Signals, AClosedPipeDoesNotEndTheProgram) {
  TempFolder folder;
  Served served(folder);
  const std::string status = ReadText("/proc/" + std::to_string(served.process().pid()) + "/status");
  const std::size_t at = status.find("SigIgn:");
  ASSERT_NE(at, std::string::npos);
  const unsigned long long ignored = std::stoull(status.substr(at + 7), nullptr, 16);
  EXPECT_NE(ignored & (1ull << (SIGPIPE - 1)), 0u);
}

}  // namespace
}  // namespace reflex::test
