#include "reflex/lmdb_store.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <lmdb.h>

#include "lib/store/store_test_util.h"
#include "store/file_check.h"

namespace reflex::store {
namespace {

using namespace std::chrono_literals;

class LmdbStoreTest : public ::testing::Test {
 protected:
  LmdbStoreTest() {
    options_.path = folder_.path() / "store";
    options_.limit_bytes = 16 << 20;
  }
  Result<void> TryOpen() {
    store_.reset();
    auto opened = LmdbStore::Open(options_, clock_, logger_);
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    return {};
  }
  void Open() {
    const auto opened = TryOpen();
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void Close() { store_.reset(); }
  EntryPtr Get(std::uint64_t number) {
    auto found = store_->Find(KeyOf(number));
    EXPECT_TRUE(found);
    return found ? *found : nullptr;
  }
  void Flush() {
    const auto flushed = store_->Flush(20s);
    ASSERT_TRUE(flushed) << flushed.error().message;
  }
  // Waits for what the store does behind: its thread looks at least once a second.
  template <class Condition>
  bool Eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
  bool HasSetAside() const {
    for (const auto& file : std::filesystem::directory_iterator(options_.path)) {
      if (file.path().filename().string().starts_with("data.mdb.damaged-")) return true;
    }
    return false;
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
  LmdbOptions options_;
  std::unique_ptr<LmdbStore> store_;
};

// Another LMDB user of the same file, as a snapshot or a tool would be.
class RawLmdb {
 public:
  explicit RawLmdb(const std::filesystem::path& path) {
    EXPECT_EQ(mdb_env_create(&env_), 0);
    mdb_env_set_maxdbs(env_, 8);
    mdb_env_set_mapsize(env_, 64 << 20);
    std::filesystem::create_directories(path);
    EXPECT_EQ(mdb_env_open(env_, path.c_str(), 0, 0600), 0);
  }
  ~RawLmdb() { mdb_env_close(env_); }
  RawLmdb(const RawLmdb&) = delete;
  RawLmdb& operator=(const RawLmdb&) = delete;

  void PutMain(std::string name, std::string data) {
    MDB_txn* txn = nullptr;
    MDB_dbi main = 0;
    ASSERT_EQ(mdb_txn_begin(env_, nullptr, 0, &txn), 0);
    ASSERT_EQ(mdb_dbi_open(txn, nullptr, 0, &main), 0);
    MDB_val key{name.size(), name.data()}, value{data.size(), data.data()};
    ASSERT_EQ(mdb_put(txn, main, &key, &value, 0), 0);
    ASSERT_EQ(mdb_txn_commit(txn), 0);
  }
  std::size_t OverflowPages(const char* table) {
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    MDB_stat stat{};
    EXPECT_EQ(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), 0);
    EXPECT_EQ(mdb_dbi_open(txn, table, 0, &dbi), 0);
    EXPECT_EQ(mdb_stat(txn, dbi, &stat), 0);
    mdb_txn_abort(txn);
    return stat.ms_overflow_pages;
  }

 private:
  MDB_env* env_ = nullptr;
};

std::string FormatRecord(std::uint32_t format) {
  const std::uint32_t record[2] = {format, ~format};
  return {reinterpret_cast<const char*>(record), sizeof record};
}

TEST_F(LmdbStoreTest, ARestartKeepsEverything) {
  Open();
  for (std::uint64_t i = 0; i < 300; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, i * 37)));
  Close();
  Open();
  for (std::uint64_t i = 0; i < 300; ++i) {
    ASSERT_NE(Get(i), nullptr) << i;
    EXPECT_EQ(*Get(i), *MakeEntry(i, i * 37));
  }
  EXPECT_EQ(store_->Stats().entries, 300u);
  EXPECT_EQ(store_->Health().degraded, "");
}

TEST_F(LmdbStoreTest, AClearSurvivesARestartBeforeItsSpaceIsReclaimed) {
  Open();
  for (std::uint64_t i = 0; i < 2'000; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 50)));
  Flush();
  ASSERT_TRUE(store_->Clear());
  Close();
  Open();
  for (std::uint64_t i = 0; i < 2'000; ++i) ASSERT_EQ(Get(i), nullptr);
  EXPECT_TRUE(Eventually([&] { return store_->Stats().entries == 0 && store_->Stats().used_bytes < 20 * 4096; }));
}

TEST_F(LmdbStoreTest, TheIntervalCommitsByItself) {
  options_.commit_interval = 5ms;
  Open();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 100)));
  EXPECT_TRUE(Eventually([&] { return store_->Stats().commits == 1; }));
}

