#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/metrics.h"
#include "base/mutex.h"
#include "gateway/gateway.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::app {

struct RequestLogOptions {
  std::filesystem::path file;                // Empty: standard error.
  std::uint64_t buffer_bytes_max = 8 << 20;  // Lines that wait, all threads together; beyond, lines are dropped.
  std::size_t threads = 1;                   // That write: each gets its share of the buffer.
  std::chrono::milliseconds gather{50};      // How long the writer lets lines come together before it writes.
};

// Request lines in large, few writes.
//
// Operation: a thread appends its line to the buffer that its id picks; the log's own thread takes all buffers every `gather` and
// writes each with one call. Nothing runs while no lines come.
// Concurrency: Write from any thread: one lock that other request threads hardly ever want, no system call except the first line's
// after a pause. The rest from one thread.
// Limitations: a crash loses what was not written yet, at most `gather` old. A target that cannot be written loses lines: counted.
class RequestLogWriter final : public gateway::RequestLog {
 public:
  // Opens the file (0600) and starts the thread. All outlive the writer. Returns: kIo, kNotFound, kFull.
  static Result<std::unique_ptr<RequestLogWriter>> Open(RequestLogOptions options, Clock& clock, Logger& logger,
                                                        base::MetricsRegistry& metrics);
  // Writes what waits, then stops.
  ~RequestLogWriter() override;

  void Write(const gateway::RequestRecord& record) override;

  // Opens the file again, so that a log that was moved away continues under its name. On failure the old one stays.
  // Returns: kIo, kNotFound, kFull.
  Result<void> Reopen();

  // Waits until every line appended before the call was written or lost.
  void Flush();

 private:
  // More than any usual number of I/O threads, so that two rarely share one.
  static constexpr std::size_t kShards = 61;
  struct alignas(64) Shard {
    base::Mutex mutex;
    std::string lines GUARDED_BY(mutex);
  };

  RequestLogWriter(RequestLogOptions options, int fd, Clock& clock, Logger& logger, base::MetricsRegistry& metrics);
  void Run();
  void WriteBuffers();
  void WriteOut(std::string_view lines);
  void Wake();
  void Hurry();
  void Report();

  const RequestLogOptions options_;
  const std::size_t shard_bytes_max_;
  Clock& clock_;
  Logger& logger_;
  base::Counter& dropped_;
  std::array<Shard, kShards> shards_;
  std::string spare_;                 // The writer thread's: swapped with a shard's lines.
  std::uint64_t reported_ = 0;        // The writer thread's: dropped lines that were told of.
  std::atomic<bool> urgent_{false};   // A buffer holds enough for a write of its own. Set and cleared as pending_.
  std::atomic<bool> pending_{false};  // Lines may wait. Set by the first appender; cleared by the writer before it looks.

  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool hurry_ GUARDED_BY(mutex_) = false;        // Write without gathering.
  std::uint64_t rounds_ GUARDED_BY(mutex_) = 0;  // Times all buffers were written.
  base::Mutex fd_mutex_;
  int fd_ GUARDED_BY(fd_mutex_);
  std::thread thread_;
};

}  // namespace reflex::app
