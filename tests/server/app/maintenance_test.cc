// What the program does beside requests: restoring, saving at intervals, leaving when idle. The clock is moved by hand and jobs run
// when the test says so.
#include "app/maintenance.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "fakes/kept_log.h"
#include "fakes/manual_clock.h"

namespace reflex::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using State = gateway::Readiness::State;

// Saves and loads in ten steps; between them a test may look.
class StepSnapshots final : public Snapshots {
 public:
  Result<SnapshotInfo> Save(const std::function<bool(SnapshotProgress)>& progress) override {
    ++saves;
    if (!Walk(progress)) return Fail(ErrorCode::kCancelled, "given up");
    if (save_error) return std::unexpected(*save_error);
    ++saved;
    held = false;
    return SnapshotInfo();
  }
  Result<SnapshotLoaded> Load(std::string_view, const std::function<bool(SnapshotProgress)>& progress) override {
    ++loads;
    if (!Walk(progress)) return Fail(ErrorCode::kCancelled, "given up");
    if (load_error) return std::unexpected(*load_error);
    held = false;
    return SnapshotLoaded();
  }
  Result<std::vector<SnapshotInfo>> List() override { return std::vector<SnapshotInfo>(); }
  void HoldSaves(bool hold) override { held = hold; }
  bool saves_held() const override { return held; }

  std::function<void(int)> between;
  std::optional<Error> save_error, load_error;
  int saves = 0, saved = 0, loads = 0;
  bool held = false;

 private:
  bool Walk(const std::function<bool(SnapshotProgress)>& progress) {
    for (int step = 0; step < 10; ++step) {
      if (!progress({.done = static_cast<std::uint64_t>(step), .total = 10})) return false;
      if (between) between(step);
    }
    return true;
  }
};

class CountedInstance final : public cloud::Instance {
 public:
  Result<void> Stop() override {
    ++stops;
    if (error) return std::unexpected(*error);
    return {};
  }
  std::optional<Error> error;
  int stops = 0;
};

class MaintenanceTest : public testing::Test {
 protected:
  Maintenance& Make(const MaintenanceOptions& options) {
    Maintenance::Parts parts;
    parts.snapshots = &snapshots_;
    parts.instance = &instance_;
    parts.readiness = &readiness_;
    parts.clock = &clock_;
    parts.logger = &log_;
    parts.activity = [this] {
      gateway::ActivityCount count;
      requests_->AddTo(count);
      return count;
    };
    parts.store = [this] { return store_; };
    parts.on_serving = [this] { ++served_; };
    parts.run_behind = [this](std::function<void()> job) {
      if (refuse_jobs_) return false;
      if (at_once_) job();
      if (!at_once_) jobs_.push_back(std::move(job));
      return true;
    };
    maintenance_.emplace(options, std::move(parts));
    return *maintenance_;
  }
  void RunJob() {
    ASSERT_FALSE(jobs_.empty());
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
  }
  // Looks once a second; true if one of the looks ended the program.
  bool Pass(seconds time) {
    for (seconds passed{0}; passed < time; ++passed) {
      clock_.Advance(seconds(1));
      if (maintenance_->Look()) return true;
    }
    return false;
  }
  void Request() { const gateway::ActiveRequest request(requests_); }

  fakes::ManualClock clock_;
  fakes::KeptLog log_;
  StepSnapshots snapshots_;
  CountedInstance instance_;
  gateway::Readiness readiness_;
  const std::shared_ptr<gateway::Activity> requests_ = std::make_shared<gateway::Activity>();
  StoreState store_ = StoreState::kFilled;
  bool refuse_jobs_ = false, at_once_ = false;
  int served_ = 0;
  std::deque<std::function<void()>> jobs_;
  std::optional<Maintenance> maintenance_;

  // The destructor ends what a test left.
  void TearDown() override {
    while (!jobs_.empty()) RunJob();
    at_once_ = true;
    maintenance_.reset();
  }
};

TEST_F(MaintenanceTest, AnEmptyStoreIsFilledBeforeItServes) {
  store_ = StoreState::kEmpty;
  Maintenance& maintenance = Make({});
  maintenance.Start();
  EXPECT_EQ(readiness_.Get(), State::kRestoring);
  EXPECT_TRUE(maintenance.needed());
  std::vector<std::uint32_t> percents;
  snapshots_.between = [&](int) { percents.push_back(readiness_.percent()); };
  RunJob();
  EXPECT_EQ(served_, 0);
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(percents, (std::vector<std::uint32_t>{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}));
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_EQ(served_, 1);
  EXPECT_FALSE(maintenance.needed());
}

