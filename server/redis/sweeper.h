#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "redis/store_parts.h"

namespace reflex::redis {

// Gives space back behind purges and Clear, and looks after the server, on a thread of its own: one slice at a time, none holds up
// a look-up for long.
//
// Operation: a purge that was asked for here is carried out here, at once. Every `sweep_interval`, and a minute after a purge, one
// of the gateways, whoever takes the lease, walks through everything: purges whose gateway is gone, members without entry, scopes
// of an earlier generation, the number of entries, and rules that are old and done. Once a second it asks how the server is.
class Sweeper {
 public:
  explicit Sweeper(StoreParts& parts);
  ~Sweeper();

  // A rule in force. `removed` (may be null) is called with the number when it is carried out, unless the store goes first.
  void Add(std::uint64_t generation, const PurgeRule& rule, std::function<void(std::uint64_t)> removed);
  // Everything before this generation was cleared.
  void AddClear();

 private:
  struct Job {
    std::uint64_t generation = 0;
    PurgeRule rule;
    std::function<void(std::uint64_t)> removed;
    std::uint64_t count = 0;
  };

  void Run();
  bool Stopping() const;
  Result<void> CarryOut(std::vector<Job>& jobs);
  Result<void> SweepAll();
  Result<void> SweepScopes();
  Result<void> DropDeadMembers(const std::string& scope);
  Result<void> ForgetRules(std::int64_t before_ms);
  bool TakeLease();
  void AskHowItIs();

  StoreParts& parts_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<Job> jobs_ GUARDED_BY(mutex_);
  bool clear_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point next_sweep_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace reflex::redis
