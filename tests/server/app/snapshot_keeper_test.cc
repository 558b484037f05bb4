#include "app/snapshot_keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "app/open_store.h"
#include "app/secrets.h"
#include "base/digest.h"
#include "base/files.h"
#include "lib/store/store_test_util.h"
#include "reflex/lmdb_store.h"

namespace reflex::app {
namespace {

using store::KeyOf;
using store::MakeEntry;

class SnapshotKeeperTest : public testing::Test {
 protected:
  // A machine: its storage folder, store and secret.
  struct Machine {
    Settings settings = {};
    Secrets secrets = {};
    std::unique_ptr<store::LmdbStore> store = {};
    std::unique_ptr<Snapshots> snapshots = {};
  };

  Settings SettingsOf(const std::string& name) {
    Settings settings;
    settings.storage_path = folder_.path() / name;
    settings.store.path = settings.storage_path;
    settings.store.limit_bytes = 64u << 20;
    settings.snapshot.target = "file://" + (folder_.path() / "target").string();
    settings.snapshot.passphrase = "correct horse battery staple";
    return settings;
  }
  void Start(Machine& machine) {
    ASSERT_TRUE(PrepareStorage(machine.settings.storage_path));
    const auto adopted = AdoptSecret(machine.settings, clock_, logger_);
    ASSERT_TRUE(adopted) << adopted.error().message;
    machine.secrets = *LoadSecrets(machine.settings);
    machine.store = *store::LmdbStore::Open(machine.settings.store, clock_, logger_);
    SnapshotParts parts;
    parts.store = machine.store.get();
    parts.settings = &machine.settings;
    parts.tenant_secret = machine.secrets.tenant_secret;
    parts.clock = &clock_;
    parts.logger = &logger_;
    auto snapshots = OpenSnapshots(std::move(parts));
    ASSERT_TRUE(snapshots) << snapshots.error().message;
    machine.snapshots = std::move(*snapshots);
  }

