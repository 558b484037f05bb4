#include "reflex/snapshot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <thread>

#include "base/files.h"
#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"
#include "store/bytes.h"
#include "store/record.h"
#include "store/snapshot_file.h"

namespace reflex::store {
namespace {

constexpr std::chrono::seconds kFlush{30};

EntryPtr ScopedEntry(std::uint64_t number, std::size_t bytes, std::uint64_t version = 0) {
  auto entry = std::make_shared<Entry>(*MakeEntry(number, bytes, version));
  if (number % 3 != 0) {
    entry->scope = base::HashBytes("scope " + std::to_string(number % 5));
    entry->canonical = base::HashBytes("canonical " + std::to_string(number));
    entry->question = "question " + std::to_string(number) + "?";
  }
  return entry;
}

// "new" and "old" embedders by the first byte, as the record of the semantic tier tells them by its model.
std::string VectorOf(std::uint64_t number) {
  return (number % 7 == 0 ? "O" : "N") + std::string(40, static_cast<char>('a' + number % 26));
}
bool IsNew(std::string_view vector) { return vector.starts_with("N"); }
SnapshotEmbedder Describe(std::string_view vector) { return {IsNew(vector) ? "new" : "old", 40, 0}; }

class SnapshotTest : public testing::Test {
 protected:
  std::unique_ptr<LmdbStore> Open(const std::string& name, std::uint64_t limit = 64u << 20) {
    LmdbOptions options;
    options.path = folder_.path() / name;
    options.limit_bytes = limit;
    options.free_space_percent = 0;
    options.commit_interval = std::chrono::milliseconds(5);
    auto store = LmdbStore::Open(options, clock_, logger_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  std::filesystem::path File(const std::string& name = "one.snapshot") const { return folder_.path() / name; }
  void Fill(LmdbStore& store, std::uint64_t count, std::uint64_t version = 0) {
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(store.Put(ScopedEntry(i, 200 + i % 5 * 1500, version)));
      if (i % 2 == 0) {
        ASSERT_TRUE(store.PutVector(KeyOf(i), VectorOf(i)));
      }
    }
    ASSERT_TRUE(store.Flush(kFlush));
  }
  Result<SnapshotInfo> Save(LmdbStore& store, const std::string& name = "one.snapshot") {
    SnapshotSaving saving;
    saving.file = File(name);
    saving.program = "test 1.0";
    saving.secret_mark = base::HashBytes("mark");
    saving.wrapped_secret = "wrapped";
    saving.describe = Describe;
    return store.SaveSnapshot(saving);
  }
  Result<SnapshotLoaded> Load(LmdbStore& store, const std::string& name = "one.snapshot", SnapshotStep progress = {}) {
    return store.LoadSnapshot({.file = File(name), .keep_vector = {}, .progress = std::move(progress)});
  }
  void ExpectEntries(LmdbStore& store, std::uint64_t count, std::uint64_t version = 0) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto entry = store.Find(KeyOf(i));
      ASSERT_TRUE(entry && *entry) << i;
      EXPECT_EQ(**entry, *ScopedEntry(i, 200 + i % 5 * 1500, version)) << i;
      EXPECT_EQ(*store.FindVector(KeyOf(i)), i % 2 == 0 ? VectorOf(i) : "") << i;
    }
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
};

TEST_F(SnapshotTest, RoundTripKeepsEntriesVectorsScopesAndNotes) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 500);
  ASSERT_TRUE(from->PutNote("blocked/a", "pair"));
  ASSERT_TRUE(from->PutNote("budget/x", std::string("\0\xff", 2)));
  const auto saved = Save(*from);
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_EQ(saved->entries, 500u);
  EXPECT_EQ(saved->vectors, 250u);
  EXPECT_EQ(saved->notes, 2u);
  EXPECT_EQ(saved->bytes, std::filesystem::file_size(File()));

