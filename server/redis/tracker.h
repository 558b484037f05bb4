#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "redis/connection.h"
#include "redis/store_parts.h"

namespace reflex::redis {

// Listens, on a thread of its own, to what the server tells of changed entries and rules (CLIENT TRACKING in broadcast mode, by
// prefix), over one connection to each master; once a second it looks whether there are others by now. While one of them is away
// the store is blind and says so; when all are there again, everything may have changed.
class Tracker {
 public:
  explicit Tracker(StoreParts& parts);
  ~Tracker();

 private:
  struct Line {
    std::unique_ptr<Connection> connection;
    Deadline heard;  // Silent since.
    Deadline asked;
  };

  void Run();
  Result<std::vector<Line>> OpenAll();
  bool LeadToAllMasters(const std::vector<Line>& lines);
  Result<void> Listen(Line& line, std::chrono::milliseconds limit);
  void Read(const Value& push);
  void SetBlind(bool blind);

  StoreParts& parts_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace reflex::redis
