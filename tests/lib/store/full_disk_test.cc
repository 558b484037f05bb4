#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"

namespace reflex::store {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kHeld = 7'777;

class FullDisk : public ::testing::Test {
 protected:
  FullDisk() {
    options_.path = folder_.path() / "disk" / "store";
    options_.limit_bytes = 256 << 20;
    options_.commit_interval = 1ms;
  }
  void Open() {
    auto opened = LmdbStore::Open(options_, clock_, logger_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  bool Found(std::uint64_t number) {
    const auto found = store_->Find(KeyOf(number));
    EXPECT_TRUE(found);
    return found && *found != nullptr && **found == *MakeEntry(number, 20'000);
  }
  // Puts until a commit fails; returns the number that failed.
  std::uint64_t FillUp(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t i = first; i < first + count; ++i) {
      if (!store_->Put(MakeEntry(i, 20'000)) || !store_->Flush(20s)) return i;
    }
    return first + count;
  }
  bool Gone(std::uint64_t number) {
    const auto found = store_->Find(KeyOf(number));
    EXPECT_TRUE(found);
    return found && *found == nullptr;
  }
  // What Together needs.
  void PutHeld() {
    Entry entry = *MakeEntry(kHeld, 100);
    entry.scope = entry.canonical = KeyOf(kHeld + 1);
    ASSERT_TRUE(store_->Put(std::make_shared<Entry>(std::move(entry))));
  }
  // The store's thread finds all that `ask` queues at once: it is held meanwhile, in the call for an entry that is gone.
  void Together(const std::function<void()>& ask) {
    const auto held = std::make_shared<std::promise<void>>();
    std::promise<void> go;
    store_->SetOnRemoved([held, gone = go.get_future().share()](const Digest&, const Digest&) {
      held->set_value();
      gone.wait();
    });
    ASSERT_TRUE(store_->Erase(KeyOf(kHeld)));
    const bool is_held = held->get_future().wait_for(20s) == std::future_status::ready;
    store_->SetOnRemoved({});
    if (is_held) ask();
    go.set_value();
    ASSERT_TRUE(is_held);
  }
  // Waits until large puts were let go of, written or not.
  bool PutsAreDone() {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (store_->Stats().queue_bytes > 50'000) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
  LmdbOptions options_;
  std::unique_ptr<LmdbStore> store_;
};

// The operating system refuses to let the file grow, as a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_F(FullDisk, AFailedWriteRefusesPutsKeepsReadingAndEndsBySpace) {
  Open();
  std::uint64_t failed = 0;
  {
    const FileSizeLimit limit(4 << 20);
    failed = FillUp(0, 1'000);
    ASSERT_LT(failed, 1'000u);
    ASSERT_GT(failed, 50u);
    for (std::uint64_t i = 0; i < failed; ++i) ASSERT_TRUE(Found(i)) << i;
    EXPECT_NE(store_->Health().degraded, "");
    EXPECT_GT(store_->Stats().write_errors, 0u);
    const auto refused = store_->Put(MakeEntry(5'000, 20'000));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kFull);
    EXPECT_FALSE(Found(5'000));
    // What was erased stays erased even though it cannot be written down yet.
    ASSERT_TRUE(store_->Erase(KeyOf(3)));
    EXPECT_FALSE(Found(3));
  }
  clock_.AdvanceMs(2'000);
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!store_->Put(MakeEntry(6'000, 20'000))) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(5ms);
  }
  ASSERT_TRUE(store_->Flush(20s));
  EXPECT_TRUE(Found(6'000));
  EXPECT_FALSE(Found(3));
  EXPECT_EQ(store_->Health().degraded, "");
  store_.reset();
  Open();
  EXPECT_TRUE(Found(6'000));
  EXPECT_FALSE(Found(3));
  for (std::uint64_t i = 4; i < failed; ++i) ASSERT_TRUE(Found(i)) << i;
}

// Less than a page that is not a meta page: every commit fails.
constexpr rlim_t kNoWrites = 4096;

TEST_F(FullDisk, WhatWasErasedStaysSoWhenALaterPutOfItIsGivenUp) {
  Open();
  PutHeld();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 20'000)));
  ASSERT_TRUE(store_->PutNote("note", "old"));
  ASSERT_TRUE(store_->Flush(20s));
  std::optional<FileSizeLimit> limit;
  Together([&] {
    limit.emplace(kNoWrites);
    ASSERT_TRUE(store_->Erase(KeyOf(1)));
    ASSERT_TRUE(store_->Put(MakeEntry(1, 200'000, 1)));
    ASSERT_TRUE(store_->Erase(KeyOf(1)));
    ASSERT_TRUE(store_->Put(MakeEntry(1, 200'000, 2)));
    ASSERT_TRUE(store_->EraseNote("note"));
    ASSERT_TRUE(store_->PutNote("note", "new"));
  });
  ASSERT_TRUE(PutsAreDone());
  EXPECT_EQ(store_->Stats().write_errors, 1u);
  EXPECT_TRUE(Gone(1));
  const auto note = store_->FindNote("note");
  ASSERT_FALSE(note);
  EXPECT_EQ(note.error().code, ErrorCode::kNotFound);
  limit.reset();
  // A new operation is the next try.
  ASSERT_TRUE(store_->Erase(KeyOf(2)));
  ASSERT_TRUE(store_->Flush(20s));
  EXPECT_TRUE(Gone(1));
  EXPECT_FALSE(store_->FindNote("note"));
  // The erasures hide nothing that comes after them.
  ASSERT_TRUE(store_->Put(MakeEntry(1, 20'000)));
  ASSERT_TRUE(store_->PutNote("note", "newest"));
  ASSERT_TRUE(store_->Flush(20s));
  EXPECT_TRUE(Found(1));
  EXPECT_EQ(store_->FindNote("note").value_or(""), "newest");
}

TEST_F(FullDisk, WhatWasErasedStaysSoWhenALaterPutOfItFailsInTheNextCommit) {
  options_.limit_bytes = 8 << 20;  // A commit takes 256 KiB of the queue, and what exceeds them.
  Open();
  PutHeld();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 20'000)));
  ASSERT_TRUE(store_->Flush(20s));
  std::optional<FileSizeLimit> limit;
  Together([&] {
    limit.emplace(std::filesystem::file_size(options_.path / "data.mdb") + 700'000);
    ASSERT_TRUE(store_->Erase(KeyOf(1)));
    ASSERT_TRUE(store_->Put(MakeEntry(2, 300'000)));
    ASSERT_TRUE(store_->Put(MakeEntry(1, 900'000, 1)));
  });
  (void)store_->Flush(20s);
  EXPECT_EQ(store_->Stats().write_errors, 1u);
  EXPECT_FALSE(Gone(2));
  EXPECT_TRUE(Gone(1));
  limit.reset();
  store_.reset();
  Open();
  EXPECT_FALSE(Gone(2));
  EXPECT_TRUE(Gone(1));
}

// A reader keeps all pages in use, so that the Put is dropped by a commit that succeeds.
TEST_F(FullDisk, WhatWasErasedStaysSoWhenALaterPutOfItFindsNoRoom) {
  options_.limit_bytes = 4 << 20;
  Open();
  // Older, for eviction.
  for (std::uint64_t i = 100; i < 250; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 20'000)));
  ASSERT_TRUE(store_->Put(MakeEntry(1, 20'000)));
  ASSERT_TRUE(store_->PutVector(KeyOf(1), "vector"));
  PutHeld();
  ASSERT_TRUE(store_->Flush(20s));
  const bool has_read = store_->ReadVectorByLabel(LabelOf(KeyOf(1)), [&](std::string_view) {
    std::uint64_t next = 1'000;
    do {
      ASSERT_LT(next, 2'000u);
      ASSERT_TRUE(store_->Put(MakeEntry(next++, 20'000)));
    } while (store_->Flush(20s));
    ASSERT_TRUE(Found(1));
    const std::uint64_t dropped = store_->Stats().puts_dropped;
    Together([&] {
      ASSERT_TRUE(store_->Erase(KeyOf(1)));
      ASSERT_TRUE(store_->Put(MakeEntry(1, 400'000, 1)));
    });
    (void)store_->Flush(20s);
    EXPECT_EQ(store_->Stats().puts_dropped, dropped + 1);
    EXPECT_EQ(store_->Stats().write_errors, 0u);
    EXPECT_TRUE(Gone(1));
  });
  ASSERT_TRUE(has_read);
  store_.reset();
  Open();
  EXPECT_TRUE(Gone(1));
}

// No disk is full here: what counts is that the store's thread finds all at once.
class HeldStore : public FullDisk {};

TEST_F(HeldStore, WhatIsPutBackAtOnceIsNotToldAsGone) {
  Open();
  PutHeld();
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(store_->Put(MakeScoped(i, 1, 100)));
  ASSERT_TRUE(store_->Flush(20s));
  std::vector<Digest> gone;  // Of the store's thread, until a Flush.
  Together([&] {
    store_->SetOnRemoved([&](const Digest&, const Digest& key) { gone.push_back(key); });
    for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(store_->Erase(KeyOf(i)));
    ASSERT_TRUE(store_->Put(MakeScoped(1, 1, 300)));
    ASSERT_TRUE(store_->Put(MakeScoped(2, 2, 300)));
  });
  ASSERT_TRUE(store_->Flush(20s));
  store_->SetOnRemoved({});
  EXPECT_EQ(gone, (std::vector<Digest>{KeyOf(2), KeyOf(3)})) << "2 is back in another scope, 3 not at all";
}

class ClosedOnAFullDisk : public FullDisk {
 protected:
  // A store that keeps an erasure of 1, a purge of what is even and an erasure of a note for its next commit.
  void KeepErasures() {
    Open();
    PutHeld();
    for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 20'000)));
    ASSERT_TRUE(store_->PutNote("note", "old"));
    ASSERT_TRUE(store_->Flush(20s));
    Together([&] {
      limit_.emplace(kNoWrites);
      ASSERT_TRUE(store_->Erase(KeyOf(1)));
      ASSERT_TRUE(store_->Purge({.before_ms = clock_.WallMs(), .model = "even", .name_space = {}, .tag = {}}, nullptr));
      ASSERT_TRUE(store_->EraseNote("note"));
      ASSERT_TRUE(store_->Put(MakeEntry(5, 200'000)));
    });
    ASSERT_TRUE(PutsAreDone());
    EXPECT_EQ(store_->Stats().write_errors, 1u);
  }

  std::optional<FileSizeLimit> limit_;
};

TEST_F(ClosedOnAFullDisk, ErasuresThatAFailedWriteKeptAreTriedOnceMore) {
  KeepErasures();
  limit_.reset();
  store_.reset();
  EXPECT_FALSE(logger_.Saw("store_erasures_lost"));
  Open();
  EXPECT_TRUE(Gone(1));
  EXPECT_TRUE(Gone(2));
  EXPECT_TRUE(Found(3));
  EXPECT_FALSE(store_->FindNote("note"));
}

TEST_F(ClosedOnAFullDisk, ErasuresThatCannotBeWrittenAreCountedInTheLog) {
  KeepErasures();
  store_.reset();
  limit_.reset();
  EXPECT_TRUE(logger_.Saw("store_erasures_lost entries=1 notes=1 purges=1 clears=0"));
  Open();
  EXPECT_TRUE(Found(3));
}

TEST_F(FullDisk, TheStoreComesByItselfWhenTheFirstFileHadNoRoom) {
  std::filesystem::create_directories(options_.path);
  {
    const FileSizeLimit limit(4096);
    Open();
    EXPECT_NE(store_->Health().degraded, "");
    const auto found = store_->Find(KeyOf(1));
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, nullptr);
    EXPECT_FALSE(store_->Put(MakeEntry(1, 100)));
    // Not the same as a file without scopes.
    const auto visited = store_->VisitScopes([](const Digest&, const ScopeMember&) { return true; });
    ASSERT_FALSE(visited);
    EXPECT_EQ(visited.error().code, ErrorCode::kUnavailable);
  }
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!store_->Put(MakeEntry(1, 20'000))) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(5ms);
  }
  ASSERT_TRUE(store_->Flush(20s));
  EXPECT_TRUE(Found(1));
  EXPECT_EQ(store_->Health().degraded, "");
  EXPECT_TRUE(store_->VisitScopes([](const Digest&, const ScopeMember&) { return true; }));
}

TEST_F(FullDisk, TheLastPartOfTheFileSystemStaysFree) {
  const auto disk = folder_.path() / "disk";
  std::filesystem::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=16m") != 0) GTEST_SKIP() << "mounting needs root: " << std::strerror(errno);
  {
    std::ofstream(disk / "ballast") << std::string(8 << 20, 'x');
    Open();
    FillUp(0, 1'000);
    for (std::uint64_t i = 1'000; i < 1'500; ++i) {
      (void)store_->Put(MakeEntry(i, 20'000));
      (void)store_->Flush(20s);
    }
    struct statvfs status{};
    ASSERT_EQ(::statvfs(disk.c_str(), &status), 0);
    EXPECT_GE(status.f_bavail * 100, status.f_blocks * 5);
    EXPECT_EQ(store_->Stats().write_errors, 0u);
    const std::uint64_t file_bytes = store_->Stats().file_bytes;
    EXPECT_GT(file_bytes, 4u << 20);
    std::filesystem::remove(disk / "ballast");
    for (std::uint64_t i = 2'000; i < 2'500; ++i) {
      (void)store_->Put(MakeEntry(i, 20'000));
      (void)store_->Flush(20s);
    }
    EXPECT_GT(store_->Stats().file_bytes, file_bytes + (4u << 20));
    EXPECT_TRUE(Found(2'499));
    store_.reset();
  }
  ::umount2(disk.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace reflex::store