TEST_F(MaintenanceTest, AStoreWithEntriesIsFilledOnlyIfAskedFor) {
  Make({}).Start();
  EXPECT_EQ(readiness_.Get(), State::kServing);
  Make({.hydrate = Hydrate::kAlways}).Start();
  EXPECT_EQ(readiness_.Get(), State::kRestoring);
  RunJob();
  store_ = StoreState::kEmpty;
  Make({.hydrate = Hydrate::kNever}).Start();
  EXPECT_EQ(readiness_.Get(), State::kServing);
}

TEST_F(MaintenanceTest, NothingThereYetIsNoError) {
  store_ = StoreState::kEmpty;
  snapshots_.load_error = Error{ErrorCode::kNotFound, "no snapshot"};
  Make({}).Start();
  RunJob();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_TRUE(log_.Saw("nothing-there-yet"));
}

TEST_F(MaintenanceTest, ARestoreThatFailsStartsEmptyAndSaysSo) {
  store_ = StoreState::kEmpty;
  snapshots_.load_error = Error{ErrorCode::kCorrupt, "block 3 is damaged"};
  Make({}).Start();
  RunJob();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_TRUE(log_.Saw("block 3 is damaged"));
}

TEST_F(MaintenanceTest, ARestoreBeyondItsLimitIsGivenUp) {
  store_ = StoreState::kEmpty;
  Make({.restore_limit = minutes(1)}).Start();
  snapshots_.between = [&](int step) {
    if (step == 4) EXPECT_FALSE(Pass(seconds(61)));
  };
  RunJob();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_TRUE(log_.Saw("time-limit"));
}

TEST_F(MaintenanceTest, AStoreThatIsBeingCheckedIsNotTakenForEmpty) {
  store_ = StoreState::kOpening;
  Maintenance& maintenance = Make({.save_interval = seconds(1)});
  maintenance.Start();
  EXPECT_TRUE(maintenance.needed());
  EXPECT_FALSE(Pass(seconds(5)));
  EXPECT_EQ(readiness_.Get(), State::kRestoring);
  EXPECT_TRUE(jobs_.empty());
  store_ = StoreState::kFilled;
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_EQ(served_, 1);
  EXPECT_EQ(snapshots_.loads, 0);
}

TEST_F(MaintenanceTest, AStoreThatIsEmptyAfterItsCheckIsFilled) {
  store_ = StoreState::kOpening;
  Make({}).Start();
  EXPECT_FALSE(Pass(seconds(1)));
  store_ = StoreState::kEmpty;
  EXPECT_FALSE(Pass(seconds(1)));
  RunJob();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(snapshots_.loads, 1);
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_EQ(served_, 1);
}

TEST_F(MaintenanceTest, ACheckBeyondTheLimitIsServedBesideAndNothingIsSaved) {
  store_ = StoreState::kOpening;
  Make({.restore_limit = minutes(1)}).Start();
  EXPECT_FALSE(Pass(seconds(61)));
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_TRUE(log_.Saw("time-limit"));
  EXPECT_TRUE(maintenance_->End([] { return false; }));
  EXPECT_EQ(snapshots_.saves, 0);
}

TEST_F(MaintenanceTest, AStoreThatComesLaterIsFilledThenAndReadAgain) {
  at_once_ = true;
  store_ = StoreState::kAway;
  Make({.save_interval = seconds(1)}).Start();
  EXPECT_EQ(readiness_.Get(), State::kServing);
  EXPECT_FALSE(Pass(seconds(5)));
  EXPECT_EQ(snapshots_.saves, 0);
  EXPECT_EQ(served_, 1);
  store_ = StoreState::kEmpty;
  EXPECT_FALSE(Pass(seconds(2)));
  EXPECT_EQ(snapshots_.loads, 1);
  EXPECT_EQ(served_, 2);
}

