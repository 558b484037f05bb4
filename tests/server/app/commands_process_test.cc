// The commands that look at a Reflex, running and stopped.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "server/app/process.h"

namespace reflex::test {
namespace {

// The value of a header field in a reply's head.
std::string FieldIn(const std::string& head, const std::string& name) {
  const std::size_t at = head.find(name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 2;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

class Commands : public testing::Test {
 protected:
  Finished RunHere(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--storage-path", (folder_ / "data").string(), "--port", "1"});
    return RunProgram(std::move(arguments));
  }
  // One stored answer. Returns the reply's head when it is asked for again.
  std::string StoreOne(int port) {
    EXPECT_EQ(Ask(port, "POST", kChatPath, kChatHeaders, kChatBody).status, 200);
    return AskAgain(port);
  }
  std::string AskAgain(int port) { return Ask(port, "POST", kChatPath, kChatHeaders, kChatBody).head; }
  static void Stop(Served& served) {
    served.process().Signal(SIGTERM);
    EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
  }

  TempFolder folder_;
  Provider provider_;
};

TEST_F(Commands, HelpAndVersionNeedNoSettings) {
  const Finished help = RunProgram({"--help"}, {{"REFLEX_PORT", "bad"}});
  EXPECT_EQ(help.status, 0);
  EXPECT_TRUE(Mentions(help.out, "Usage:") && Mentions(help.out, "Examples:") && Mentions(help.out, "--storage-path"));
  const Finished version = RunProgram({"version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_TRUE(version.out.starts_with("reflex ")) << version.out;
  EXPECT_NE(version.out.find_first_of("0123456789"), std::string::npos);
}

TEST_F(Commands, ConfigShowsValuesAndSourcesAndHidesSecrets) {
  const Finished config =
      RunProgram({"config", "--memory-bytes", "1GiB"}, {{"REFLEX_UPSTREAM_KEY", "sk-very-secret"}, {"REFLEX_L1_CAPACITY", "7"}});
  EXPECT_EQ(config.status, 0);
  EXPECT_TRUE(Mentions(config.out, "memory.bytes = \"1GiB\"")) << config.out;
  EXPECT_TRUE(Mentions(config.out, "# flag --memory-bytes"));
  EXPECT_TRUE(Mentions(config.out, "# environment REFLEX_L1_CAPACITY"));
  EXPECT_TRUE(Mentions(config.out, "upstream.key = \"[secret]\""));
  EXPECT_TRUE(Mentions(config.out, "# default"));
  EXPECT_FALSE(Mentions(config.out + config.err, "sk-very"));
}

TEST_F(Commands, HealthTellsASupervisor) {
  Served served(folder_);
  const Finished by_folder = RunHere({"health"});
  EXPECT_EQ(by_folder.status, 0) << by_folder.err;
  EXPECT_TRUE(Mentions(by_folder.out, "healthy"));
  EXPECT_EQ(RunProgram({"health", "--url", served.url()}).status, 0);
  EXPECT_EQ(RunProgram({"health", "--port", std::to_string(served.port())}, {{"REFLEX_STORAGE_PATH", "/nowhere"}}).status, 0);
  Stop(served);
  const Finished stopped = RunHere({"health"});
  EXPECT_EQ(stopped.status, 1);
  EXPECT_TRUE(Mentions(stopped.err, "unhealthy")) << stopped.err;
  const Finished gone = RunProgram({"health", "--url", served.url()});
  EXPECT_EQ(gone.status, 1);
  EXPECT_TRUE(Mentions(gone.err, "cannot connect to Reflex")) << gone.err;
  EXPECT_EQ(RunProgram({"health", "--url", "nonsense"}).status, 1);
}

TEST_F(Commands, StatsAsksTheRunningOneAndOpensTheStoreOfAStoppedOne) {
  Served served(folder_, {"--upstream", provider_.url()});
  StoreOne(served.port());
  // A request is counted after its reply has left.
  Finished running;
  EXPECT_TRUE(Eventually([&] {
    running = RunHere({"stats"});
    return running.status != 0 || Mentions(running.out, "\"hit-l1-exact\":1");
  })) << running.out;
  EXPECT_EQ(running.status, 0) << running.err;
  Stop(served);
  const Finished stopped = RunHere({"stats"});
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  EXPECT_TRUE(Mentions(stopped.out, "\"running\":false")) << stopped.out;
  EXPECT_TRUE(Mentions(stopped.out, "\"entries\":1")) << stopped.out;
}

TEST_F(Commands, PurgeOfTheRunningOneRemovesEverywhere) {
  Served served(folder_, {"--upstream", provider_.url()});
  EXPECT_TRUE(Mentions(StoreOne(served.port()), "hit-l1-exact"));
  const Finished other = RunHere({"purge", "--model", "other"});
  EXPECT_EQ(other.status, 0) << other.err;
  EXPECT_TRUE(Mentions(AskAgain(served.port()), "hit-l1-exact"));
  const Finished all = RunHere({"purge", "--all"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_TRUE(Mentions(AskAgain(served.port()), "X-Reflex-Status: miss"));
}

TEST_F(Commands, PurgeOfAStoppedOneOpensTheStoreItself) {
  {
    Served served(folder_, {"--upstream", provider_.url()});
    StoreOne(served.port());
    Stop(served);
  }
  const Finished counted = RunHere({"purge", "--model", "m", "--dry-run"});
  EXPECT_EQ(counted.status, 0) << counted.err;
  EXPECT_TRUE(Mentions(counted.out, "{\"entries\":1,")) << counted.out;
  EXPECT_TRUE(Mentions(RunHere({"purge", "--older-than", "1h"}).out, "{\"entries\":0,"));
  EXPECT_TRUE(Mentions(RunHere({"purge", "--tag", "t"}).out, "{\"entries\":0,"));
  EXPECT_TRUE(Mentions(RunHere({"purge", "--namespace", "n"}).out, "{\"entries\":0,"));
  EXPECT_TRUE(Mentions(RunHere({"purge", "--model", "m", "--namespace", ""}).out, "{\"entries\":1,"));
  Served again(folder_, {"--upstream", provider_.url()});
  EXPECT_TRUE(Mentions(AskAgain(again.port()), "X-Reflex-Status: miss"));
}

TEST_F(Commands, EntriesDeleteRemovesOneAnswer) {
  std::string key;
  {
    Served served(folder_, {"--upstream", provider_.url()});
    key = FieldIn(StoreOne(served.port()), "X-Reflex-Entry");
    ASSERT_EQ(key.size(), 64u);
    EXPECT_TRUE(Mentions(RunHere({"purge", "--entry", key, "--dry-run"}).out, "{\"entries\":1,"));
    EXPECT_TRUE(Mentions(AskAgain(served.port()), "hit-l1-exact"));
    EXPECT_EQ(RunHere({"entries", "delete", key}).status, 0);
    EXPECT_TRUE(Mentions(AskAgain(served.port()), "X-Reflex-Status: miss"));
    EXPECT_TRUE(Mentions(AskAgain(served.port()), "hit-l1-exact"));
    Stop(served);
  }
  EXPECT_TRUE(Mentions(RunHere({"purge", "--entry", key, "--dry-run"}).out, "{\"entries\":1,"));
  const Finished stopped = RunHere({"entries", "delete", key});
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  EXPECT_TRUE(Mentions(stopped.out, key)) << stopped.out;
  Served again(folder_, {"--upstream", provider_.url()});
  EXPECT_TRUE(Mentions(AskAgain(again.port()), "X-Reflex-Status: miss"));
}

TEST_F(Commands, AStoreThatIsNotThereIsNotMade) {
  const Finished stats = RunHere({"stats"});
  EXPECT_EQ(stats.status, 1);
  EXPECT_TRUE(Mentions(stats.err, "no storage folder")) << stats.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data"));
}

TEST_F(Commands, AnAddressLeftByAKilledOneDoesNotMislead) {
  {
    Served served(folder_, {"--upstream", provider_.url()});
    StoreOne(served.port());
    Stop(served);
  }
  WriteText(folder_ / "data/address", "http://127.0.0.1:1\n");
  const Finished stats = RunHere({"stats"});
  EXPECT_EQ(stats.status, 0) << stats.err;
  EXPECT_TRUE(Mentions(stats.out, "\"running\":false")) << stats.out;
}

TEST_F(Commands, ARunningOneThatCannotBeFoundIsSaid) {
  Served served(folder_);
  WriteText(folder_ / "data/address", "http://127.0.0.1:1\n");
  const Finished stats = RunHere({"stats"});
  EXPECT_EQ(stats.status, 1);
  EXPECT_TRUE(Mentions(stats.err, "--url")) << stats.err;
  const Finished told = RunHere({"stats", "--url", served.url()});
  EXPECT_EQ(told.status, 0) << told.err;
}

}  // namespace
}  // namespace reflex::test
