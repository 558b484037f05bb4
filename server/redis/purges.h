#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "redis/resp.h"
#include "reflex/entry_store.h"
#include "reflex/types.h"

namespace reflex::redis {

// One purge as the server keeps it: hides what it matches and was stamped before it.
struct PurgeAtWork {
  std::uint64_t generation = 0;
  std::int64_t asked_ms = 0;  // Wall clock of the gateway that asked.
  PurgeRule rule;
  std::string conditions;  // Its name in the server.
  std::string stored;      // Its value there.
};

// All purges of one moment. Every purge and every Clear moves the generation on; an entry is stamped with the generation that its
// writer knew, so that what comes after a purge is not its business, whatever the clocks say. Who did not know of a purge stamps
// too low, which hides its entry: a miss, never a stale answer.
struct Purges {
  std::uint64_t generation = 0;
  std::uint64_t cleared = 0;  // Generation of the last Clear; all stamped lower is gone.
  std::vector<PurgeAtWork> rules;

  bool Hides(const Entry& head, std::uint64_t stamp) const;
};

// The name of a rule's conditions; rules with equal ones become one.
std::string ConditionsOf(const PurgeRule& rule);
// From the reply to HGETALL; what is no purge is left out.
Purges PurgesFrom(const Value& reply);

// The purges this process knows. Thread-safe. Several may ask the server at once, and the one who asked first may be answered last:
// an answer does not replace that of somebody who asked later, as it may lack what was purged in between.
class PurgeBook {
 public:
  std::shared_ptr<const Purges> Look() const;
  // Before the server is asked.
  std::uint64_t Ask();
  // With what Ask returned. What was purged before that Ask is in the book from here on.
  void Replace(std::uint64_t asked, Purges purges);
  // The highest generation ever seen. A failover may take the server back behind it, while entries stamped with it live on: a new
  // purge must come after them.
  std::uint64_t Highest() const;
  void See(std::uint64_t generation);

 private:
  mutable base::Mutex mutex_;
  std::uint64_t highest_ GUARDED_BY(mutex_) = 0;
  std::uint64_t asked_ GUARDED_BY(mutex_) = 0, replaced_ GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const Purges> purges_ GUARDED_BY(mutex_) = std::make_shared<const Purges>();
};

}  // namespace reflex::redis
