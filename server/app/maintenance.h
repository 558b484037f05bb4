#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/idle_watch.h"
#include "app/maintenance_options.h"
#include "app/open_store.h"
#include "app/snapshots.h"
#include "cloud/instance.h"
#include "gateway/gateway.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::app {

// What the program does beside requests: fills an empty store from a snapshot at the start, saves at intervals, and, where that is
// asked for, saves and ends when nobody asked anything for a while. Everything that takes long runs as one job at a time on a
// thread of its own, so that signals are seen meanwhile. Used by the main thread alone.
class Maintenance {
 public:
  // All outlive the object, which outlives its jobs.
  struct Parts {
    Snapshots* snapshots = nullptr;       // Null: nowhere to save to.
    cloud::Instance* instance = nullptr;  // Null: there is nothing to stop.
    gateway::Readiness* readiness = nullptr;
    Clock* clock = nullptr;
    Logger* logger = nullptr;
    std::function<gateway::ActivityCount()> activity;
    std::function<StoreState()> store;
    std::function<void()> on_serving;  // The store is complete: its vectors may be read. Called again after a later restore.
    std::function<bool(std::function<void()>)> run_behind;  // Runs a job on the thread for that.
  };
  Maintenance(const MaintenanceOptions& options, Parts parts);
  ~Maintenance();

  // Begins to restore or to serve, or waits with that for a store that is being checked.
  void Start();
  // To be called about each second. True: the program has been idle, is saved, and is to end.
  bool Look();
  // Whether a job runs: its end is looked for more often.
  bool working() const { return job_ != nullptr; }
  // False where Look has nothing to do, ever.
  bool needed() const;
  // Ends a job that runs and, where asked for, saves once more. Blocks until then; `give_up` is asked now and then, and cancels the
  // save. False: it was asked to give up, but a job still runs.
  bool End(const std::function<bool()>& give_up);

 private:
  enum class State : std::uint8_t { kWaiting, kRestoring, kServing, kSaving, kLeaving, kStopping };
  struct Job;

  void Begin(State state, std::function<Result<void>(Job&)> work);
  void Decide();
  void Serve();
  void Restore();
  void Save(State state);
  bool LookWhileServing();
  bool FinishJob();
  void Restored(const Result<void>& result);
  bool MaySave() const;
  bool Left(const Result<void>& saved);
  bool AwaitJob(const std::function<bool()>& give_up);
  bool StopInstance();
  void Log(LogLevel level, const std::string& line) { parts_.logger->Log(level, line); }

  const MaintenanceOptions options_;
  const Parts parts_;
  std::optional<IdleWatch> idle_;
  State state_ = State::kServing;
  std::shared_ptr<Job> job_;
  std::int64_t began_ns_ = 0;
  std::int64_t job_began_ns_ = 0;
  std::int64_t saved_ns_ = 0;
  bool undecided_ = false;  // Whether to restore: the store is not open yet.
  bool told_serving_ = false;
  bool told_held_ = false;
};

}  // namespace reflex::app