TEST_F(LmdbStoreTest, FilesAreForTheirOwnerOnly) {
  Open();
  // The store's thread first removes the mark that it is opening, then writes.
  ASSERT_TRUE(store_->Put(MakeEntry(1, 100)));
  Flush();
  struct stat status{};
  ASSERT_EQ(::stat(options_.path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  for (const auto& file : std::filesystem::directory_iterator(options_.path)) {
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
  }
}

TEST_F(LmdbStoreTest, OneProcessAPath) {
  Open();
  const auto second = LmdbStore::Open(options_, clock_, logger_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_NE(second.error().message.find(options_.path.string()), std::string::npos);
}

TEST_F(LmdbStoreTest, OptionsOutOfRangeAreNamed) {
  const auto refused = [&](auto change) {
    LmdbOptions options = options_;
    change(options);
    const auto opened = LmdbStore::Open(options, clock_, logger_);
    return !opened && opened.error().code == ErrorCode::kInvalidArgument && !opened.error().message.empty();
  };
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.path.clear(); }));
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.limit_bytes = 1 << 20; }));
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.free_space_percent = 91; }));
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.commit_interval = 0ms; }));
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.queue_bytes = 10; }));
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.queue_entries = 0; }));
  EXPECT_TRUE(refused([](LmdbOptions& o) { o.zstd_level = 20; }));
}

TEST_F(LmdbStoreTest, ANewerFormatStopsTheStartAndIsLeftAlone) {
  Open();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 100)));
  Close();
  RawLmdb(options_.path).PutMain(kFormatName, FormatRecord(kFormat + 1));
  const auto opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kNewerFormat);
  EXPECT_FALSE(HasSetAside());
  // And again after many tries: nothing counts against the file.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(TryOpen().error().code, ErrorCode::kNewerFormat);
  RawLmdb(options_.path).PutMain(kFormatName, FormatRecord(kFormat));
  Open();
  EXPECT_NE(Get(1), nullptr);
}

TEST_F(LmdbStoreTest, AnOlderFormatOrForeignFileIsSetAside) {
  RawLmdb(options_.path).PutMain(kFormatName, FormatRecord(0));
  Open();
  EXPECT_TRUE(HasSetAside());
  EXPECT_TRUE(logger_.Saw("store_set_aside"));
  ASSERT_TRUE(store_->Put(MakeEntry(1, 100)));
  Flush();
  EXPECT_NE(Get(1), nullptr);
}

TEST_F(LmdbStoreTest, TwoStartsThatDiedMakeTheThirdSetTheFileAside) {
  Open();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 100)));
  Close();
  EXPECT_FALSE(std::filesystem::exists(options_.path / "opening"));
  std::ofstream(options_.path / "opening") << "1";
  Open();
  EXPECT_NE(Get(1), nullptr);
  EXPECT_TRUE(Eventually([&] { return !std::filesystem::exists(options_.path / "opening"); }));
  Close();
  std::ofstream(options_.path / "opening") << "2";
  Open();
  EXPECT_EQ(Get(1), nullptr);
  EXPECT_TRUE(HasSetAside());
  EXPECT_TRUE(logger_.Saw("two starts in a row"));
}

