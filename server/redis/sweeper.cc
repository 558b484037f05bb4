#include "redis/sweeper.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "redis/scan.h"

namespace reflex::redis {
namespace {

constexpr std::chrono::milliseconds kTick{1'000};
constexpr std::chrono::milliseconds kRetrySweep{500};
// A writer drops what waited longer than half of this, so that after it nothing stamped before the purge can still arrive.
constexpr std::chrono::milliseconds kRuleKept{60'000};

std::uint64_t FieldOfInfo(std::string_view info, std::string_view name) {
  const std::size_t at = info.find("\n" + std::string(name) + ":");
  std::uint64_t value = 0;
  if (at == std::string_view::npos) return 0;
  const char* const begin = info.data() + at + name.size() + 2;
  (void)std::from_chars(begin, info.data() + info.size(), value);
  return value;
}

}  // namespace

Sweeper::Sweeper(StoreParts& parts)
    : parts_(parts), next_sweep_(std::chrono::steady_clock::now() + parts.options.sweep_interval), thread_([this] { Run(); }) {}

Sweeper::~Sweeper() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Sweeper::Add(std::uint64_t generation, const PurgeRule& rule, std::function<void(std::uint64_t)> removed) {
  const base::MutexLock lock(mutex_);
  jobs_.push_back({generation, rule, std::move(removed), 0});
  next_sweep_ = std::min(next_sweep_, std::chrono::steady_clock::now() + kRuleKept + kTick);
  changed_.NotifyAll();
}

void Sweeper::AddClear() {
  const base::MutexLock lock(mutex_);
  clear_ = true;
  changed_.NotifyAll();
}

bool Sweeper::Stopping() const {
  const base::MutexLock lock(mutex_);
  return stopping_;
}

void Sweeper::Run() {
  std::vector<Job> jobs;
  bool clear = false;
  while (true) {
    bool sweep = false;
    {
      const base::MutexLock lock(mutex_);
      const auto end = std::chrono::steady_clock::now() + (jobs.empty() && !clear ? kTick : kRetrySweep);
      for (auto now = std::chrono::steady_clock::now();
           !stopping_ && now < end && (!jobs.empty() || clear || (jobs_.empty() && !clear_));
           now = std::chrono::steady_clock::now()) {
        (void)changed_.WaitFor(mutex_, end - now);
      }
      if (stopping_) return;
      std::move(jobs_.begin(), jobs_.end(), std::back_inserter(jobs));
      jobs_.clear();
      clear = std::exchange(clear_, false) || clear;
      sweep = std::chrono::steady_clock::now() >= next_sweep_;
      if (sweep) next_sweep_ = std::chrono::steady_clock::now() + parts_.options.sweep_interval;
    }
    AskHowItIs();
    // Entries on their way must be in the server before it is walked through, or the walk would miss them.
    if (!jobs.empty() && parts_.queue.Flush(kRetrySweep) && CarryOut(jobs)) jobs.clear();
    if (clear && SweepScopes()) {
      std::vector<Job> none;
      clear = !CarryOut(none);
    }
    if (sweep && TakeLease()) (void)SweepAll();
  }
}

// Removes what the jobs name and what a Clear left; each entry counts for the first job that names it.
Result<void> Sweeper::CarryOut(std::vector<Job>& jobs) {
  REFLEX_CHECK(ScanEntries(parts_, true, [&](std::vector<Met>& page) -> Result<bool> {
    if (Stopping()) return false;
    const std::uint64_t cleared = parts_.purges.Look()->cleared;
    std::vector<Met> condemned;
    std::vector<Job*> by;
    for (Met& met : page) {
      const auto job = std::find_if(jobs.begin(), jobs.end(),
                                    [&](const Job& one) { return met.stamp < one.generation && one.rule.Matches(*met.head); });
      if (job == jobs.end() && met.stamp >= cleared) continue;
      by.push_back(job == jobs.end() || met.stamp < cleared ? nullptr : &*job);
      condemned.push_back(std::move(met));
    }
    for (std::size_t i = 0; i < condemned.size();) {
      // Those of one job together, so that what went is counted for it.
      std::vector<Met> some;
      Job* const job = by[i];
      for (; i < condemned.size() && by[i] == job; ++i) some.push_back(std::move(condemned[i]));
      REFLEX_TRY(const std::uint64_t removed, RemoveMet(parts_, some));
      if (job != nullptr) job->count += removed;
    }
    return true;
  }));
  if (Stopping()) return {};
  for (Job& job : jobs) {
    if (job.removed) job.removed(job.count);
  }
  return {};
}

Result<void> Sweeper::SweepAll() {
  const std::int64_t started_ms = parts_.clock.WallMs();
  REFLEX_CHECK(parts_.ReloadPurges());
  std::int64_t alive = 0;
  REFLEX_CHECK(ScanEntries(parts_, true, [&](std::vector<Met>& page) -> Result<bool> {
    if (Stopping()) return false;
    const std::shared_ptr<const Purges> purges = parts_.purges.Look();
    const auto kept = std::partition(page.begin(), page.end(), [&](const Met& met) { return purges->Hides(*met.head, met.stamp); });
    alive += page.end() - kept;
    page.erase(kept, page.end());
    REFLEX_CHECK(RemoveMet(parts_, page));
    return true;
  }));
  REFLEX_CHECK(SweepScopes());
  if (Stopping()) return {};
  REFLEX_CHECK(ForgetRules(started_ms - kRuleKept.count()));
  Batch batch;
  const std::string count = parts_.keys.Count();
  batch.Add(count, {"SET", count, std::to_string(alive)});
  REFLEX_CHECK(parts_.Ask(batch, parts_.options.write_timeout));
  return {};
}

Result<void> Sweeper::SweepScopes() {
  return ScanNames(parts_, parts_.keys.ScopesPattern(), [&](const std::vector<std::string>& names) -> Result<bool> {
    const std::uint64_t cleared = parts_.purges.Look()->cleared;
    Batch batch;
    for (const std::string& name : names) {
      if (Stopping()) return false;
      const auto scope = parts_.keys.ReadScope(name);
      if (!scope) continue;
      if (scope->cleared < cleared) {
        batch.Add(name, {"UNLINK", name});
      } else {
        REFLEX_CHECK(DropDeadMembers(name));
      }
    }
    REFLEX_CHECK(parts_.client->Run(batch, parts_.options.write_timeout));
    return true;
  });
}

Result<void> Sweeper::DropDeadMembers(const std::string& scope) {
  return ScanMembers(parts_, scope, [&](const std::vector<ScopeMember>& members) -> Result<bool> {
    Batch batch;
    for (const ScopeMember& member : members) {
      const std::string name = parts_.keys.EntryOf(member.key);
      batch.Add(name, {"HEXISTS", name, "h" + FieldOf(member.key)});
    }
    REFLEX_TRY(const std::vector<Value> replies, parts_.client->Run(batch, parts_.options.write_timeout));
    Batch dead;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (replies[i].is_integer() && replies[i].integer == 0) dead.Add(scope, {"ZREM", scope, EncodeMember(members[i])});
    }
    REFLEX_CHECK(parts_.client->Run(dead, parts_.options.write_timeout));
    return !Stopping();
  });
}

Result<void> Sweeper::ForgetRules(std::int64_t before_ms) {
  const std::string rules = parts_.keys.Rules();
  Batch batch;
  for (const PurgeAtWork& work : parts_.purges.Look()->rules) {
    if (work.asked_ms > before_ms) continue;
    batch.Add(rules, {"EVALSHA", parts_.scripts.forget_rule.sha, "1", rules, work.conditions, work.stored});
  }
  REFLEX_CHECK(parts_.client->Run(batch, parts_.options.write_timeout));
  return parts_.ReloadPurges();
}

bool Sweeper::TakeLease() {
  Batch batch;
  const std::string name = parts_.keys.Sweep();
  // Half the interval: whoever held it may be gone, and two that sweep at once only do the work twice.
  const std::string life = std::to_string(std::max<std::int64_t>(1, parts_.options.sweep_interval.count() / 2));
  batch.Add(name, {"SET", name, "1", "NX", "PX", life});
  const auto reply = parts_.Ask(batch, parts_.options.write_timeout);
  return reply && !reply->is_null();
}

void Sweeper::AskHowItIs() {
  Batch batch;
  const std::string count = parts_.keys.Count();
  batch.Add(count, {"GET", count});
  batch.Add(count, {"INFO", "memory"});
  const auto replies = parts_.client->Run(batch, parts_.options.write_timeout);
  if (!replies) return;
  std::int64_t entries = 0;
  const std::string& digits = replies->front().text;
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), entries);
  parts_.entries.store(entries, std::memory_order_relaxed);
  parts_.used_bytes.store(FieldOfInfo(replies->back().text, "used_memory"), std::memory_order_relaxed);
  parts_.limit_bytes.store(FieldOfInfo(replies->back().text, "maxmemory"), std::memory_order_relaxed);
}

}  // namespace reflex::redis
