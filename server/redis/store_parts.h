#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "redis/client.h"
#include "redis/options.h"
#include "redis/purges.h"
#include "redis/record.h"
#include "redis/scripts.h"
#include "redis/write_queue.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"

namespace reflex::redis {

// What the parts of a RedisStore share. Everything in it is thread-safe or set before the threads start.
struct StoreParts {
  StoreParts(const RedisStoreOptions& store_options, Clock& store_clock, Logger& store_logger)
      : options(store_options),
        clock(store_clock),
        logger(store_logger),
        keys(store_options.prefix),
        scripts(MakeScripts()),
        queue({store_options.queue_bytes, store_options.queue_entries}) {}

  // Sends the batch that `fill` makes for the purges known, with a question for the generation behind it, and does so again until
  // the purges known are those in force when the replies were made. So no look-up misses a purge, whoever asked for it.
  struct Looked {
    std::vector<Value> replies;
    std::shared_ptr<const Purges> purges;
  };
  using Fill = std::function<void(Batch& batch, const Purges& purges)>;
  Result<Looked> Look(const Fill& fill);
  Result<void> ReloadPurges();
  // One command, one reply; an error reply is an Error: kFull for a server without memory, kUnavailable otherwise.
  Result<Value> Ask(const Batch& batch, std::chrono::milliseconds limit);

  // The entry unless a purge hides it; null, counted and logged, when it is damaged.
  EntryPtr Admit(Result<Stamped> decoded, const Purges& purges);
  void TellRemoved(const Digest& scope, const Digest& key);
  void Tell(const StoreNotice& notice);

  const RedisStoreOptions options;
  Clock& clock;
  Logger& logger;
  const Keys keys;
  const Scripts scripts;
  std::unique_ptr<Client> client;
  PurgeBook purges;
  WriteQueue queue;
  EntryStore::OnRemoved on_removed;  // Set before the first use.
  base::Mutex reload_mutex;          // Taken before the next one.
  base::Mutex notice_mutex;
  EntryStore::OnNotice on_notice GUARDED_BY(notice_mutex);

  base::Counter puts, puts_dropped, commits, corrupt_values, write_errors;
  // Relaxed: numbers for pages.
  std::atomic<std::int64_t> entries{0};
  std::atomic<std::uint64_t> used_bytes{0}, limit_bytes{0};
  std::atomic<bool> full{false};   // The last put found no memory in the server.
  std::atomic<bool> blind{false};  // No connection tells of changes.
};

// An error for a reply that is one.
Error ErrorFrom(const Value& reply);

}  // namespace reflex::redis
