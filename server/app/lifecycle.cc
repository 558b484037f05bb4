#include "app/lifecycle.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "app/build.h"
#include "app/log.h"
#include "app/maintenance.h"
#include "app/open_store.h"
#include "app/secrets.h"
#include "app/supervisor.h"
#include "base/files.h"

namespace reflex::app {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

// How often a drain looks whether all is done.
constexpr milliseconds kDrainStep{20};
// What a clean end waits at most for the last commit; a disk that takes longer is not going to.
constexpr milliseconds kCommitLimit{10'000};
constexpr milliseconds kHastyCommitLimit{1'000};
// How often it is looked whether the program is idle or a snapshot is due.
constexpr milliseconds kLook{1'000};
// The same while a job of maintenance runs.
constexpr milliseconds kLookAtWork{20};

// The signals that the main thread takes, blocked in all.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }

  int Wait() const {
    for (;;) {
      const int signal = sigwaitinfo(&set_, nullptr);
      if (signal > 0) return signal;
    }
  }
  // Nullopt when `limit` passed first.
  std::optional<int> WaitFor(milliseconds limit) const {
    const timespec time{limit.count() / 1000, limit.count() % 1000 * 1'000'000};
    const int signal = sigtimedwait(&set_, nullptr, &time);
    return signal > 0 ? std::optional(signal) : std::nullopt;
  }

 private:
  sigset_t set_;
};

// Every connection is a descriptor or two; the soft limit of most systems is 1024.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// glibc makes an arena for each of the first threads and keeps freed memory in it for good. A few arenas are enough for threads
// that mostly reuse buffers, and large blocks go back to the system when they are freed.
void TameHeap(std::uint32_t io_threads) {
  const std::uint32_t arenas = std::min(8u, std::max(2u, io_threads));
  mallopt(M_ARENA_MAX, static_cast<int>(arenas));
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

// For commands on this machine. Not synced: after a crash of the machine no Reflex runs. Best effort: --url does without.
void WriteAddress(const Program& program) {
  const std::filesystem::path path = program.settings.storage_path / kAddressName;
  const std::string url = AdminUrl(program.settings, program.server->addresses()) + "\n";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return;
  (void)!::write(file, url.data(), url.size());
  ::close(file);
}

void Say(const std::string& line) { (void)!::write(STDOUT_FILENO, (line + "\n").data(), line.size() + 1); }

void Reload(Program& program) {
  const auto report = [&](std::string_view what, const Result<void>& result) {
    const std::string name = "reload what=" + std::string(what);
    if (result) program.logger->Log(LogLevel::kInfo, name);
    if (!result) program.logger->Log(LogLevel::kError, name + " kept=old error=\"" + result.error().message + "\"");
  };
  report("tls", program.server->ReloadTls());
  report("client-keys", program.gateway->ReloadClientKeys());
  if (program.request_log) report("request-log", program.request_log->Reopen());
}

// The second signal: no time for an orderly end.
[[noreturn]] void EndAtOnce(Program& program) {
  const Result<void> committed = program.cache->Flush(kHastyCommitLimit);
  program.logger->Log(LogLevel::kWarning, std::string("stop hasty=true committed=") + (committed ? "true" : "false"));
  ::_exit(kExitFailed);
}

bool EndsAtOnce(std::optional<int> signal) { return signal == SIGTERM || signal == SIGINT; }

bool Idle(const Program& program) { return program.server->drained() && program.gateway->flights() == 0; }

void WaitUntilIdle(Program& program, const Signals& signals, milliseconds limit) {
  const Steady::time_point end = Steady::now() + limit;
  while (!Idle(program) && Steady::now() < end) {
    if (EndsAtOnce(signals.WaitFor(kDrainStep))) EndAtOnce(program);
  }
}

// In steps, so that a second signal is seen between them.
Result<void> Commit(Program& program, const Signals& signals) {
  const Steady::time_point end = Steady::now() + kCommitLimit;
  for (;;) {
    Result<void> flushed = program.cache->Flush(milliseconds(200));
    if (flushed || flushed.error().code != ErrorCode::kTimeout || Steady::now() >= end) return flushed;
    if (EndsAtOnce(signals.WaitFor(milliseconds(0)))) EndAtOnce(program);
  }
}

// Whether the I/O threads still turn: each is asked, and has to have answered before it is asked again.
class Heartbeat {
 public:
  explicit Heartbeat(const Program& program) : program_(program) {}

  bool Beats() {
    if (answers_->load() < asked_) return false;
    answers_->store(0);
    asked_ = program_.io_threads.size();
    for (const auto& io : program_.io_threads) {
      io->Post([answers = answers_] { answers->fetch_add(1); });
    }
    return true;
  }

 private:
  const Program& program_;
  std::size_t asked_ = 0;
  std::shared_ptr<std::atomic<std::size_t>> answers_ = std::make_shared<std::atomic<std::size_t>>(0);
};

// Until a signal or idleness ends the program.
void Run(Program& program, Maintenance& maintenance, Supervisor& supervisor, const Signals& signals) {
  Heartbeat heartbeat(program);
  milliseconds step = kLook;
  if (supervisor.watchdog()) step = std::min(step, *supervisor.watchdog() / 2);
  for (;;) {
    const bool looks = maintenance.needed() || supervisor.watchdog();
    const milliseconds pause = maintenance.working() ? std::min(step, kLookAtWork) : step;
    const std::optional<int> signal = looks ? signals.WaitFor(pause) : signals.Wait();
    if (EndsAtOnce(signal)) return;
    if (signal == SIGHUP) {
      supervisor.Reloading();
      Reload(program);
      supervisor.Ready(StartupLine(program));
    }
    if (maintenance.Look()) return;
    if (supervisor.watchdog() && heartbeat.Beats()) supervisor.Alive();
  }
}

void Stop(Program& program, Maintenance& maintenance, const Signals& signals) {
  program.readiness.Set(gateway::Readiness::State::kDraining);
  program.logger->Log(LogLevel::kInfo, "stop draining=true limit=" + ShowDuration(program.settings.drain_timeout));
  program.server->Drain();
  WaitUntilIdle(program, signals, program.settings.drain_timeout);
  const bool finished = Idle(program);
  if (!finished) {
    program.server->CloseAll();
    WaitUntilIdle(program, signals, milliseconds(1'000));
  }
  program.StopThreads();
  if (!maintenance.End([&] { return EndsAtOnce(signals.WaitFor(milliseconds(0))); })) EndAtOnce(program);
  const Result<void> committed = Commit(program, signals);
  if (!committed) program.logger->Log(LogLevel::kError, "stop committed=false error=\"" + committed.error().message + "\"");
  std::error_code ignored;
  std::filesystem::remove(program.settings.storage_path / kAddressName, ignored);
  program.logger->Log(LogLevel::kInfo, std::string("stop finished=") + (finished ? "true" : "false"));
}

Maintenance::Parts MaintenanceParts(Program& program) {
  Maintenance::Parts parts;
  parts.snapshots = program.settings.snapshot.Target().empty() ? nullptr : program.snapshots.get();
  parts.instance = program.instance.get();
  parts.readiness = &program.readiness;
  parts.clock = &program.clock;
  parts.logger = program.logger.get();
  parts.activity = [gateway = program.gateway.get()] {
    gateway::ActivityCount count = gateway->activity();
    // A call to a provider that nobody waits for any more.
    count.begun += gateway->flights();
    return count;
  };
  parts.store = [cache = program.cache.get()] { return StateOf(*cache->store()); };
  parts.on_serving = [semantic = program.semantic.get()] {
    if (semantic != nullptr) semantic->StartLoading();
  };
  parts.run_behind = [pool = program.maintenance.get()](std::function<void()> job) {
    return pool != nullptr && pool->Submit(std::move(job));
  };
  return parts;
}

}  // namespace

int Failed(const std::string& message, int status) {
  std::fprintf(stderr, "reflex: %s\n", message.c_str());
  return status;
}

int Failed(const Error& error) {
  const bool wrong = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kNotFound;
  return Failed(error.message, wrong ? kExitUsage : kExitFailed);
}

int Done(std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? kExitDone : kExitFailed;
}

int Serve(LoadedSettings loaded) {
  const Signals signals;
  Supervisor supervisor = Supervisor::FromEnvironment();
  RaiseDescriptorLimit();
  TameHeap(loaded.settings.io_threads > 0 ? loaded.settings.io_threads : std::thread::hardware_concurrency());
  std::unique_ptr<Logger> logger = NewStderrLogger(loaded.settings.log_level);
  for (const std::string& warning : loaded.warnings) logger->Log(LogLevel::kWarning, "settings " + warning);

  Result<std::unique_ptr<Program>> program = Build(std::move(loaded.settings), std::move(logger));
  if (!program) return Failed(program.error());
  (*program)->Start();
  Maintenance maintenance((*program)->settings.maintenance, MaintenanceParts(**program));
  maintenance.Start();
  if ((*program)->storage_problem.empty()) WriteAddress(**program);
  Say(StartupLine(**program));
  supervisor.Ready(StartupLine(**program));

  Run(**program, maintenance, supervisor, signals);
  supervisor.Stopping((*program)->settings.drain_timeout + (*program)->settings.maintenance.stop_limit + kCommitLimit);
  Stop(**program, maintenance, signals);
  return kExitDone;
}

}  // namespace reflex::app