  const auto info = ReadSnapshotInfo(File());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, "one.snapshot");
  EXPECT_EQ(info->program, "test 1.0");
  EXPECT_EQ(info->wrapped_secret, "wrapped");
  EXPECT_EQ(info->created_ms, clock_.WallMs());
  ASSERT_EQ(info->embedders.size(), 2u);
  EXPECT_EQ(info->embedders[0].vectors + info->embedders[1].vectors, 250u);
  EXPECT_TRUE(VerifySnapshot(File(), {}));

  std::uint64_t last = 0;
  const auto loaded = Load(*to, "one.snapshot", [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_LE(last, done);
    EXPECT_LE(done, total);
    last = done;
    return true;
  });
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(last, 500u);
  EXPECT_EQ(loaded->entries, 500u);
  EXPECT_EQ(loaded->vectors, 250u);
  ExpectEntries(*to, 500);
  EXPECT_EQ(to->Stats().entries, 500u);
  EXPECT_EQ(*to->FindNote("budget/x"), std::string("\0\xff", 2));
  for (int scope = 0; scope < 5; ++scope) {
    const Digest name = base::HashBytes("scope " + std::to_string(scope));
    EXPECT_EQ(*from->FindScope(name, 1000), *to->FindScope(name, 1000));
    EXPECT_FALSE(to->FindScope(name, 1000)->empty());
  }
  // What is stored later, and a restart, find it as any other store.
  ASSERT_TRUE(to->Put(ScopedEntry(1000, 300)));
  ASSERT_TRUE(to->Erase(KeyOf(3)));
  to.reset();
  to = Open("to");
  EXPECT_EQ(to->Stats().entries, 500u);
  EXPECT_FALSE(*to->Find(KeyOf(3)));
  EXPECT_EQ(**to->Find(KeyOf(1000)), *ScopedEntry(1000, 300));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "to" / "loading"));
  EXPECT_FALSE(logger_.Saw("store_set_aside"));
}

TEST_F(SnapshotTest, VectorsOfAnotherEmbedderAreDroppedWithACount) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 100);
  ASSERT_TRUE(Save(*from));
  const auto loaded = to->LoadSnapshot({.file = File(), .keep_vector = IsNew, .progress = {}});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->vectors_dropped, 8u);  // 0, 14, 28, …, 98.
  EXPECT_EQ(loaded->vectors, 42u);
  EXPECT_EQ(*to->FindVector(KeyOf(14)), "");
  EXPECT_EQ(*to->FindVector(KeyOf(16)), VectorOf(16));
  EXPECT_TRUE(*to->Find(KeyOf(14)));
}

TEST_F(SnapshotTest, PurgedExpiredAndClearedEntriesAreNotSaved) {
  auto store = Open("from");
  ASSERT_TRUE(store->Put(MakeEntry(1000, 100)));
  ASSERT_TRUE(store->Flush(kFlush));
  ASSERT_TRUE(store->Clear());
  Fill(*store, 100);
  ASSERT_TRUE(store->Put(MakeEntry(200, 100, 0, clock_.WallMs())));
  PurgeRule rule;
  rule.before_ms = clock_.WallMs();
  rule.model = "even";
  ASSERT_TRUE(store->Purge(rule, {}));
  const auto saved = Save(*store);
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->entries, 50u);
}

TEST_F(SnapshotTest, LoadedEntriesThatExpiredMeanwhileAreLeftOut) {
  auto from = Open("from"), to = Open("to");
  ASSERT_TRUE(from->Put(MakeEntry(1, 100, 0, clock_.WallMs() + 1000)));
  ASSERT_TRUE(from->Put(MakeEntry(2, 100)));
  ASSERT_TRUE(Save(*from));
  clock_.AdvanceMs(1000);
  const auto loaded = Load(*to);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->expired, 1u);
  EXPECT_EQ(loaded->entries, 1u);
}

TEST_F(SnapshotTest, LoadReplacesWhatWasThereBefore) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 50);
  ASSERT_TRUE(to->Put(ScopedEntry(700, 100)));
  ASSERT_TRUE(to->Put(ScopedEntry(701, 100)));
  ASSERT_TRUE(to->PutNote("blocked/mine", "stays"));
  std::vector<Digest> gone;
  std::mutex mutex;
  to->SetOnRemoved([&](const Digest&, const Digest& key) {
    const std::lock_guard lock(mutex);
    gone.push_back(key);
  });
  ASSERT_TRUE(Save(*from));
  ASSERT_TRUE(Load(*to));
  EXPECT_FALSE(*to->Find(KeyOf(700)));
  EXPECT_EQ(*to->FindNote("blocked/mine"), "stays");
  ExpectEntries(*to, 50);
  EXPECT_EQ(gone.size(), 2u);
}

