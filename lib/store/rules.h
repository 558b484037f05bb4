#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "store/record.h"

namespace reflex::store {

// The purges at work: asked for, obeyed by readers, and not yet carried out in the whole file.
//
// Operation: Add makes a rule that look-ups obey at once. The writer then gives it a row in the file and says with Applied which
// entries came after it; BeginPass hands out the rules that wait for a sweep of the file, Finish forgets them and calls back.
// A rule with the conditions of one that still waits becomes one with it.
// Concurrency: thread-safe; Load, Applied, BeginPass and Finish are the writer's. Without rules a look-up costs one load.
class RuleBook {
 public:
  using Removed = std::function<void(std::uint64_t)>;
  struct AtWork {
    std::uint64_t id = 0;           // Of this process.
    std::uint64_t order = 0;        // Of the queue: pending entries with a higher one came after the rule.
    std::uint64_t until_id = kAll;  // Stored entries from this id on came after it; kAll until the writer knows.
    std::uint64_t number = 0;       // Of its row in the file; 0 before it has one.
    bool in_pass = false;
    PurgeRule rule;
  };
  static constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

  // Returns the rule's id, or: kFull.
  Result<std::uint64_t> Add(const PurgeRule& rule, std::uint64_t order, Removed removed);
  // The rules of one moment. Taken before the file is looked into: a rule taken later may have done its work and be gone while the
  // look-up still sees the file as it was before.
  class View {
   public:
    bool HidesPending(const Entry& head, std::uint64_t order) const;
    bool HidesStored(const Entry& head, std::uint64_t first_id) const;
    bool empty() const { return rules_ == nullptr; }

   private:
    friend class RuleBook;
    std::shared_ptr<const std::vector<AtWork>> rules_;
  };
  View Look() const;

  // A rule found in the file.
  void Load(std::uint64_t number, const StoredRule& stored);
  std::optional<AtWork> Find(std::uint64_t id) const;
  // The rule has a row in the file now. `until_id` counts only if no equal purge was asked for after `order`.
  void Applied(std::uint64_t id, std::uint64_t order, std::uint64_t number, std::uint64_t until_id);
  std::vector<AtWork> BeginPass();
  // The file is another one, without rows of rules: all begin anew, against everything in it. Returns ids and orders, for the
  // queue.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> Restart();
  struct Done {
    std::uint64_t id = 0;
    std::uint64_t removed = 0;
  };
  void Finish(const std::vector<Done>& done);

 private:
  using Rules = std::vector<AtWork>;
  struct Caller {
    std::uint64_t id = 0;
    Removed removed;
  };
  void Write(Rules rules) REQUIRES(mutex_);

  // Relaxed is not enough: who sees the count must see the rules of that moment, or later ones.
  std::atomic<std::size_t> count_{0};
  mutable base::Mutex mutex_;
  std::shared_ptr<const Rules> rules_ GUARDED_BY(mutex_) = std::make_shared<const Rules>();
  std::vector<Caller> callers_ GUARDED_BY(mutex_);
  std::uint64_t next_id_ GUARDED_BY(mutex_) = 1;
};

}  // namespace reflex::store