TEST_F(LmdbStoreTest, ExpiredEntriesAreCollected) {
  Open();
  const std::int64_t soon = clock_.WallMs() + 1000;
  for (std::uint64_t i = 0; i < 1'500; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 3'000, 0, i < 1'400 ? soon : soon + 10'000)));
  Flush();
  const std::uint64_t used = store_->Stats().used_bytes;
  clock_.AdvanceMs(1'000);
  EXPECT_TRUE(Eventually([&] { return store_->Stats().expirations == 1'400; }));
  EXPECT_TRUE(Eventually([&] { return store_->Stats().entries == 100; }));
  EXPECT_LT(store_->Stats().used_bytes, used / 5);
  EXPECT_EQ(Get(0), nullptr);
  EXPECT_NE(Get(1'450), nullptr);
}

TEST_F(LmdbStoreTest, EvictionKeepsTheLimitAndTheNewest) {
  Open();
  std::uint64_t i = 0;
  for (; i < 4'000; ++i) {
    ASSERT_TRUE(store_->Put(MakeEntry(i, 500 + (i * 7919) % 20'000)));
    if (i % 100 == 99) (void)store_->Flush(20s);
  }
  Flush();
  const StoreStats stats = store_->Stats();
  EXPECT_EQ(stats.puts_dropped, 0u);
  EXPECT_GT(stats.evictions, 1'500u);
  EXPECT_LE(stats.used_bytes, options_.limit_bytes);
  EXPECT_LE(stats.file_bytes, options_.limit_bytes * 13 / 10);
  EXPECT_GT(stats.used_bytes, options_.limit_bytes * 8 / 10);
  for (std::uint64_t back = 1; back < 500; ++back) ASSERT_NE(Get(i - back), nullptr) << back;
  EXPECT_EQ(Get(0), nullptr);
}

TEST_F(LmdbStoreTest, WhatIsReadGetsASecondChance) {
  Open();
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 4'000)));
  Flush();
  for (std::uint64_t i = 20; i < 5'000; ++i) {
    if (i % 100 == 0) {
      for (std::uint64_t hot = 0; hot < 10; ++hot) ASSERT_NE(Get(hot), nullptr) << i;
      (void)store_->Flush(20s);
    }
    ASSERT_TRUE(store_->Put(MakeEntry(i, 4'000)));
  }
  Flush();
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(Get(i) != nullptr, i < 10) << i;
}

TEST_F(LmdbStoreTest, ALowerLimitShrinksTheStore) {
  Open();
  for (std::uint64_t i = 0; i < 1'200; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 10'000)));
  Flush();
  EXPECT_GT(store_->Stats().used_bytes, 10u << 20);
  Close();
  options_.limit_bytes = 4 << 20;
  Open();
  EXPECT_TRUE(Eventually([&] { return store_->Stats().used_bytes <= options_.limit_bytes; }));
  EXPECT_NE(Get(1'199), nullptr);
}

TEST_F(LmdbStoreTest, AFullQueueRefusesAndCounts) {
  options_.commit_interval = 60s;
  options_.queue_entries = 100'000;
  options_.queue_bytes = 100'000;
  Open();
  std::uint64_t refused = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto put = store_->Put(MakeEntry(i, 60'000));
    if (put) continue;
    EXPECT_EQ(put.error().code, ErrorCode::kFull);
    ++refused;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(store_->Stats().puts_dropped, refused);
  (void)store_->Flush(20s);
  EXPECT_TRUE(store_->Put(MakeEntry(500, 100)));
}

TEST_F(LmdbStoreTest, AnEntryBeyondItsBoundIsTooLarge) {
  Open();
  const auto put = store_->Put(MakeEntry(1, options_.limit_bytes / 8 + 1));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(store_->Put(MakeEntry(1, options_.limit_bytes / 8 - 4096)));
  Flush();
  EXPECT_NE(Get(1), nullptr);
}

TEST_F(LmdbStoreTest, NoValueEverTakesAnOverflowPage) {
  Open();
  for (std::uint64_t i = 0; i < 500; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, i * 41)));
  Close();
  EXPECT_EQ(RawLmdb(options_.path).OverflowPages(kValuesName), 0u);
}

// The value pages are full but for what the last pieces leave: the cut fills each page.
TEST_F(LmdbStoreTest, ValuesFillTheirPages) {
  options_.limit_bytes = 64 << 20;
  Open();
  std::uint64_t bytes = 0;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    const EntryPtr entry = MakeEntry(i, 500 + (i * 7919) % 9'000);
    bytes += entry->reply.size();
    ASSERT_TRUE(store_->Put(entry));
  }
  Flush();
  EXPECT_LT(store_->Stats().used_bytes, bytes * 116 / 100);
}

TEST_F(LmdbStoreTest, AValueWithAWrongChecksumIsAMissAndGoes) {
  options_.check_wait = 10s;
  Open();
  ASSERT_TRUE(store_->Put(MakeEntry(1, 1'000)));
  ASSERT_TRUE(store_->Put(MakeEntry(2, 1'000)));
  Close();
  // One bit inside a reply.
  const std::string needle = ReplyOf(1, 1'000);
  std::fstream file(options_.path / "data.mdb", std::ios::in | std::ios::out | std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  const auto place = content.find(needle);
  ASSERT_NE(place, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(place + 500));
  file.put(static_cast<char>(needle[500] ^ 1));
  file.close();
  Open();
  EXPECT_EQ(Get(1), nullptr);
  EXPECT_EQ(store_->Stats().corrupt_values, 1u);
  EXPECT_NE(Get(2), nullptr);
  EXPECT_FALSE(HasSetAside());
  Flush();
  EXPECT_EQ(store_->Stats().entries, 1u);
  ASSERT_TRUE(store_->Put(MakeEntry(1, 1'000)));
  Flush();
  EXPECT_NE(Get(1), nullptr);
}

TEST_F(LmdbStoreTest, AFlushThatCannotBeInTimeSaysSo) {
  options_.commit_interval = 60s;
  Open();
  EXPECT_TRUE(store_->Flush(20s));
  ASSERT_TRUE(store_->Put(MakeEntry(1, 3'000'000 / 2)));
  const auto flushed = store_->Flush(0ms);
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, ErrorCode::kTimeout);
  Flush();
}

// A snapshot in another process keeps every page it sees: the file stays within its bound, what does not fit is refused, and
// all is well when the reader has gone.
TEST_F(LmdbStoreTest, AHeldReaderDoesNotGrowTheFileBeyondItsBound) {
  options_.commit_interval = 1ms;
  Open();
  for (std::uint64_t i = 0; i < 1'500; ++i) {
    ASSERT_TRUE(store_->Put(MakeEntry(i, 10'000)));
    if (i % 50 == 0) (void)store_->Flush(20s);
  }
  Flush();
  int ready[2], stop[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(stop), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(stop[1]);
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    char byte = 0;
    mdb_env_create(&env);
    mdb_env_set_maxdbs(env, 4);
    const bool open =
        mdb_env_open(env, options_.path.c_str(), MDB_RDONLY, 0600) == 0 && mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == 0;
    if (!open || ::write(ready[1], &byte, 1) != 1) _exit(1);
    (void)!::read(stop[0], &byte, 1);
    _exit(0);
  }
  ::close(ready[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  std::uint64_t number = 10'000;
  // A tenth of the limit fits beside the reader; four times the limit does not.
  for (std::uint64_t i = 0; i < 160; ++i) ASSERT_TRUE(store_->Put(MakeEntry(number++, 10'000)));
  Flush();
  EXPECT_EQ(store_->Stats().puts_dropped, 0u);
  bool was_degraded = false;
  for (std::uint64_t i = 0; i < 6'400; ++i) {
    (void)store_->Put(MakeEntry(number++, 10'000));
    if (i % 20 != 0) continue;
    (void)store_->Flush(20s);
    // Until a commit drops nothing, as the last one may.
    was_degraded = was_degraded || store_->Health().degraded != "";
  }
  (void)store_->Flush(20s);
  EXPECT_GT(store_->Stats().puts_dropped, 3'000u);
  EXPECT_LE(store_->Stats().file_bytes, options_.limit_bytes * 13 / 10);
  EXPECT_TRUE(was_degraded);
  ::close(stop[1]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  // The reader ended without a word, so its slot is found dead within ten seconds of the store's clock.
  clock_.AdvanceMs(11'000);
  EXPECT_TRUE(Eventually([&] { return store_->Put(MakeEntry(number++, 10'000)).has_value() && store_->Flush(20s).has_value(); }));
  Flush();
  EXPECT_NE(Get(number - 1), nullptr);
  EXPECT_EQ(store_->Health().degraded, "");
  EXPECT_LE(store_->Stats().file_bytes, options_.limit_bytes * 13 / 10);
}

TEST_F(LmdbStoreTest, SmallFilesAreReadInPlace) {
  Open();
  EXPECT_TRUE(store_->FindsInPlace());
}

TEST_F(LmdbStoreTest, AFileThatIsCheckedSlowlyDoesNotHoldUpTheStart) {
  Open();
  for (std::uint64_t i = 0; i < 1'000; ++i) ASSERT_TRUE(store_->Put(MakeEntry(i, 8'000)));
  Flush();
  Close();
  std::filesystem::remove(options_.path / "closed");
  options_.check_wait = 0ms;
  Open();
  // Whatever the check has come to: no error, and soon everything is there.
  (void)Get(1);
  ASSERT_TRUE(store_->Put(MakeEntry(5'000, 100)));
  EXPECT_NE(Get(5'000), nullptr);
  EXPECT_TRUE(Eventually([&] { return Get(1) != nullptr && store_->Health().degraded.empty(); }));
  Flush();
  EXPECT_NE(Get(5'000), nullptr);
}

}  // namespace
}  // namespace reflex::store
