#include "app/request_log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

#include "base/files.h"
#include "gateway/request_log.h"

namespace reflex::app {
namespace {

// A buffer larger than this is given back to the heap after it was written.
constexpr std::size_t kKeptBytes = 256 << 10;
// As much is written at once under load: the buffers stay small enough for the processor's cache, and are not allocated again.
constexpr std::size_t kUrgentBytes = 64 << 10;

Result<int> OpenTarget(const std::filesystem::path& file) {
  if (file.empty()) return STDERR_FILENO;
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(base::FileError("cannot open the request log", file, errno));
  return fd;
}

std::uint64_t CountLines(std::string_view lines) { return static_cast<std::uint64_t>(std::ranges::count(lines, '\n')); }

}  // namespace

Result<std::unique_ptr<RequestLogWriter>> RequestLogWriter::Open(RequestLogOptions options, Clock& clock, Logger& logger,
                                                                 base::MetricsRegistry& metrics) {
  REFLEX_TRY(const int fd, OpenTarget(options.file));
  return std::unique_ptr<RequestLogWriter>(new RequestLogWriter(std::move(options), fd, clock, logger, metrics));
}

RequestLogWriter::RequestLogWriter(RequestLogOptions options, int fd, Clock& clock, Logger& logger, base::MetricsRegistry& metrics)
    : options_(std::move(options)),
      shard_bytes_max_(std::max<std::size_t>(options_.buffer_bytes_max / std::max<std::size_t>(options_.threads, 1), 4096)),
      clock_(clock),
      logger_(logger),
      dropped_(
          metrics.AddCounter("reflex_log_lines_dropped_total", "Request log lines that were dropped or could not be written.")),
      fd_(fd) {
  thread_ = std::thread([this] { Run(); });
}

RequestLogWriter::~RequestLogWriter() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
  base::MutexLock lock(fd_mutex_);
  if (fd_ != STDERR_FILENO) ::close(fd_);
}

void RequestLogWriter::Write(const gateway::RequestRecord& record) {
  Shard& shard = shards_[std::hash<std::thread::id>()(std::this_thread::get_id()) % kShards];
  bool urgent = false;
  {
    base::MutexLock lock(shard.mutex);
    if (shard.lines.size() >= shard_bytes_max_) {
      dropped_.Add();
      return;
    }
    gateway::FormatRequestLine(record, clock_.WallMs(), shard.lines);
    urgent = shard.lines.size() >= kUrgentBytes;
  }
  if (urgent && !urgent_.load(std::memory_order_relaxed) && !urgent_.exchange(true, std::memory_order_acq_rel)) Hurry();
  // Plain load first: under load the flag is set already and its cache line stays shared.
  if (!pending_.load(std::memory_order_relaxed) && !pending_.exchange(true, std::memory_order_acq_rel)) Wake();
}

void RequestLogWriter::Wake() {
  // Taking the lock orders this with the writer's check of pending_, so that the wake-up cannot fall between check and wait.
  {
    base::MutexLock lock(mutex_);
  }
  changed_.NotifyAll();
}

void RequestLogWriter::Hurry() {
  {
    base::MutexLock lock(mutex_);
    hurry_ = true;
  }
  changed_.NotifyAll();
}

Result<void> RequestLogWriter::Reopen() {
  if (options_.file.empty()) return {};
  REFLEX_TRY(const int fresh, OpenTarget(options_.file));
  base::MutexLock lock(fd_mutex_);
  ::close(std::exchange(fd_, fresh));
  return {};
}

void RequestLogWriter::Flush() {
  base::MutexLock lock(mutex_);
  // The round that is under way may have passed a buffer already; the one after it has not begun.
  const std::uint64_t wanted = rounds_ + 2;
  while (rounds_ < wanted) {
    hurry_ = true;
    changed_.NotifyAll();
    changed_.Wait(mutex_);
  }
}

void RequestLogWriter::Run() {
  bool stop = false;
  while (!stop) {
    {
      base::MutexLock lock(mutex_);
      while (!stopping_ && !hurry_ && !pending_.load(std::memory_order_acquire)) changed_.Wait(mutex_);
      const auto until = std::chrono::steady_clock::now() + options_.gather;
      while (!stopping_ && !hurry_ && std::chrono::steady_clock::now() < until) {
        (void)changed_.WaitFor(mutex_, until - std::chrono::steady_clock::now());
      }
      stop = stopping_;
      hurry_ = false;
    }
    urgent_.store(false, std::memory_order_release);
    pending_.store(false, std::memory_order_release);
    WriteBuffers();
    {
      base::MutexLock lock(mutex_);
      ++rounds_;
    }
    changed_.NotifyAll();
  }
}

void RequestLogWriter::WriteBuffers() {
  for (Shard& shard : shards_) {
    {
      base::MutexLock lock(shard.mutex);
      std::swap(spare_, shard.lines);
    }
    if (!spare_.empty()) WriteOut(spare_);
    spare_.clear();
    if (spare_.capacity() > kKeptBytes) spare_ = std::string();
  }
  Report();
}

void RequestLogWriter::WriteOut(std::string_view lines) {
  base::MutexLock lock(fd_mutex_);
  while (!lines.empty()) {
    const ssize_t written = ::write(fd_, lines.data(), lines.size());
    if (written >= 0) {
      lines.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Standard error may be a pipe that somebody made non-blocking; wait, but not for ever.
      pollfd waited{fd_, POLLOUT, 0};
      if (::poll(&waited, 1, 1000) <= 0) break;
    } else if (errno != EINTR) {
      break;
    }
  }
  if (!lines.empty()) dropped_.Add(std::max<std::uint64_t>(CountLines(lines), 1));
}

void RequestLogWriter::Report() {
  const std::uint64_t dropped = dropped_.Value();
  if (dropped == reported_) return;
  logger_.Log(LogLevel::kWarning, "request-log dropped_lines=" + std::to_string(dropped - reported_));
  reported_ = dropped;
}

}  // namespace reflex::app
