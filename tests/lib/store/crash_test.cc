// kill -9 under load: what a commit has confirmed is there at the next start, and nothing is wrong. REFLEX_KILL_ROUNDS sets how
// often (default 10).
#include <signal.h>
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

namespace reflex::store {
namespace {

using namespace std::chrono_literals;

std::size_t SizeOf(std::uint64_t number) { return number * 7919 % 6'000; }

LmdbOptions OptionsFor(const std::filesystem::path& path) {
  LmdbOptions options;
  options.path = path;
  options.limit_bytes = 4ull << 30;  // Nothing is to be evicted.
  options.commit_interval = 10ms;
  options.check_wait = 20s;
  return options;
}

// The process that is killed: stores numbers from `first` on and tells through the pipe up to which one all are committed.
[[noreturn]] void StoreUntilKilled(const std::filesystem::path& path, std::uint64_t first, int pipe) {
  ManualClock clock;
  NullLogger logger;
  auto store = LmdbStore::Open(OptionsFor(path), clock, logger);
  if (!store) _exit(2);
  for (std::uint64_t number = first;; ++number) {
    if (!(*store)->Put(MakeEntry(number, SizeOf(number)))) --number;
    if (number % 16 == 0 && (*store)->Flush(10s)) {
      if (::write(pipe, &number, sizeof number) != sizeof number) _exit(3);
    }
  }
}

TEST(Crash, KillUnderLoadLosesNothingCommittedAndInventsNothing) {
  const char* wanted = std::getenv("REFLEX_KILL_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 10;
  TempFolder folder;
  const auto path = folder.path() / "store";
  std::mt19937_64 random{7};
  std::uint64_t first = 1, total = 0;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      StoreUntilKilled(path, first, ends[1]);
    }
    ::close(ends[1]);
    std::uint64_t committed = 0;
    // Let it commit at least once, then strike at any moment of its work.
    ASSERT_EQ(::read(ends[0], &committed, sizeof committed), static_cast<ssize_t>(sizeof committed));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    for (std::uint64_t number; ::read(ends[0], &number, sizeof number) == sizeof number;) committed = number;
    ::close(ends[0]);

    ManualClock clock;
    KeepingLogger logger;
    auto store = LmdbStore::Open(OptionsFor(path), clock, logger);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_FALSE(logger.Saw("store_set_aside"));
    const auto check = [&](std::uint64_t number) {
      const auto found = (*store)->Find(KeyOf(number));
      ASSERT_TRUE(found);
      if (number <= committed) {
        ASSERT_NE(*found, nullptr) << "round " << round << " number " << number << " of " << committed;
      }
      if (*found != nullptr) {
        EXPECT_EQ(**found, *MakeEntry(number, SizeOf(number)));
      }
    };
    for (std::uint64_t number = first; number <= committed + 2'000; ++number) check(number);
    for (int i = 0; i < 100; ++i) check(1 + random() % committed);
    EXPECT_EQ((*store)->Stats().corrupt_values, 0u);
    total = committed;
    // What came after the last confirmed commit may exist in part: begin beyond it, so that every number is judged once.
    first = committed + 2'001;
    for (std::uint64_t number = committed + 1; number < first; ++number)
      ASSERT_TRUE((*store)->Put(MakeEntry(number, SizeOf(number))));
    ASSERT_TRUE((*store)->Flush(20s));
  }
  std::printf("%llu entries over %d kills\n", static_cast<unsigned long long>(total), rounds);
}

}  // namespace
}  // namespace reflex::store
