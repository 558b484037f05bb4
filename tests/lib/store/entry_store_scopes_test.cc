// The part of the contract about scopes, vectors, notes and purges, over every EntryStore.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"

namespace reflex::store {
namespace {

using namespace std::chrono_literals;
using Gone = std::multiset<std::pair<Digest, Digest>>;

class ScopesTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    store_ = GetParam().make(folder_.path() / "store", clock_, logger_);
    ASSERT_NE(store_, nullptr);
    store_->SetOnRemoved([this](const Digest& scope, const Digest& key) {
      const std::lock_guard lock(mutex_);
      gone_.emplace(scope, key);
    });
  }
  void TearDown() override { store_.reset(); }
  void Put(const EntryPtr& entry) {
    const auto put = store_->Put(entry);
    ASSERT_TRUE(put) << put.error().message;
  }
  void Flush() {
    const auto flushed = store_->Flush(20s);
    ASSERT_TRUE(flushed) << flushed.error().message;
  }
  std::vector<ScopeMember> Scope(std::uint64_t scope, std::size_t limit = 1'000) {
    auto found = store_->FindScope(ScopeOf(scope), limit);
    EXPECT_TRUE(found);
    return found ? *found : std::vector<ScopeMember>();
  }
  std::set<Digest> KeysOf(std::uint64_t scope) {
    std::set<Digest> keys;
    for (const ScopeMember& member : Scope(scope)) keys.insert(member.key);
    return keys;
  }
  EntryPtr Head(std::uint64_t number) {
    auto found = store_->FindHead(KeyOf(number));
    EXPECT_TRUE(found);
    return found ? *found : nullptr;
  }
  bool Has(std::uint64_t number) {
    const auto found = store_->Find(KeyOf(number));
    EXPECT_TRUE(found);
    return found && *found != nullptr;
  }
  Gone gone() {
    const std::lock_guard lock(mutex_);
    return gone_;
  }
  std::map<std::string, std::string> Notes(std::string_view prefix) {
    std::map<std::string, std::string> notes;
    std::string last;
    EXPECT_TRUE(store_->VisitNotes(prefix, [&](std::string_view key, std::string_view value) {
      EXPECT_LT(last, key);
      last = key;
      notes.emplace(key, value);
      return true;
    }));
    return notes;
  }

  TempFolder folder_;
  ManualClock clock_;
  KeepingLogger logger_;
  std::mutex mutex_;
  Gone gone_;
  std::unique_ptr<EntryStore> store_;
};

TEST_P(ScopesTest, MembersAreFoundPendingAndCommittedInOneOrder) {
  for (std::uint64_t i = 0; i < 40; ++i) Put(MakeScoped(i, i % 2, 300));
  Put(MakeEntry(500, 100));
  const auto pending = Scope(0);
  ASSERT_EQ(pending.size(), 20u);
  EXPECT_TRUE(
      std::is_sorted(pending.begin(), pending.end(), [](const auto& a, const auto& b) { return a.canonical < b.canonical; }));
  Flush();
  EXPECT_EQ(Scope(0), pending);
  for (std::uint64_t i = 40; i < 60; ++i) Put(MakeScoped(i, i % 2, 300));
  const auto both = Scope(0);
  EXPECT_EQ(both.size(), 30u);
  EXPECT_TRUE(std::is_sorted(both.begin(), both.end(), [](const auto& a, const auto& b) { return a.canonical < b.canonical; }));
  EXPECT_EQ(Scope(0, 7), std::vector<ScopeMember>(both.begin(), both.begin() + 7));
  EXPECT_TRUE(Scope(0, 0).empty());
  EXPECT_TRUE(Scope(9).empty());
  EXPECT_TRUE(store_->FindScope(Digest{}, 10)->empty()) << "the scope of those that have none";
}

TEST_P(ScopesTest, CanonicalPicksItsKeysOnly) {
  for (std::uint64_t i = 0; i < 6; ++i) Put(MakeScoped(i, 1, 100, i % 3));
  const auto check = [&] {
    const auto keys = store_->FindCanonical(ScopeOf(1), CanonicalOf(2), 10);
    ASSERT_TRUE(keys);
    EXPECT_EQ(std::set<Digest>(keys->begin(), keys->end()), (std::set<Digest>{KeyOf(2), KeyOf(5)}));
    EXPECT_EQ(store_->FindCanonical(ScopeOf(1), CanonicalOf(2), 1)->size(), 1u);
    EXPECT_TRUE(store_->FindCanonical(ScopeOf(2), CanonicalOf(2), 10)->empty());
  };
  check();
  Flush();
  check();
}