// Everything that comes within the load's own progress call came meanwhile.
TEST_F(SnapshotTest, WhatIsStoredErasedAndPurgedMeanwhileWins) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 300);
  ASSERT_TRUE(Save(*from));
  bool once = false;
  const auto loaded = Load(*to, "one.snapshot", [&](std::uint64_t, std::uint64_t) {
    if (std::exchange(once, true)) return true;
    EXPECT_TRUE(to->Put(ScopedEntry(1, 999, 7)));
    EXPECT_TRUE(to->Put(ScopedEntry(5000, 99)));
    EXPECT_TRUE(to->Flush(kFlush));
    EXPECT_TRUE(to->PutVector(KeyOf(1), "Nmeanwhile"));
    EXPECT_TRUE(to->Flush(kFlush));
    EXPECT_TRUE(to->Erase(KeyOf(2)));
    EXPECT_TRUE(to->Erase(KeyOf(4)));
    EXPECT_TRUE(to->Put(ScopedEntry(4, 111, 9)));
    PurgeRule rule;
    rule.before_ms = clock_.WallMs();
    rule.tag = "tag-0";
    EXPECT_TRUE(to->Purge(rule, {}));
    return true;
  });
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(**to->Find(KeyOf(1)), *ScopedEntry(1, 999, 7));
  EXPECT_EQ(*to->FindVector(KeyOf(1)), "Nmeanwhile");
  EXPECT_TRUE(*to->Find(KeyOf(5000)));
  EXPECT_FALSE(*to->Find(KeyOf(2)));
  EXPECT_EQ(**to->Find(KeyOf(4)), *ScopedEntry(4, 111, 9));
  EXPECT_FALSE(*to->Find(KeyOf(3)));
  EXPECT_FALSE(*to->Find(KeyOf(6)));
  EXPECT_TRUE(*to->Find(KeyOf(7)));
  to.reset();
  to = Open("to");
  EXPECT_FALSE(*to->Find(KeyOf(2)));
  EXPECT_FALSE(*to->Find(KeyOf(3)));
  EXPECT_EQ(**to->Find(KeyOf(4)), *ScopedEntry(4, 111, 9));
}

TEST_F(SnapshotTest, AClearDuringALoadEndsIt) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 100);
  ASSERT_TRUE(Save(*from));
  const auto loaded = Load(*to, "one.snapshot", [&](std::uint64_t, std::uint64_t) { return to->Clear().has_value(); });
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(to->Stats().entries, 0u);
  EXPECT_TRUE(Load(*to));
}

TEST_F(SnapshotTest, PutsOfOtherThreadsDuringSavesAndLoadsAreNeverLost) {
  auto store = Open("from", 256u << 20);
  Fill(*store, 300);
  ASSERT_TRUE(Save(*store));
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> put{10'000};
  std::atomic<std::uint64_t> wrong{0}, missed{0};
  std::thread writer([&] {
    while (!stop && put < 40'000) {
      if (store->Put(ScopedEntry(put, 200))) ++put;
      std::this_thread::yield();
    }
  });
  std::thread reader([&] {
    for (std::uint64_t i = 0; !stop; i = (i + 1) % 300) {
      const auto entry = store->Find(KeyOf(i));
      const bool found = entry && *entry;
      if (!found) ++missed;
      if (found && (*entry)->reply != ScopedEntry(i, 200 + i % 5 * 1500)->reply) ++wrong;
      (void)store->FindScope(base::HashBytes("scope 1"), 10);
    }
  });
  std::uint64_t before = put;
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(Save(*store, "round.snapshot"));
    EXPECT_TRUE(VerifySnapshot(File("round.snapshot"), {}));
    // What is stored from the first progress on is stored meanwhile.
    std::atomic<std::uint64_t> begun{0};
    const auto loaded = Load(*store, "round.snapshot", [&](std::uint64_t, std::uint64_t) {
      if (begun == 0) begun = put.load();
      return true;
    });
    before = begun;
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  stop = true;
  writer.join();
  reader.join();
  EXPECT_EQ(wrong, 0u);
  // At the moment of a swap a look-up may miss.
  EXPECT_LE(missed, 5u);
  ASSERT_TRUE(store->Flush(kFlush));
  for (std::uint64_t i = before + 1; i < put; ++i) ASSERT_TRUE(*store->Find(KeyOf(i))) << i;
  ExpectEntries(*store, 300);
}

TEST_F(SnapshotTest, MoreThanTheLimitHoldsIsLeftOutWithACount) {
  auto from = Open("from"), to = Open("to", 4u << 20);
  for (std::uint64_t i = 0; i < 200; ++i) ASSERT_TRUE(from->Put(MakeEntry(i, 200'000)));
  ASSERT_TRUE(from->Flush(kFlush));
  ASSERT_TRUE(Save(*from));
  const auto loaded = Load(*to);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_GT(loaded->left_out, 0u);
  EXPECT_EQ(loaded->entries + loaded->left_out, 200u);
  ASSERT_TRUE(to->Put(MakeEntry(900, 100)));
  ASSERT_TRUE(to->Flush(kFlush));
  EXPECT_TRUE(*to->Find(KeyOf(900)));
}

TEST_F(SnapshotTest, ACancelledSaveOrLoadLeavesNothing) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 100);
  SnapshotSaving saving;
  saving.file = File();
  saving.progress = [](std::uint64_t, std::uint64_t) { return false; };
  const auto saved = from->SaveSnapshot(saving);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(File()));
  EXPECT_FALSE(std::filesystem::exists(File().string() + ".part"));
  ASSERT_TRUE(Save(*from));
  const auto loaded = Load(*to, "one.snapshot", [](std::uint64_t, std::uint64_t) { return false; });
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "to" / "loading"));
}