// Saved now, the little that is here would push out the good snapshots.
TEST_F(MaintenanceTest, AfterARestoreThatFailedNothingIsSavedByItself) {
  at_once_ = true;
  store_ = StoreState::kEmpty;
  snapshots_.load_error = Error{ErrorCode::kUnavailable, "the bucket is away"};
  Make({.save_interval = minutes(1), .idle_timeout = minutes(5), .stop_instance = true}).Start();
  EXPECT_FALSE(Pass(minutes(6)));
  EXPECT_TRUE(log_.Saw("snapshot held=true"));
  EXPECT_TRUE(log_.Saw("reflex snapshot load"));
  EXPECT_EQ(instance_.stops, 0);
  EXPECT_TRUE(maintenance_->End([] { return false; }));
  EXPECT_EQ(snapshots_.saves, 0);
  // Nor after the next start, whose store has an entry or two.
  store_ = StoreState::kFilled;
  Make({.save_interval = minutes(1)}).Start();
  EXPECT_FALSE(Pass(minutes(2)));
  EXPECT_EQ(snapshots_.saves, 0);
  // Until somebody saves or loads by hand.
  EXPECT_TRUE(snapshots_.Save([](const SnapshotProgress&) { return true; }));
  EXPECT_FALSE(Pass(minutes(1)));
  EXPECT_EQ(snapshots_.saved, 2);
}

TEST_F(MaintenanceTest, WithoutAnySnapshotThereIsNothingToPushOut) {
  at_once_ = true;
  store_ = StoreState::kEmpty;
  snapshots_.held = true;
  snapshots_.load_error = Error{ErrorCode::kNotFound, "no snapshot"};
  Make({}).Start();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_TRUE(maintenance_->End([] { return false; }));
  EXPECT_EQ(snapshots_.saved, 1);
}

TEST_F(MaintenanceTest, SavesAtIntervalsAndAgainAfterAFailure) {
  at_once_ = true;
  Make({.save_interval = minutes(10)}).Start();
  EXPECT_FALSE(Pass(minutes(9)));
  EXPECT_EQ(snapshots_.saves, 0);
  snapshots_.save_error = Error{ErrorCode::kUnavailable, "the bucket is away"};
  EXPECT_FALSE(Pass(minutes(2)));
  EXPECT_EQ(snapshots_.saves, 1);
  EXPECT_TRUE(log_.Saw("the bucket is away"));
  snapshots_.save_error.reset();
  EXPECT_FALSE(Pass(minutes(10)));
  EXPECT_EQ(snapshots_.saved, 1);
}

TEST_F(MaintenanceTest, IdleSavesStopsTheInstanceAndEnds) {
  at_once_ = true;
  Make({.idle_timeout = minutes(5), .stop_instance = true}).Start();
  EXPECT_FALSE(Pass(seconds(299)));
  EXPECT_EQ(snapshots_.saves, 0);
  EXPECT_TRUE(Pass(seconds(5)));
  EXPECT_EQ(snapshots_.saved, 1);
  EXPECT_EQ(instance_.stops, 1);
  // What was just saved is not saved again.
  maintenance_->End([] { return false; });
  EXPECT_EQ(snapshots_.saves, 1);
}

TEST_F(MaintenanceTest, TheInstanceIsStoppedOnlyIfAskedFor) {
  at_once_ = true;
  Make({.idle_timeout = minutes(5)}).Start();
  EXPECT_TRUE(Pass(seconds(310)));
  EXPECT_EQ(instance_.stops, 0);
  // And what was just saved is not saved again.
  maintenance_->End([] { return false; });
  EXPECT_EQ(snapshots_.saves, 1);
}

TEST_F(MaintenanceTest, WithoutATimeNothingIsEverIdle) {
  Maintenance& maintenance = Make({});
  maintenance.Start();
  EXPECT_FALSE(Pass(std::chrono::hours(2)));
  EXPECT_FALSE(maintenance.needed());
  EXPECT_EQ(snapshots_.saves, 0);
}

TEST_F(MaintenanceTest, ARequestBeforeThePointOfNoReturnCancels) {
  Make({.idle_timeout = minutes(5), .stop_instance = true}).Start();
  EXPECT_FALSE(Pass(seconds(301)));
  snapshots_.between = [&](int step) {
    if (step == 3) Request();
    if (step == 5) EXPECT_FALSE(Pass(seconds(1)));
  };
  RunJob();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(snapshots_.saved, 0);
  EXPECT_EQ(instance_.stops, 0);
  EXPECT_TRUE(log_.Saw("cancelled=true"));
  // The time counts anew.
  snapshots_.between = nullptr;
  at_once_ = true;
  EXPECT_FALSE(Pass(seconds(290)));
  EXPECT_TRUE(Pass(seconds(20)));
  EXPECT_EQ(instance_.stops, 1);
}

TEST_F(MaintenanceTest, ARequestAfterTheLastByteOfTheSaveStillCancels) {
  Make({.idle_timeout = minutes(5), .stop_instance = true}).Start();
  EXPECT_FALSE(Pass(seconds(301)));
  RunJob();
  Request();
  EXPECT_FALSE(Pass(seconds(1)));
  EXPECT_EQ(instance_.stops, 0);
  EXPECT_EQ(readiness_.Get(), State::kServing);
}