TEST_P(ScopesTest, HeadsAreTheEntryWithoutItsReply) {
  for (const std::size_t question : {10u, 3'000u, 100'000u}) {
    auto entry = std::make_shared<Entry>(*MakeScoped(question, 1, 5'000));
    entry->question.assign(question, 'q');
    Entry expected = *entry;
    expected.reply.clear();
    expected.layout.clear();
    Put(entry);
    ASSERT_NE(Head(question), nullptr);
    EXPECT_EQ(*Head(question), expected);
    EXPECT_EQ(**store_->FindHeadByLabel(LabelOf(KeyOf(question))), expected);
    Flush();
    ASSERT_NE(Head(question), nullptr) << question;
    EXPECT_EQ(*Head(question), expected);
    ASSERT_NE(*store_->FindHeadByLabel(LabelOf(KeyOf(question))), nullptr);
    EXPECT_EQ(**store_->FindHeadByLabel(LabelOf(KeyOf(question))), expected);
    EXPECT_EQ(**store_->Find(KeyOf(question)), *entry);
  }
  EXPECT_EQ(Head(77), nullptr);
  EXPECT_EQ(*store_->FindHeadByLabel(12'345), nullptr);
}

TEST_P(ScopesTest, OfKeysWithOneLabelTheLowestAnswers) {
  auto low = std::make_shared<Entry>(*MakeScoped(1, 1, 100));
  auto high = std::make_shared<Entry>(*MakeScoped(2, 1, 100));
  high->key = low->key;
  low->key.bytes[31] = 1;
  high->key.bytes[31] = 2;
  const std::uint64_t label = LabelOf(low->key);
  Put(high);
  EXPECT_EQ((*store_->FindHeadByLabel(label))->key, high->key);
  Flush();
  Put(low);
  EXPECT_EQ((*store_->FindHeadByLabel(label))->key, low->key);
  Flush();
  EXPECT_EQ((*store_->FindHeadByLabel(label))->key, low->key);
  ASSERT_TRUE(store_->Erase(low->key));
  EXPECT_EQ((*store_->FindHeadByLabel(label))->key, high->key) << "a pending erasure hides";
  Flush();
  EXPECT_EQ((*store_->FindHeadByLabel(label))->key, high->key);
}

TEST_P(ScopesTest, ErasedMembersAreGoneAtOnceAndTold) {
  for (std::uint64_t i = 0; i < 4; ++i) Put(MakeScoped(i, 1, 100));
  Flush();
  ASSERT_TRUE(store_->Erase(KeyOf(0)));
  Put(MakeScoped(9, 1, 100));
  ASSERT_TRUE(store_->Erase(KeyOf(9)));
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(1), KeyOf(2), KeyOf(3)}));
  EXPECT_EQ(Head(0), nullptr);
  Flush();
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(1), KeyOf(2), KeyOf(3)}));
  EXPECT_EQ(gone().count({ScopeOf(1), KeyOf(0)}), 1u);
  EXPECT_EQ(gone().count({ScopeOf(1), KeyOf(1)}), 0u);
}

TEST_P(ScopesTest, AReplacementMovesTheEntryToItsNewScope) {
  Put(MakeScoped(1, 1, 100));
  Put(MakeScoped(2, 1, 100));
  Flush();
  Put(MakeScoped(1, 2, 100));
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(2)}));
  EXPECT_EQ(KeysOf(2), (std::set<Digest>{KeyOf(1)}));
  Put(MakeScoped(2, 1, 200));
  Flush();
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(2)}));
  EXPECT_EQ(KeysOf(2), (std::set<Digest>{KeyOf(1)}));
  EXPECT_EQ(gone(), (Gone{{ScopeOf(1), KeyOf(1)}})) << "the second stayed where it was";
  Put(MakeEntry(1, 100));
  Flush();
  EXPECT_TRUE(Scope(2).empty());
  EXPECT_TRUE(Has(1));
}

TEST_P(ScopesTest, WhatIsPutBackAtOnceIsToldAsGoneOnceAtMost) {
  Put(MakeScoped(1, 1, 100));
  Flush();
  ASSERT_TRUE(store_->Erase(KeyOf(1)));
  Put(MakeScoped(1, 1, 300));
  Flush();
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(1)}));
  // The erasure may have been carried out before the Put came. That a store which finds both at once tells nothing is shown where
  // its thread, or its server, is held: full_disk_test.cc, redis/trouble_test.cc.
  const Gone told = gone();
  EXPECT_LE(told.size(), 1u);
  EXPECT_EQ(told.count({ScopeOf(1), KeyOf(1)}), told.size());
}