std::string ReadAll(const std::filesystem::path& path) { return *base::ReadFile(path, 1u << 30); }
void WriteAll(const std::filesystem::path& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST_F(SnapshotTest, EveryFlippedOrMissingByteIsRefusedAndTheStoreStaysAsItWas) {
  auto from = Open("from"), to = Open("to");
  Fill(*from, 8);
  ASSERT_TRUE(from->PutNote("n", "v"));
  Fill(*to, 5, 3);
  ASSERT_TRUE(Save(*from));
  const std::string whole = ReadAll(File());
  const auto refused = [&](std::string_view bytes, const std::string& what) {
    WriteAll(File("bad"), bytes);
    const auto verified = VerifySnapshot(File("bad"), {});
    ASSERT_FALSE(verified) << what;
    EXPECT_NE(verified.error().message.find(File("bad").string()), std::string::npos) << verified.error().message;
  };
  // Each byte of the head and the end, and every forty-first between.
  for (std::size_t at = 0; at < whole.size(); at += at < 90 || at + 130 > whole.size() ? 1 : 41) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    refused(bad, "flipped " + std::to_string(at));
  }
  for (std::size_t size = 0; size < whole.size(); size += size < 30 || size + 60 > whole.size() ? 1 : 499) {
    refused(whole.substr(0, size), "cut to " + std::to_string(size));
  }
  refused(whole + "x", "longer");
  for (const std::size_t at : {std::size_t{9}, std::size_t{40}, whole.size() / 2, whole.size() - 60, whole.size() - 1}) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    WriteAll(File("bad"), bad);
    EXPECT_FALSE(Load(*to, "bad")) << at;
    ExpectEntries(*to, 5, 3);
  }
  EXPECT_EQ(to->Stats().entries, 5u);
}

TEST_F(SnapshotTest, ForeignNewerAndMissingFilesAreNamed) {
  auto from = Open("from");
  Fill(*from, 3);
  ASSERT_TRUE(Save(*from));
  WriteAll(File("foreign"), "PK\x03\x04 and much more than sixteen bytes of something else");
  EXPECT_EQ(Load(*from, "foreign").error().code, ErrorCode::kUnsupported);
  std::string newer = ReadAll(File());
  newer[8] = 2;
  WriteAll(File("newer"), newer);
  const auto error = Load(*from, "newer").error();
  EXPECT_EQ(error.code, ErrorCode::kNewerFormat);
  EXPECT_NE(error.message.find("newer Reflex: its format is 2"), std::string::npos) << error.message;
  EXPECT_EQ(Load(*from, "none").error().code, ErrorCode::kNotFound);
  ExpectEntries(*from, 3);
}

// The format as docs/snapshots.md has it, put together here without the program's encoders: what a machine of the other byte order
// must write and read too.
class Bytes {
 public:
  template <class T>
  Bytes& Number(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      bytes_.push_back(static_cast<char>(static_cast<unsigned char>(static_cast<std::uint64_t>(value) >> (8 * i))));
    }
    return *this;
  }
  Bytes& Raw(std::string_view raw) {
    bytes_ += raw;
    return *this;
  }
  Bytes& Text(std::string_view text) { return Number(static_cast<std::uint32_t>(text.size())).Raw(text); }
  Bytes& Check(std::size_t from = 0) {
    const Digest digest = base::HashBytes(std::string_view(bytes_).substr(from));
    bytes_.append(reinterpret_cast<const char*>(digest.bytes.data()), 8);
    return *this;
  }
  const std::string& get() const { return bytes_; }

 private:
  std::string bytes_;
};

