// The store's file with random bits flipped and ends cut off: each start serves, and no answer is wrong. A crash, an endless loop
// or a refused start fails the test as itself. REFLEX_DAMAGE_ROUNDS sets how many (default 60).
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"
#include "store/file_check.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kStoredEntries = 400;
constexpr std::uint64_t kPage = 4096;

EntryPtr Make(std::uint64_t number, std::size_t bytes, std::uint64_t version = 0) {
  auto entry = std::make_shared<Entry>(*MakeScoped(number, number % 3, bytes));
  entry->reply = ReplyOf(number, bytes, version);
  return entry;
}

std::size_t BytesOf(std::uint64_t number) { return number % 10 == 0 ? 9'000 : number % 7 * 100; }

class Damage : public ::testing::Test {
 protected:
  Damage() {
    options_.path = folder_.path() / "store";
    options_.limit_bytes = 16 << 20;
    options_.commit_interval = std::chrono::milliseconds(1);
  }

  // A file with a past: replaced, erased and reclaimed entries, so that it has a free list.
  std::string MakePristine() {
    {
      auto store = std::move(*LmdbStore::Open(options_, clock_, logger_));
      for (std::uint64_t i = 0; i < kStoredEntries * 2; ++i) EXPECT_TRUE(store->Put(Make(i, BytesOf(i), 1)));
      for (std::uint64_t i = 0; i < kStoredEntries; ++i) EXPECT_TRUE(store->PutVector(KeyOf(i), ReplyOf(i, i * 9)));
      for (std::uint64_t i = 0; i < kStoredEntries; ++i) EXPECT_TRUE(store->PutNote("note " + std::to_string(i), ReplyOf(i, 50)));
      EXPECT_TRUE(store->Flush(std::chrono::seconds(10)));
      for (std::uint64_t i = 0; i < kStoredEntries; ++i) EXPECT_TRUE(store->Put(Make(i, BytesOf(i))));
      for (std::uint64_t i = kStoredEntries; i < kStoredEntries * 2; ++i) EXPECT_TRUE(store->Erase(KeyOf(i)));
    }
    std::ifstream file(options_.path / "data.mdb", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void Flip(std::string& bytes, std::uint64_t offset) { bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << random_() % 8)); }

  std::string Mutate(std::string bytes, int round) {
    const std::uint64_t pages = bytes.size() / kPage;
    const std::uint64_t flips = 1 + random_() % 4;
    for (std::uint64_t i = 0; i < flips; ++i) {
      switch (round % 4) {
        case 0: Flip(bytes, random_() % bytes.size()); break;                    // Anywhere.
        case 1: Flip(bytes, random_() % pages * kPage + random_() % 64); break;  // Page headers and first pointers.
        case 2: Flip(bytes, random_() % 2 * kPage + random_() % 160); break;     // Meta pages.
        default: bytes.resize(random_() % bytes.size()); return bytes;           // Cut.
      }
    }
    return bytes;
  }

  // Everything else there is to read. Vectors carry no checksum: whoever uses one looks at the entry after it.
  void LookAround(LmdbStore& store, int round) {
    std::uint64_t members = 0;
    (void)store.VisitScopes([&](const Digest&, const ScopeMember&) { return ++members < 10 * kStoredEntries; });
    EXPECT_LE(members, 2 * kStoredEntries);
    for (std::uint64_t scope = 0; scope < 3; ++scope) {
      const auto found = store.FindScope(ScopeOf(scope), 50);
      for (const ScopeMember& member : found ? *found : std::vector<ScopeMember>()) (void)store.FindHead(member.key);
    }
    (void)store.VisitNotes("note ", [&](std::string_view key, std::string_view value) {
      EXPECT_EQ(value, ReplyOf(std::stoull(std::string(key.substr(5))), 50)) << "round " << round;
      return true;
    });
    for (std::uint64_t i = 0; i < kStoredEntries; ++i) {
      (void)store.FindHeadByLabel(LabelOf(KeyOf(i)));
      std::size_t sum = 0;
      (void)store.ReadVectorByLabel(LabelOf(KeyOf(i)), [&](std::string_view bytes) {
        for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
      });
    }
    EXPECT_TRUE(store.Purge(PurgeModel("none"), nullptr));
  }

  // Starts on these bytes and looks at every entry. Returns how many were found.
  std::uint64_t Serve(const std::string& bytes, int round) {
    std::filesystem::remove(options_.path / "data.mdb");
    std::ofstream(options_.path / "data.mdb", std::ios::binary) << bytes;
    auto opened = LmdbStore::Open(options_, clock_, logger_);
    if (!opened) {
      ADD_FAILURE() << "round " << round << ": " << opened.error().message;
      return 0;
    }
    auto store = std::move(*opened);
    std::uint64_t found_count = 0;
    for (std::uint64_t i = 0; i < kStoredEntries * 2; ++i) {
      const auto found = store->Find(KeyOf(i));
      if (!found || *found == nullptr) continue;
      ++found_count;
      // An erased or replaced version can only come back whole, from the state before the last commit.
      const bool right = **found == *Make(i, BytesOf(i)) || **found == *Make(i, BytesOf(i), 1);
      EXPECT_TRUE(right) << "round " << round << " entry " << i;
    }
    LookAround(*store, round);
    // The writer, too, must be able to live with the file.
    for (std::uint64_t i = 0; i < 60; ++i) (void)store->Put(Make(10'000 + i, BytesOf(i)));
    for (std::uint64_t i = 0; i < 60; ++i) (void)store->Erase(KeyOf(i));
    EXPECT_TRUE(store->Flush(std::chrono::seconds(20))) << "round " << round;
    for (std::uint64_t i = 0; i < 60; ++i) {
      const auto found = store->Find(KeyOf(10'000 + i));
      EXPECT_TRUE(found && *found != nullptr) << "round " << round;
      EXPECT_TRUE(store->EraseIf([&](const Entry&) { return false; }));
      if (i == 0 && round % 8 == 0) {
        EXPECT_TRUE(store->Clear());
      }
      if (round % 8 == 0) break;
      i += 20;
    }
    return found_count;
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
  LmdbOptions options_;
  std::mt19937_64 random_{20240229};
};

TEST_F(Damage, EachStartServesAndNoAnswerIsWrong) {
  const char* wanted = std::getenv("REFLEX_DAMAGE_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 60;
  const std::string pristine = MakePristine();
  ASSERT_EQ(Serve(pristine, 0), kStoredEntries);
  int kept = 0, begun_anew = 0;
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    const std::uint64_t found = Serve(Mutate(pristine, round), round);
    ++(found > 0 ? kept : begun_anew);
  }
  RecordProperty("kept", kept);
  RecordProperty("begun_anew", begun_anew);
  std::printf("%d files kept, %d begun anew\n", kept, begun_anew);
  EXPECT_GT(kept, rounds / 20);
  EXPECT_GT(begun_anew, rounds / 20);
}

// Every bit of the two meta pages and of the header, pointers and first node of every page, looked at by the checker alone.
TEST_F(Damage, TheCheckerReadsAnyBytesSafely) {
  const std::string pristine = MakePristine();
  const auto path = folder_.path() / "mutant";
  std::uint64_t refused = 0, looked = 0;
  std::string bytes = pristine;
  std::ofstream(path, std::ios::binary) << bytes;
  ASSERT_TRUE(CheckFile(path, CheckDepth::kWhole)) << CheckFile(path, CheckDepth::kWhole).error().message;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (int round = 0; round < 3'000; ++round) {
    const std::uint64_t offset =
        round % 2 == 0 ? random_() % bytes.size() / kPage * kPage + random_() % 48 : random_() % bytes.size();
    const char flipped = static_cast<char>(bytes[offset] ^ (1 << random_() % 8));
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(flipped);
    file.flush();
    ++looked;
    refused += CheckFile(path, CheckDepth::kWhole) ? 0 : 1;
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(bytes[offset]);
    file.flush();
  }
  EXPECT_EQ(looked, 3'000u);
  EXPECT_GT(refused, 300u);
}

}  // namespace
}  // namespace reflex::store
