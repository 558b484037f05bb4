// kill -9 during saves and loads: the store is whole each time, and no half snapshot has its final name. REFLEX_KILL_ROUNDS sets
// how often (default 50).
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"
#include "store/snapshot_file.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kSavedEntries = 300;

LmdbOptions SnapshotOptions(const std::filesystem::path& path) {
  LmdbOptions options;
  options.path = path;
  options.limit_bytes = 256u << 20;
  options.commit_interval = std::chrono::milliseconds(5);
  options.check_wait = std::chrono::seconds(20);
  return options;
}

// The process that is killed: says so after its first save, then saves and loads on and on.
[[noreturn]] void SaveAndLoadUntilKilled(const std::filesystem::path& folder, int pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ManualClock clock;
  NullLogger logger;
  auto store = LmdbStore::Open(SnapshotOptions(folder / "store"), clock, logger);
  if (!store) _exit(2);
  for (bool told = false;;) {
    SnapshotSaving saving;
    saving.file = folder / "one.snapshot";
    if (!(*store)->SaveSnapshot(saving)) _exit(3);
    if (!std::exchange(told, true) && ::write(pipe, "x", 1) != 1) _exit(4);
    if (!(*store)->LoadSnapshot({.file = saving.file, .keep_vector = {}, .progress = {}})) _exit(5);
  }
}

void ExpectWhole(const std::filesystem::path& folder) {
  const auto info = VerifySnapshot(folder / "one.snapshot", {});
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->entries, kSavedEntries);
  ManualClock clock;
  KeepingLogger logger;
  auto store = LmdbStore::Open(SnapshotOptions(folder / "store"), clock, logger);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_FALSE(logger.Saw("store_set_aside"));
  EXPECT_FALSE(std::filesystem::exists(folder / "store" / "loading"));
  for (std::uint64_t i = 0; i < kSavedEntries; ++i) {
    const auto entry = (*store)->Find(KeyOf(i));
    ASSERT_TRUE(entry && *entry) << i;
    ASSERT_EQ(**entry, *MakeEntry(i, i * 37 % 4000)) << i;
  }
}

TEST(SnapshotCrash, KilledDuringSavesAndLoadsTheStoreAndTheSnapshotAreWhole) {
  const char* wanted = std::getenv("REFLEX_KILL_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 50;
  TempFolder folder;
  {
    ManualClock clock;
    NullLogger logger;
    auto store = LmdbStore::Open(SnapshotOptions(folder.path() / "store"), clock, logger);
    ASSERT_TRUE(store);
    for (std::uint64_t i = 0; i < kSavedEntries; ++i) ASSERT_TRUE((*store)->Put(MakeEntry(i, i * 37 % 4000)));
  }
  std::mt19937_64 random{11};
  for (int round = 0; round < rounds && !testing::Test::HasFailure(); ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      SaveAndLoadUntilKilled(folder.path(), ends[1]);
    }
    ::close(ends[1]);
    char told = 0;
    ASSERT_EQ(::read(ends[0], &told, 1), 1);
    // At any moment of its work.
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 80'000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(ends[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself with " << WEXITSTATUS(status);
    ExpectWhole(folder.path());
  }
}

}  // namespace
}  // namespace reflex::store