TEST_F(MaintenanceTest, WhatWasNotSavedIsNotStopped) {
  at_once_ = true;
  snapshots_.save_error = Error{ErrorCode::kUnavailable, "the bucket is away"};
  Make({.idle_timeout = minutes(5), .stop_instance = true}).Start();
  EXPECT_FALSE(Pass(seconds(310)));
  EXPECT_EQ(instance_.stops, 0);
  // Tried again after another idle time.
  snapshots_.save_error.reset();
  EXPECT_TRUE(Pass(seconds(310)));
  EXPECT_EQ(instance_.stops, 1);
}

TEST_F(MaintenanceTest, UnlessTheOperatorWantsThat) {
  at_once_ = true;
  snapshots_.save_error = Error{ErrorCode::kUnavailable, "the bucket is away"};
  Make({.idle_timeout = minutes(5), .stop_instance = true, .stop_unsaved = true}).Start();
  EXPECT_TRUE(Pass(seconds(310)));
  EXPECT_EQ(instance_.stops, 1);
}

TEST_F(MaintenanceTest, AnInstanceThatCannotBeStoppedGoesOn) {
  at_once_ = true;
  instance_.error = Error{ErrorCode::kUnavailable, "403"};
  Make({.idle_timeout = minutes(5), .stop_instance = true}).Start();
  EXPECT_FALSE(Pass(seconds(310)));
  EXPECT_TRUE(log_.Saw("instance_stopped=false"));
  EXPECT_EQ(readiness_.Get(), State::kServing);
}

TEST_F(MaintenanceTest, TheEndSavesOnceMoreIfAskedFor) {
  at_once_ = true;
  Make({}).Start();
  maintenance_->End([] { return false; });
  EXPECT_EQ(snapshots_.saved, 1);
  Make({.save_on_stop = false}).Start();
  maintenance_->End([] { return false; });
  EXPECT_EQ(snapshots_.saves, 1);
}

TEST_F(MaintenanceTest, TheEndGivesUpASaveThatTakesTooLong) {
  std::thread job;
  std::atomic<bool> running{false};
  snapshots_.between = [&](int step) {
    running = true;
    // Until the one who waits has given up.
    while (step == 9 && clock_.SteadyNs() < 21'000'000'000) std::this_thread::yield();
  };
  Maintenance::Parts parts;
  parts.snapshots = &snapshots_;
  parts.readiness = &readiness_;
  parts.clock = &clock_;
  parts.logger = &log_;
  parts.on_serving = [] {};
  parts.store = [] { return StoreState::kFilled; };
  parts.activity = [] { return gateway::ActivityCount(); };
  parts.run_behind = [&](std::function<void()> work) {
    job = std::thread(std::move(work));
    return true;
  };
  Maintenance ends({.stop_limit = seconds(20)}, std::move(parts));
  ends.Start();
  ends.End([&] {
    if (running) clock_.Advance(seconds(1));
    return false;
  });
  job.join();
  EXPECT_GE(clock_.SteadyNs(), 20'000'000'000);
}

TEST_F(MaintenanceTest, TheEndWaitsForNoJobOnceItIsToldToGiveUp) {
  store_ = StoreState::kEmpty;
  Make({}).Start();
  int asked = 0;
  EXPECT_FALSE(maintenance_->End([&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3);
}

TEST_F(MaintenanceTest, TheEndCancelsItsSaveAtTheFirstWordAndLeavesItAtTheSecond) {
  Make({}).Start();
  int asked = 0;
  // The first question is whether to save at all.
  EXPECT_FALSE(maintenance_->End([&] { return ++asked >= 2; }));
  EXPECT_EQ(asked, 3);
  RunJob();
  EXPECT_EQ(snapshots_.saved, 0);
}

TEST_F(MaintenanceTest, WithoutRoomForAJobItIsTriedAgain) {
  refuse_jobs_ = true;
  Make({.save_interval = minutes(10)}).Start();
  EXPECT_FALSE(Pass(minutes(11)));
  EXPECT_TRUE(log_.Saw("no room"));
  refuse_jobs_ = false;
  at_once_ = true;
  EXPECT_FALSE(Pass(minutes(10)));
  EXPECT_EQ(snapshots_.saved, 1);
}

}  // namespace
}  // namespace reflex::app