TEST_P(ScopesTest, AClearEmptiesScopesButKeepsNotes) {
  for (std::uint64_t i = 0; i < 1'500; ++i) Put(MakeScoped(i, i % 3, 100));
  ASSERT_TRUE(store_->PutNote("n", "1"));
  Flush();
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(store_->PutVector(KeyOf(i), "v"));
  Flush();
  Put(MakeScoped(2'000, 1, 100));
  ASSERT_TRUE(store_->Clear());
  EXPECT_TRUE(Scope(1).empty());
  Put(MakeScoped(1, 1, 100, 8));
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(1)}));
  Flush();
  EXPECT_EQ(KeysOf(1), (std::set<Digest>{KeyOf(1)}));
  EXPECT_TRUE(Scope(2).empty());
  EXPECT_EQ(Head(2), nullptr);
  EXPECT_FALSE(store_->ReadVectorByLabel(LabelOf(KeyOf(2)), [](std::string_view) {}));
  EXPECT_EQ(*store_->FindVector(KeyOf(1)), "") << "the entry came back, its vector not";
  EXPECT_EQ(*store_->FindNote("n"), "1");
}

TEST_P(ScopesTest, VisitScopesShowsEachMemberOnceScopesTogether) {
  for (std::uint64_t i = 0; i < 3'000; ++i) Put(MakeScoped(i, i % 7, 50));
  Put(MakeEntry(5'000, 50));
  Flush();
  ASSERT_TRUE(store_->Erase(KeyOf(0)));
  Flush();
  std::vector<Digest> scopes;
  std::set<Digest> keys;
  ASSERT_TRUE(store_->VisitScopes([&](const Digest& scope, const ScopeMember& member) {
    if (scopes.empty() || scopes.back() != scope) scopes.push_back(scope);
    EXPECT_TRUE(keys.insert(member.key).second);
    return true;
  }));
  EXPECT_EQ(scopes.size(), 7u);
  EXPECT_EQ(keys.size(), 2'999u);
  int visits = 0;
  ASSERT_TRUE(store_->VisitScopes([&](const Digest&, const ScopeMember&) { return ++visits < 5; }));
  EXPECT_EQ(visits, 5);
}

TEST_P(ScopesTest, ManyVectorsAreReadAtOnce) {
  std::vector<Digest> keys;
  std::vector<std::uint64_t> labels;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Put(MakeScoped(i, i % 3, 100));
    keys.push_back(KeyOf(i));
    labels.push_back(LabelOf(keys.back()));
  }
  Flush();
  for (std::uint64_t i = 0; i < 300; i += 2) ASSERT_TRUE(store_->PutVector(keys[i], "vector " + std::to_string(i)));
  Flush();
  ASSERT_TRUE(store_->Erase(keys[4]));
  Flush();
  const auto vectors = store_->FindVectors(keys);
  ASSERT_TRUE(vectors);
  std::map<std::uint64_t, std::string> read, expected;
  store_->ReadVectorsByLabel(labels, [&](std::uint64_t label, std::string_view bytes) { read[label] = bytes; });
  for (std::uint64_t i = 0; i < 300; ++i) {
    const bool has = i % 2 == 0 && i != 4;
    EXPECT_EQ((*vectors)[i], has ? "vector " + std::to_string(i) : "") << i;
    if (has) expected[labels[i]] = (*vectors)[i];
  }
  EXPECT_EQ(read, expected);
  EXPECT_TRUE(store_->FindVectors({})->empty());
  const std::vector<Digest> too_many(EntryStore::kKeysMax + 1);
  EXPECT_EQ(store_->FindVectors(too_many).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(ScopesTest, VectorsLiveAsLongAsTheirEntry) {
  Put(MakeScoped(1, 1, 100));
  Put(MakeScoped(2, 1, 100));
  const std::string vector = ReplyOf(1, 1'536), large = ReplyOf(2, 200'000);
  ASSERT_TRUE(store_->PutVector(KeyOf(1), "older"));
  ASSERT_TRUE(store_->PutVector(KeyOf(1), vector));
  ASSERT_TRUE(store_->PutVector(KeyOf(2), large));
  ASSERT_TRUE(store_->PutVector(KeyOf(3), "of nobody"));
  Flush();
  EXPECT_EQ(*store_->FindVector(KeyOf(1)), vector);
  EXPECT_EQ(*store_->FindVector(KeyOf(2)), large);
  EXPECT_EQ(*store_->FindVector(KeyOf(3)), "");
  std::string seen;
  EXPECT_TRUE(store_->ReadVectorByLabel(LabelOf(KeyOf(2)), [&](std::string_view bytes) { seen = bytes; }));
  EXPECT_EQ(seen, large);
  EXPECT_FALSE(store_->ReadVectorByLabel(LabelOf(KeyOf(3)), [&](std::string_view) { ADD_FAILURE(); }));
  // The same question again keeps it; another question does not.
  Put(MakeScoped(1, 1, 4'000));
  Put(MakeScoped(2, 1, 100, 77));
  Flush();
  EXPECT_EQ(*store_->FindVector(KeyOf(1)), vector);
  EXPECT_EQ(*store_->FindVector(KeyOf(2)), "");
  ASSERT_TRUE(store_->Erase(KeyOf(1)));
  EXPECT_EQ(*store_->FindVector(KeyOf(1)), "");
  Flush();
  Put(MakeScoped(1, 1, 100));
  Flush();
  EXPECT_EQ(*store_->FindVector(KeyOf(1)), "");
  const auto refused = store_->PutVector(KeyOf(1), std::string((256 << 10) + 1, 'v'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
}

TEST_P(ScopesTest, NotesAreFoundAtOnceAndAfterTheCommit) {
  EXPECT_EQ(store_->FindNote("a").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(store_->PutNote("a/1", "one"));
  ASSERT_TRUE(store_->PutNote("a/3", "three"));
  ASSERT_TRUE(store_->PutNote("b/1", ""));
  EXPECT_EQ(*store_->FindNote("a/1"), "one");
  EXPECT_EQ(*store_->FindNote("b/1"), "");
  Flush();
  EXPECT_EQ(*store_->FindNote("a/1"), "one");
  ASSERT_TRUE(store_->PutNote("a/2", "two"));
  ASSERT_TRUE(store_->PutNote("a/3", "three, again"));
  ASSERT_TRUE(store_->EraseNote("a/1"));
  ASSERT_TRUE(store_->EraseNote("never"));
  ASSERT_TRUE(store_->PutNote("a/4", "four"));
  const auto check = [&] {
    EXPECT_EQ(store_->FindNote("a/1").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(Notes("a/"), (std::map<std::string, std::string>{{"a/2", "two"}, {"a/3", "three, again"}, {"a/4", "four"}}));
    EXPECT_EQ(Notes("").size(), 4u);
    EXPECT_EQ(Notes("b/1").size(), 1u);
    EXPECT_TRUE(Notes("c").empty());
  };
  check();
  Flush();
  check();
  int visits = 0;
  ASSERT_TRUE(store_->VisitNotes("", [&](std::string_view, std::string_view) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
}

TEST_P(ScopesTest, ManyNotesAreVisitedInOrder) {
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(store_->PutNote("k" + std::to_string(i), std::to_string(i)));
  Flush();
  for (int i = 1'000; i < 1'100; ++i) ASSERT_TRUE(store_->PutNote("k" + std::to_string(i), std::to_string(i)));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store_->EraseNote("k" + std::to_string(i)));
  EXPECT_EQ(Notes("k").size(), 1'000u);
  EXPECT_EQ(Notes("k99").size(), 10u) << "990 to 999; 99 itself is erased";
}

TEST_P(ScopesTest, NotesOutOfBoundsAreNamed) {
  EXPECT_EQ(store_->PutNote("", "v").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->PutNote(std::string(129, 'k'), "v").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->PutNote("k", std::string(4'097, 'v')).error().code, ErrorCode::kTooLarge);
  const std::string key(128, '\xff'), value(4'096, 'v');
  ASSERT_TRUE(store_->PutNote(key, value));
  Flush();
  EXPECT_EQ(*store_->FindNote(key), value);
}

TEST_P(ScopesTest, NotesStopAtTheirShareOfTheStore) {
  const std::string value(4'096, 'v');
  ErrorCode code = ErrorCode::kInternal;
  int stored = 0;
  for (; stored < 8'000; ++stored) {
    const auto put = store_->PutNote("k" + std::to_string(stored), value);
    if (!put) {
      code = put.error().code;
      break;
    }
    if (stored % 200 == 0) Flush();
  }
  EXPECT_EQ(code, ErrorCode::kFull);
  EXPECT_GT(stored, 1'000);
  EXPECT_TRUE(store_->PutNote("k0", "small")) << "one that is there may be replaced";
}

TEST_P(ScopesTest, APurgeIsObeyedAtOnceAndTellsHowManyWent) {
  for (std::uint64_t i = 0; i < 600; ++i) Put(MakeScoped(i, 1, 100));
  Flush();
  for (std::uint64_t i = 600; i < 700; ++i) Put(MakeScoped(i, 1, 100));
  const PurgeRule rule = PurgeModel("odd");
  EXPECT_EQ(*store_->CountPurge(rule), 350u);
  EXPECT_EQ(*store_->CountPurge(PurgeAll(1'699'999'999'999)), 0u);
  PurgeRule space = PurgeAll();
  space.name_space = "space";
  EXPECT_EQ(*store_->CountPurge(space), 700u);
  EXPECT_EQ(*store_->CountPurge(PurgeTag("tag-0")), 234u);
  Gate gate;
  ASSERT_TRUE(store_->Purge(rule, [&](std::uint64_t count) { gate.Open(count); }));
  for (std::uint64_t i = 0; i < 700; ++i) {
    ASSERT_EQ(Has(i), i % 2 == 0) << i;
    ASSERT_EQ(Head(i) != nullptr, i % 2 == 0) << i;
    ASSERT_EQ(*store_->FindHeadByLabel(LabelOf(KeyOf(i))) != nullptr, i % 2 == 0) << i;
  }
  // What comes after the purge is not its business, even with an older time.
  Put(MakeScoped(1, 1, 100));
  EXPECT_TRUE(Has(1));
  // A store that purges behind finds one of them replaced already.
  const std::uint64_t went = gate.Wait();
  EXPECT_TRUE(went == 350 || (went == 349 && GetParam().name != "Memory")) << went;
  EXPECT_TRUE(Has(1));
  Flush();
  EXPECT_TRUE(Has(1));
  EXPECT_FALSE(Has(3));
  EXPECT_EQ(Scope(1).size(), 351u);
  EXPECT_EQ(store_->Stats().entries, 351u);
  EXPECT_EQ(*store_->CountPurge(rule), 1u);
  EXPECT_EQ(gone().count({ScopeOf(1), KeyOf(3)}), 1u);
}

TEST_P(ScopesTest, PurgesThatComeTogetherAllEnd) {
  for (std::uint64_t i = 0; i < 900; ++i) Put(MakeScoped(i, i % 4, 60));
  std::vector<std::unique_ptr<Gate>> gates;
  for (int i = 0; i < 30; ++i) {
    gates.push_back(std::make_unique<Gate>());
    Gate& gate = *gates.back();
    const PurgeRule rule = PurgeTag("tag-" + std::to_string(i % 2));
    ASSERT_TRUE(store_->Purge(rule, [&](std::uint64_t count) { gate.Open(count); }));
  }
  for (auto& gate : gates) (void)gate->Wait();
  Flush();
  EXPECT_EQ(store_->Stats().entries, 300u);
  for (std::uint64_t i = 0; i < 900; ++i) ASSERT_EQ(Has(i), i % 3 == 2) << i;
}

TEST_P(ScopesTest, ManyThreadsSeeMembersThatAreThere) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t i = 0; i < 300; ++i) {
        const std::uint64_t number = (i * 7 + thread) % 60;
        if (i % 2 == 0) (void)store_->Put(MakeScoped(number, number % 3, 100));
        if (i % 41 == 0) (void)store_->Erase(KeyOf(number));
        if (i % 67 == 0) (void)store_->Purge(PurgeModel("odd"), nullptr);
        if (i % 151 == 0) (void)store_->Clear();
        if (i % 5 == 0) (void)store_->PutVector(KeyOf(number), "vector");
        if (i % 9 == 0) (void)store_->PutNote("note " + std::to_string(number), std::to_string(number));
        const auto members = store_->FindScope(ScopeOf(number % 3), 100);
        if (!members) ++wrong;
        for (const ScopeMember& member : members ? *members : std::vector<ScopeMember>()) {
          const auto head = store_->FindHead(member.key);
          if (!head || (*head != nullptr && (*head)->scope != ScopeOf(number % 3))) ++wrong;
        }
        (void)store_->ReadVectorByLabel(LabelOf(KeyOf(number)),
                                        [&](std::string_view bytes) { wrong += bytes == "vector" ? 0 : 1; });
        const auto note = store_->FindNote("note " + std::to_string(number));
        if (note && *note != std::to_string(number)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(Stores, ScopesTest, ::testing::ValuesIn(StoreKinds()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace reflex::store