  store::TempFolder folder_;
  store::ManualClock clock_;
  store::KeepingLogger logger_;
};

TEST_F(SnapshotKeeperTest, ANewMachineGetsTheEntriesAndTheSecret) {
  Machine one{.settings = SettingsOf("one")}, two{.settings = SettingsOf("two")};
  Start(one);
  ASSERT_TRUE(one.store->Put(MakeEntry(1, 100)));
  const auto saved = one.snapshots->Save({});
  ASSERT_TRUE(saved) << saved.error().message;
  Start(two);
  EXPECT_EQ(two.secrets.tenant_secret, one.secrets.tenant_secret);
  const auto loaded = two.snapshots->Load("", {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->entries, 1u);
  EXPECT_TRUE(*two.store->Find(KeyOf(1)));
  const std::string bytes = *base::ReadFile(folder_.path() / "target" / saved->name, 1u << 20);
  EXPECT_EQ(bytes.find(one.secrets.tenant_secret), std::string::npos);
}

TEST_F(SnapshotKeeperTest, AWrongPassphraseIsASentenceAndMakesNoSecret) {
  Machine one{.settings = SettingsOf("one")};
  Start(one);
  ASSERT_TRUE(one.snapshots->Save({}));
  Settings other = SettingsOf("two");
  other.snapshot.passphrase = "wrong";
  ASSERT_TRUE(PrepareStorage(other.storage_path));
  const auto adopted = AdoptSecret(other, clock_, logger_);
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(adopted.error().message.find("passphrase"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(other.storage_path / kTenantKeyName));
}

TEST_F(SnapshotKeeperTest, AnotherSecretIsRefusedAndTheStoreStays) {
  Machine one{.settings = SettingsOf("one")}, two{.settings = SettingsOf("two")};
  Start(two);
  ASSERT_TRUE(two.store->Put(MakeEntry(7, 100)));
  Start(one);
  ASSERT_TRUE(one.store->Put(MakeEntry(1, 100)));
  ASSERT_TRUE(one.snapshots->Save({}));
  const auto loaded = two.snapshots->Load("", {});
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("another tenant secret"), std::string::npos) << loaded.error().message;
  EXPECT_NE(loaded.error().message.find("without tenant.key"), std::string::npos) << loaded.error().message;
  EXPECT_TRUE(*two.store->Find(KeyOf(7)));
}

TEST_F(SnapshotKeeperTest, ASnapshotWithoutItsSecretIsNotSaidToBringIt) {
  Machine one{.settings = SettingsOf("one")}, two{.settings = SettingsOf("two")};
  one.settings.snapshot.passphrase.clear();
  two.settings.snapshot.passphrase.clear();
  Start(one);
  ASSERT_TRUE(one.store->Put(MakeEntry(1, 100)));
  ASSERT_TRUE(one.snapshots->Save({}));
  Start(two);
  const auto loaded = two.snapshots->Load("", {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message.find("without tenant.key"), std::string::npos) << loaded.error().message;
  EXPECT_NE(loaded.error().message.find("tenant.secret_file"), std::string::npos) << loaded.error().message;
}

TEST_F(SnapshotKeeperTest, TheNewestStayAndTheRestGoes) {
  Machine one{.settings = SettingsOf("one")};
  one.settings.snapshot.keep = 2;
  Start(one);
  std::vector<std::string> names;
  for (int i = 0; i < 4; ++i) {
    clock_.AdvanceMs(1001);
    names.push_back(one.snapshots->Save({})->name);
  }
  const auto infos = one.snapshots->List();
  ASSERT_TRUE(infos);
  ASSERT_EQ(infos->size(), 2u);
  EXPECT_EQ((*infos)[0].name, names[3]);
  EXPECT_EQ((*infos)[1].name, names[2]);
}

TEST_F(SnapshotKeeperTest, NothingLeavesTheMachineWithoutAPassphrase) {
  Machine one{.settings = SettingsOf("one")};
  one.settings.snapshot.target = "gs://bucket/prefix";
  one.settings.snapshot.passphrase.clear();
  Start(one);
  const auto saved = one.snapshots->Save({});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(saved.error().message.find("REFLEX_SNAPSHOT_PASSPHRASE"), std::string::npos);
  EXPECT_NE(saved.error().message.find("REFLEX_TENANT_SECRET_FILE"), std::string::npos);
}

TEST_F(SnapshotKeeperTest, NoSnapshotYetIsNotFoundAndBadNamesAreNamed) {
  Machine one{.settings = SettingsOf("one")};
  Start(one);
  EXPECT_EQ(one.snapshots->Load("", {}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(one.snapshots->Load("../x.snapshot", {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(one.snapshots->Load("reflex-none.snapshot", {}).error().code, ErrorCode::kNotFound);
}

TEST_F(SnapshotKeeperTest, OneAtATime) {
  Machine one{.settings = SettingsOf("one")};
  Start(one);
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(one.store->Put(MakeEntry(i, 100)));
  bool asked = false;
  const auto saved = one.snapshots->Save([&](const SnapshotProgress&) {
    if (!std::exchange(asked, true)) {
      EXPECT_EQ(one.snapshots->Load("", {}).error().code, ErrorCode::kBusy);
    }
    return true;
  });
  EXPECT_TRUE(saved);
  EXPECT_TRUE(asked);
}

// With check_wait at 0 the store is there before its file has been checked, and says that it has no entries.
TEST_F(SnapshotKeeperTest, AStoreThatIsBeingCheckedIsNotEmpty) {
  Machine one{.settings = SettingsOf("one")};
  Start(one);
  EXPECT_EQ(StateOf(*one.store), StoreState::kEmpty);
  for (std::uint64_t i = 0; i < 1'000; ++i) ASSERT_TRUE(one.store->Put(MakeEntry(i, 8'000)));
  ASSERT_TRUE(one.store->Flush(std::chrono::seconds(20)));
  one.snapshots.reset();
  one.store.reset();
  std::filesystem::remove(one.settings.storage_path / "closed");
  one.settings.store.check_wait = std::chrono::milliseconds(0);
  one.store = *store::LmdbStore::Open(one.settings.store, clock_, logger_);
  while (StateOf(*one.store) == StoreState::kOpening) std::this_thread::yield();
  EXPECT_EQ(StateOf(*one.store), StoreState::kFilled);
}

TEST_F(SnapshotKeeperTest, AHoldOnSavesLastsUntilOneSucceeds) {
  Machine one{.settings = SettingsOf("one")};
  const auto restart = [&] {
    one.snapshots.reset();
    one.store.reset();
    Start(one);
  };
  Start(one);
  EXPECT_FALSE(one.snapshots->saves_held());
  one.snapshots->HoldSaves(true);
  restart();
  EXPECT_TRUE(one.snapshots->saves_held());
  EXPECT_FALSE(one.snapshots->Load("", {}));
  EXPECT_TRUE(one.snapshots->saves_held());
  ASSERT_TRUE(one.snapshots->Save({}));
  EXPECT_FALSE(one.snapshots->saves_held());
  restart();
  EXPECT_FALSE(one.snapshots->saves_held());
  one.snapshots->HoldSaves(true);
  ASSERT_TRUE(one.snapshots->Load("", {}));
  EXPECT_FALSE(one.snapshots->saves_held());
}

TEST_F(SnapshotKeeperTest, WithASharedStoreNoSecretIsFetched) {
  Machine one{.settings = SettingsOf("one")};
  Start(one);
  ASSERT_TRUE(one.snapshots->Save({}));
  Settings two = SettingsOf("two");
  two.store_url = "redis://127.0.0.1:1";
  ASSERT_TRUE(PrepareStorage(two.storage_path));
  ASSERT_TRUE(AdoptSecret(two, clock_, logger_));
  EXPECT_FALSE(std::filesystem::exists(two.storage_path / kTenantKeyName));
}

TEST_F(SnapshotKeeperTest, TheOldNameOfTheBucketIsATarget) {
  SnapshotSettings settings;
  settings.gcs_bucket = "mine";
  EXPECT_EQ(settings.Target(), "gs://mine");
  settings.target = "file:///x";
  EXPECT_EQ(settings.Target(), "file:///x");
}

}  // namespace
}  // namespace reflex::app