// A zstd frame that is not compressed: magic, single segment with an 8-byte size, one raw last block.
std::string RawFrame(std::string_view content) {
  Bytes frame;
  frame.Raw("\x28\xb5\x2f\xfd").Raw("\xe0").Number(static_cast<std::uint64_t>(content.size()));
  const auto head = static_cast<std::uint32_t>(content.size() << 3 | 1);
  for (int i = 0; i < 3; ++i) frame.Number(static_cast<std::uint8_t>(head >> (8 * i)));
  return frame.Raw(content).get();
}

std::string Block(std::uint32_t kind, std::uint32_t rows, std::string_view content, std::string_view packed) {
  Bytes head;
  head.Number(kind).Number(rows).Number(static_cast<std::uint32_t>(content.size()));
  head.Number(static_cast<std::uint32_t>(packed.size()));
  const Digest sum = base::HashBytes(packed);
  head.Raw({reinterpret_cast<const char*>(sum.bytes.data()), 8}).Check();
  return head.get() + std::string(packed);
}

TEST_F(SnapshotTest, AFileWrittenByteByByteIsReadOnAnyMachine) {
  Bytes entry_head;
  const std::string key(32, '\x11'), scope(32, '\x22'), canonical(32, '\x33');
  Bytes rest;
  rest.Raw(scope).Raw(canonical).Number(std::int64_t{1'700'000'000'123}).Number(std::int64_t{1'900'000'000'456});
  rest.Number(std::uint32_t{0x01020304}).Number(std::uint32_t{9}).Text("gpt").Text("space").Text("req_1");
  rest.Number(std::uint32_t{1}).Text("tag").Text("why?").Number(std::uint32_t{5}).Number(std::uint32_t{2});
  entry_head.Raw(key).Raw("\x02").Number(static_cast<std::uint32_t>(37 + rest.get().size())).Raw(rest.get()).Raw("replyla");
  const std::string rows = Bytes().Text(entry_head.get()).Text("vector bytes").get();
  const std::string notes = Bytes().Text("blocked/a").Text("b").get();

  Bytes head;
  head.Number(std::int64_t{1'700'000'000'999}).Raw(std::string(32, '\x44')).Text("sealed").Text("reflex 9");
  Bytes file;
  file.Raw("RXSNAP\r\n").Number(std::uint32_t{1}).Number(static_cast<std::uint32_t>(head.get().size())).Raw(head.get()).Check();
  file.Raw(Block(1, 1, rows, RawFrame(rows))).Raw(Block(2, 1, notes, RawFrame(notes)));
  const std::uint64_t end_at = file.get().size();
  Bytes end;
  end.Number(std::uint64_t{1}).Number(std::uint64_t{1}).Number(std::uint64_t{1}).Number(std::uint64_t{0});
  end.Number(std::uint32_t{1}).Text("ab12").Number(std::uint32_t{384}).Number(std::uint64_t{1});
  file.Raw(Block(3, 0, end.get(), end.get())).Number(end_at);
  const Digest whole = base::HashBytes(file.get());
  file.Raw({reinterpret_cast<const char*>(whole.bytes.data()), 32});
  WriteAll(File("fixture"), file.get());

  const auto info = VerifySnapshot(File("fixture"), {});
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->created_ms, 1'700'000'000'999);
  EXPECT_EQ(info->wrapped_secret, "sealed");
  EXPECT_EQ(info->program, "reflex 9");
  ASSERT_EQ(info->embedders.size(), 1u);
  EXPECT_EQ(info->embedders[0], (SnapshotEmbedder{"ab12", 384, 1}));
  auto store = Open("to");
  ASSERT_TRUE(Load(*store, "fixture"));
  Digest name;
  name.bytes.fill(0x11);
  const auto entry = store->Find(name);
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ((*entry)->created_ms, 1'700'000'000'123);
  EXPECT_EQ((*entry)->usage.input_tokens, 0x01020304u);
  EXPECT_EQ((*entry)->question, "why?");
  EXPECT_EQ((*entry)->reply, "reply");
  EXPECT_EQ((*entry)->layout, "la");
  EXPECT_EQ(*store->FindVector(name), "vector bytes");
  EXPECT_EQ(*store->FindNote("blocked/a"), "b");

  // And what this machine writes of it has the same bytes, but for what zstd makes of the blocks.
  ASSERT_TRUE(Save(*store, "again"));
  const std::string again = ReadAll(File("again"));
  EXPECT_EQ(again.substr(0, 12), file.get().substr(0, 12));
  EXPECT_TRUE(again.find(Bytes().Number(std::uint32_t{40}).Number(std::uint64_t{1}).get()) != std::string::npos);
}

}  // namespace
}  // namespace reflex::store
