// Snapshots through the program: commands with and without a running Reflex, admin calls, and a bucket.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>

#include "server/app/process.h"
#include "server/cloud/fake_clouds.h"

namespace reflex::test {
namespace {

const Process::Environment kPassphrase{{"REFLEX_SNAPSHOT_PASSPHRASE", "correct horse"}};

std::string NameIn(const std::string& json) {
  const std::size_t begin = json.find("reflex-"), end = json.find(".snapshot", begin);
  return begin == std::string::npos || end == std::string::npos ? "" : json.substr(begin, end + 9 - begin);
}

std::string Admin(const TempFolder& folder) { return "Authorization: Bearer " + ReadText(folder / "data/admin.token") + "\r\n"; }

Reply Chat(const Served& served) { return Ask(served.port(), "POST", kChatPath, kChatHeaders, kChatBody); }

// One entry in folder/data, and no Reflex that runs.
void StoreOne(const TempFolder& folder, const Provider& provider) {
  Served served(folder, {"--upstream", provider.url()});
  ASSERT_EQ(Chat(served).status, 200);
  served.process().Signal(15);
  ASSERT_EQ(served.process().Wait(), 0);
}

TEST(SnapshotCommand, WithoutAReflexItOpensTheStoreItself) {
  TempFolder one, two;
  Provider provider;
  StoreOne(one, provider);
  const std::string data = (one / "data").string();
  const Finished saved = RunProgram({"snapshot", "save", "--storage-path", data}, kPassphrase);
  ASSERT_EQ(saved.status, 0) << saved.err;
  EXPECT_TRUE(Mentions(saved.out, "\"entries\":1")) << saved.out;
  const std::string name = NameIn(saved.out), file = data + "/snapshots/" + name;
  EXPECT_TRUE(Mentions(RunProgram({"snapshot", "list", "--storage-path", data}).out, name));
  EXPECT_EQ(RunProgram({"snapshot", "verify", file}).status, 0);

  // Another machine: the file by hand, the secret by the passphrase.
  std::filesystem::create_directories(two / "data/snapshots");
  std::filesystem::copy_file(file, (two / "data/snapshots") / name);
  const std::string target = "file://" + (two / "data/snapshots").string();
  const Finished loaded = RunProgram(
      {"snapshot", "load", name, "--storage-path", (two / "data").string(), "--snapshot-target", target, "--reembed"}, kPassphrase);
  ASSERT_EQ(loaded.status, 0) << loaded.err;
  EXPECT_TRUE(Mentions(loaded.out, "\"entries\":1")) << loaded.out;
  Served served(two, {"--upstream", provider.url()});
  EXPECT_TRUE(Mentions(Chat(served).head, "hit-l1-exact"));
}

TEST(SnapshotCommand, DamagedAndMissingFilesAreSentencesAndStatusOne) {
  TempFolder folder;
  WriteText(folder / "x.snapshot", "this is none");
  const Finished foreign = RunProgram({"snapshot", "verify", (folder / "x.snapshot").string()});
  EXPECT_EQ(foreign.status, 1);
  EXPECT_TRUE(Mentions(foreign.err, "x.snapshot")) << foreign.err;
  EXPECT_EQ(RunProgram({"snapshot", "verify", (folder / "absent").string()}).status, 1);
  EXPECT_EQ(RunProgram({"snapshot", "load", "../etc/passwd", "--storage-path", (folder / "data").string()}).status, 1);
}

TEST(SnapshotCommand, ARunningReflexIsAskedAndOnlyByItsAdmin) {
  TempFolder folder;
  Provider provider;
  Served served(folder, {"--upstream", provider.url()});
  ASSERT_EQ(Chat(served).status, 200);
  EXPECT_EQ(Ask(served.port(), "POST", "/v1/reflex/snapshots").status, 401);
  const Reply saved = Ask(served.port(), "POST", "/v1/reflex/snapshots", Admin(folder), "{}");
  ASSERT_EQ(saved.status, 200) << saved.body;
  EXPECT_TRUE(Mentions(saved.body, "\"entries\":1")) << saved.body;
  EXPECT_TRUE(Mentions(Ask(served.port(), "GET", "/v1/reflex/snapshots", Admin(folder)).body, NameIn(saved.body)));
  const Finished again = RunProgram({"snapshot", "save", "--storage-path", (folder / "data").string()});
  EXPECT_EQ(again.status, 0) << again.err;

  // Loaded while it serves.
  const Reply loaded = Ask(served.port(), "POST", "/v1/reflex/snapshots/load/" + NameIn(saved.body), Admin(folder), "{}");
  EXPECT_EQ(loaded.status, 200) << loaded.body;
  EXPECT_TRUE(Mentions(loaded.body, "\"entries\":1")) << loaded.body;
  EXPECT_TRUE(Mentions(Chat(served).head, "hit-l1-exact"));
  EXPECT_EQ(
      Ask(served.port(), "POST", "/v1/reflex/snapshots/load/reflex-20200101T000000.000Z.snapshot", Admin(folder), "{}").status,
      404);
  const std::string metrics = Ask(served.port(), "GET", "/metrics").body;
  EXPECT_TRUE(Mentions(metrics, "reflex_snapshots_saved_total{outcome=\"ok\"} 2")) << metrics;
  EXPECT_TRUE(Mentions(metrics, "reflex_snapshots_loaded_total{outcome=\"ok\"} 1")) << metrics;
}

class SnapshotBucket : public testing::Test {
 protected:
  std::vector<std::string> Settings(std::vector<std::string> more) {
    std::vector<std::string> all{"--upstream", provider_.url(), "--snapshot-target", "s3://bkt/p", "--cloud-endpoint", s3_.url(),
                                 "--cloud-retries-max", "0", "--snapshot-on-stop", "false",
                                 // /ready is asked without a pause: its log lines would fill the pipe that nobody reads meanwhile.
                                 "--log-requests", "false"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Process::Environment Keys(bool passphrase = true) const {
    Process::Environment keys{{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
    if (passphrase) keys.insert(*kPassphrase.begin());
    return keys;
  }
  std::size_t Uploaded() { return s3_.objects().size(); }

  FakeS3 s3_;
  Provider provider_;
};

TEST_F(SnapshotBucket, TakesTheNewestOnesAndFillsAnotherMachine) {
  TempFolder one, two;
  {
    Served served(one, Settings({"--snapshot-keep", "2"}), Keys());
    while (Ask(served.port(), "GET", "/ready").status == 503) {
    }
    ASSERT_EQ(Chat(served).status, 200);
    for (int i = 0; i < 4; ++i) {
      const Reply saved = Ask(served.port(), "POST", "/v1/reflex/snapshots", Admin(one), "{}");
      ASSERT_EQ(saved.status, 200) << saved.body;
    }
    EXPECT_EQ(Uploaded(), 2u);
  }
  Served served(two, Settings({}), Keys());
  while (Ask(served.port(), "GET", "/ready").status == 503) {
  }
  EXPECT_TRUE(Mentions(Chat(served).head, "hit-l1-exact")) << served.process().err();
}

TEST_F(SnapshotBucket, AnUploadThatFailsIsSaidCountedAndTriedAgain) {
  TempFolder folder;
  Served served(folder, Settings({"--snapshot-hydrate", "never"}), Keys());
  s3_.http().Plant("PUT", ".snapshot", {.status = 503});
  const Reply failed = Ask(served.port(), "POST", "/v1/reflex/snapshots", Admin(folder), "{}");
  EXPECT_EQ(failed.status, 503) << failed.body;
  EXPECT_EQ(Uploaded(), 0u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "data/snapshots"), {}), 1) << "the local one stays";
  EXPECT_TRUE(Mentions(Ask(served.port(), "GET", "/metrics").body, "reflex_snapshots_saved_total{outcome=\"failed\"} 1"));
  EXPECT_EQ(Ask(served.port(), "POST", "/v1/reflex/snapshots", Admin(folder), "{}").status, 200);
  EXPECT_EQ(Uploaded(), 1u);
}

TEST_F(SnapshotBucket, OneThatSomebodyAskedForDoesNotHoldUpTheEnd) {
  TempFolder folder;
  Served served(folder, Settings({"--snapshot-hydrate", "never", "--cloud-stall-timeout", "1h"}), Keys());
  s3_.http().Plant("PUT", ".snapshot", {.silent = true});
  const Request running(served.port(), "POST", "/v1/reflex/snapshots", Admin(folder), "{}");
  while (s3_.http().Count("PUT", ".snapshot") == 0) std::this_thread::yield();
  served.process().Signal(SIGTERM);
  EXPECT_EQ(served.process().Wait(), 0) << served.process().err();
}

// Restarted, too, it holds next to nothing: saved, that would be the newest snapshot and in time the only one.
TEST_F(SnapshotBucket, AfterARestoreThatFailedNothingIsSavedButByHand) {
  TempFolder folder;
  std::vector<std::string> settings = Settings({});
  *std::next(std::ranges::find(settings, "--snapshot-on-stop")) = "true";
  const auto stop = [](Served& served) {
    served.process().Signal(SIGTERM);
    EXPECT_EQ(served.process().Wait(), 0);
  };
  {
    // The first is for the secret, the second for the cache.
    s3_.http().Plant("GET", "list-type", {.status = 503});
    s3_.http().Plant("GET", "list-type", {.status = 503});
    Served served(folder, settings, Keys());
    while (Ask(served.port(), "GET", "/ready").status == 503) std::this_thread::yield();
    ASSERT_EQ(Chat(served).status, 200);
    stop(served);
    EXPECT_TRUE(Mentions(served.process().err(), "snapshot held=true")) << served.process().err();
  }
  EXPECT_EQ(Uploaded(), 0u);
  Served served(folder, settings, Keys());
  while (Ask(served.port(), "GET", "/ready").status == 503) std::this_thread::yield();
  ASSERT_EQ(Ask(served.port(), "POST", "/v1/reflex/snapshots", Admin(folder), "{}").status, 200);
  EXPECT_EQ(Uploaded(), 1u);
  stop(served);
  EXPECT_EQ(Uploaded(), 2u);
}

TEST_F(SnapshotBucket, WithoutAPassphraseNothingLeavesTheMachine) {
  TempFolder folder;
  Served served(folder, Settings({"--snapshot-hydrate", "never"}), Keys(false));
  const Reply refused = Ask(served.port(), "POST", "/v1/reflex/snapshots", Admin(folder), "{}");
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_TRUE(Mentions(refused.body, "snapshot.passphrase")) << refused.body;
  EXPECT_EQ(Uploaded(), 0u);
}

}  // namespace
}  // namespace reflex::test
