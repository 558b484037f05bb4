#include "app/maintenance.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "base/log_text.h"

namespace reflex::app {
namespace {

using std::chrono::milliseconds;

// How often End looks whether a job is done.
constexpr milliseconds kStep{20};

std::int64_t Ns(milliseconds time) { return std::chrono::nanoseconds(time).count(); }

}  // namespace

// Shared with the thread that runs it.
struct Maintenance::Job {
  std::atomic<bool> cancelled{false};
  std::atomic<bool> done{false};
  Result<void> result;  // Of the running thread until `done`.
};

Maintenance::Maintenance(const MaintenanceOptions& options, Parts parts) : options_(options), parts_(std::move(parts)) {
  began_ns_ = saved_ns_ = parts_.clock->SteadyNs();
}

Maintenance::~Maintenance() {
  // Jobs use the parts, which may go after this.
  if (!job_) return;
  job_->cancelled = true;
  AwaitJob([] { return false; });
}

bool Maintenance::needed() const {
  return job_ != nullptr || undecided_ || options_.idle_timeout.count() > 0 ||
         (parts_.snapshots != nullptr && options_.save_interval.count() > 0);
}

void Maintenance::Start() {
  if (parts_.snapshots == nullptr || options_.hydrate == Hydrate::kNever) return Serve();
  Decide();
}

// A store that is not open shows no entries whatever its file holds: to take that for empty would replace a good file by an older
// snapshot.
void Maintenance::Decide() {
  const StoreState store = parts_.store();
  undecided_ = store == StoreState::kOpening || store == StoreState::kAway;
  if (!undecided_) {
    if (options_.hydrate == Hydrate::kAlways || store == StoreState::kEmpty) return Restore();
    return Serve();
  }
  if (state_ == State::kServing && told_serving_) return;
  const bool late = parts_.clock->SteadyNs() - began_ns_ >= Ns(options_.restore_limit);
  if (store == StoreState::kOpening && !late) {
    // Nothing is stored meanwhile: a damaged file that is set aside must be seen to be empty.
    state_ = State::kWaiting;
    parts_.readiness->Set(gateway::Readiness::State::kRestoring);
    return;
  }
  if (late) {
    Log(LogLevel::kError, "restore given_up=true reason=time-limit");
    parts_.snapshots->HoldSaves(true);
  }
  Serve();
}

void Maintenance::Begin(State state, std::function<Result<void>(Job&)> work) {
  auto job = std::make_shared<Job>();
  const bool begun = parts_.run_behind([job, work = std::move(work)] {
    job->result = work(*job);
    job->done.store(true, std::memory_order_release);
  });
  if (!begun) {
    job->result = Fail(ErrorCode::kBusy, "there is no room for it now");
    job->done = true;
  }
  state_ = state;
  job_ = std::move(job);
  job_began_ns_ = parts_.clock->SteadyNs();
}

void Maintenance::Serve() {
  state_ = State::kServing;
  parts_.readiness->Set(gateway::Readiness::State::kServing);
  if (!std::exchange(told_serving_, true)) parts_.on_serving();
  if (parts_.snapshots != nullptr && parts_.snapshots->saves_held() && !std::exchange(told_held_, true)) {
    Log(LogLevel::kWarning,
        "snapshot held=true reason=\"a restore failed; saves of what is here now would push out the good snapshots\" "
        "help=\"`reflex snapshot load` to restore, or `reflex snapshot save` to keep what is here: either ends it\"");
  }
  if (options_.idle_timeout.count() == 0) return;
  if (!idle_) idle_.emplace(parts_.activity, *parts_.clock, options_.idle_timeout);
  idle_->Restart();
}

void Maintenance::Restore() {
  parts_.readiness->Set(gateway::Readiness::State::kRestoring);
  Begin(State::kRestoring, [snapshots = parts_.snapshots, readiness = parts_.readiness](Job& job) -> Result<void> {
    const auto progress = [&](const SnapshotProgress& now) {
      readiness->SetPercent(now.total == 0 ? 0 : static_cast<std::uint32_t>(std::min(now.done, now.total) * 100 / now.total));
      return !job.cancelled.load(std::memory_order_relaxed);
    };
    const auto loaded = snapshots->Load("", progress);
    if (!loaded) return std::unexpected(loaded.error());
    return {};
  });
}

void Maintenance::Save(State state) {
  Begin(state, [snapshots = parts_.snapshots](Job& job) -> Result<void> {
    const auto saved = snapshots->Save([&](const SnapshotProgress&) { return !job.cancelled.load(std::memory_order_relaxed); });
    if (!saved) return std::unexpected(saved.error());
    return {};
  });
}

bool Maintenance::Look() {
  if (state_ == State::kServing) return LookWhileServing();
  if (state_ == State::kWaiting) {
    Decide();
    return false;
  }
  if (job_->done.load(std::memory_order_acquire)) return FinishJob();
  const bool late = state_ == State::kRestoring && parts_.clock->SteadyNs() - job_began_ns_ >= Ns(options_.restore_limit);
  const bool stirred = state_ == State::kLeaving && idle_->Stirred();
  if ((late || stirred) && !job_->cancelled.exchange(true)) {
    Log(late ? LogLevel::kError : LogLevel::kInfo,
        late ? "restore given_up=true reason=time-limit" : "idle cancelled=true reason=request");
  }
  return false;
}

bool Maintenance::MaySave() const { return !undecided_ && !parts_.snapshots->saves_held(); }

bool Maintenance::LookWhileServing() {
  if (undecided_) Decide();
  if (state_ != State::kServing) return false;
  if (idle_ && idle_->Look()) {
    Log(LogLevel::kInfo, "idle for_s=" + std::to_string(options_.idle_timeout.count() / 1000));
    if (parts_.snapshots == nullptr) return StopInstance();
    if (!MaySave()) return Left(Fail(ErrorCode::kUnavailable, "saves are held: a restore failed, or the store is not open"));
    Save(State::kLeaving);
    return false;
  }
  const bool due = options_.save_interval.count() > 0 && parts_.clock->SteadyNs() - saved_ns_ >= Ns(options_.save_interval);
  if (due && parts_.snapshots != nullptr && MaySave()) {
    saved_ns_ = parts_.clock->SteadyNs();
    Save(State::kSaving);
  }
  return false;
}

bool Maintenance::FinishJob() {
  const std::shared_ptr<Job> job = std::exchange(job_, nullptr);
  const Result<void>& result = job->result;
  switch (state_) {
    case State::kRestoring: Restored(result); return false;
    case State::kSaving:
      if (!result) Log(LogLevel::kError, "snapshot saved=false error=" + base::Quoted(result.error().message));
      state_ = State::kServing;
      return false;
    case State::kLeaving: return Left(result);
    case State::kStopping:
      if (result) return true;
      Log(LogLevel::kError, "idle instance_stopped=false error=" + base::Quoted(result.error().message));
      Serve();
      return false;
    case State::kWaiting:
    case State::kServing: break;
  }
  return false;
}

void Maintenance::Restored(const Result<void>& result) {
  if (result) {
    Log(LogLevel::kInfo, "restore done=true");
    told_serving_ = false;  // What is in the store now has not been read.
  } else if (result.error().code == ErrorCode::kNotFound) {
    Log(LogLevel::kInfo, "restore done=false reason=nothing-there-yet");
    parts_.snapshots->HoldSaves(false);
  } else {
    Log(LogLevel::kError, "restore done=false error=" + base::Quoted(result.error().message));
    parts_.snapshots->HoldSaves(true);
  }
  Serve();
}

// The save before leaving is over.
bool Maintenance::Left(const Result<void>& saved) {
  if (!saved && saved.error().code != ErrorCode::kCancelled) {
    Log(LogLevel::kError, "snapshot saved=false error=" + base::Quoted(saved.error().message));
  }
  if (idle_->Stirred() || (!saved && !options_.stop_unsaved)) {
    Serve();
    return false;
  }
  return StopInstance();
}

// The point of no return: who asks from here on is answered until the end of draining.
bool Maintenance::StopInstance() {
  if (!options_.stop_instance || parts_.instance == nullptr) return true;
  Begin(State::kStopping, [instance = parts_.instance](Job&) { return instance->Stop(); });
  return false;
}

// False: told not to wait any longer; the job goes on by itself.
bool Maintenance::AwaitJob(const std::function<bool()>& give_up) {
  while (!job_->done.load(std::memory_order_acquire)) {
    if (give_up()) {
      job_ = nullptr;
      return false;
    }
    std::this_thread::sleep_for(kStep);
  }
  job_ = nullptr;
  return true;
}

bool Maintenance::End(const std::function<bool()>& give_up) {
  // An idle program ends right after its save, or while the machine stops after one.
  const bool just_saved = state_ == State::kStopping || (state_ == State::kLeaving && job_ == nullptr);
  const bool half_restored = state_ == State::kRestoring;
  if (job_) {
    job_->cancelled = true;
    if (!AwaitJob(give_up)) return false;
  }
  const bool wanted = parts_.snapshots != nullptr && options_.save_on_stop && told_serving_ && !half_restored && !just_saved;
  state_ = State::kServing;
  if (!wanted || !MaySave() || give_up()) return true;
  Save(State::kSaving);
  const std::shared_ptr<Job> job = job_;
  // Once it is told to give up, the save is cancelled; the second time, nobody waits for that.
  const bool ended = AwaitJob([&] {
    const bool late = parts_.clock->SteadyNs() - job_began_ns_ >= Ns(options_.stop_limit);
    const bool told = give_up();
    return (late || told) && job->cancelled.exchange(true) && told;
  });
  if (ended && !job->result) Log(LogLevel::kError, "snapshot saved=false error=" + base::Quoted(job->result.error().message));
  return ended;
}

}  // namespace reflex::app
