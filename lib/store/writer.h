#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/lmdb_options.h"
#include "reflex/logger.h"
#include "store/batch.h"
#include "store/counters.h"
#include "store/environment.h"
#include "store/read_marks.h"
#include "store/rules.h"
#include "store/space.h"
#include "store/store_folder.h"
#include "store/write_queue.h"

namespace reflex::store {

// Why nothing is stored right now, for Put and Health. Thread-safe.
class Trouble {
 public:
  // Relaxed: a Put that is a moment late changes nothing.
  bool refuses_puts() const { return refuses_puts_.load(std::memory_order_relaxed); }
  std::string text() const;
  void Set(std::string text, bool refuse_puts);
  void Clear() { Set({}, false); }

 private:
  std::atomic<bool> refuses_puts_{false};
  mutable base::Mutex mutex_;
  std::string text_ GUARDED_BY(mutex_);
};

// Whom to tell of entries that went. Thread-safe.
class Listener {
 public:
  void Set(EntryStore::OnRemoved on_removed);
  EntryStore::OnRemoved Get() const;

 private:
  mutable base::Mutex mutex_;
  EntryStore::OnRemoved on_removed_ GUARDED_BY(mutex_);
};

// The store's one writer: takes from the queue, commits, expires, evicts, reclaims, carries out purges, and copes when the disk
// says no. Run is the body of the store's thread; everything else here is for that thread only.
class Writer {
 public:
  struct Parts {
    const LmdbOptions& options;
    Clock& clock;
    Logger& logger;
    StoreFolder& folder;
    Environment& environment;
    WriteQueue& queue;
    Visibility& visibility;
    StoreCounters& counters;
    ReadMarks& marks;
    Trouble& trouble;
    RuleBook& rules;
    Listener& listener;
  };
  explicit Writer(const Parts& parts);

  // Returns when the queue is stopped and empty, after a last try of what a failed commit left; or when it is interrupted. `before`
  // is what another writer left.
  void Run(std::vector<WriteOp> before);
  // What was taken from the queue and is still to be done. The last call.
  std::vector<WriteOp> Leave();

 private:
  void FirstCommit();
  void Cycle(std::vector<WriteOp> ops);
  // One pass over the file for the purges that waited when it began.
  struct Pass {
    std::vector<RuleBook::AtWork> rules;
    std::vector<RuleBook::Done> done;  // One a rule, in the same order.
    std::uint64_t position = 0;
    std::uint64_t end = 0;
    bool finished = false;
  };
  // A purge that got its row in the transaction under way.
  struct AppliedRule {
    std::uint64_t id = 0;
    std::uint64_t order = 0;
    std::uint64_t number = 0;
    std::uint64_t until_id = 0;
  };
  int Maintain(Batch& batch, const WriteTransaction& transaction, std::uint64_t need_bytes);
  int Evict(Batch& batch, const WriteTransaction& transaction, std::uint64_t need_bytes);
  int Apply(Batch& batch, WriteTransaction& transaction, std::vector<WriteOp>& ops);
  int ApplyOne(Batch& batch, const WriteOp& op);
  int ApplyPut(Batch& batch, const WriteOp& op);
  int ApplyClear(Batch& batch, const WriteOp& op);
  int ApplyPurge(Batch& batch, const WriteOp& op);
  int Sweep(Batch& batch, std::uint64_t remove_max);
  bool Place(std::uint64_t bytes);
  void PublishRules();
  void TellRemoved(const std::vector<Batch::Removed>& removed) const;
  void Publish(std::vector<WriteOp> ops);
  void Retreat(std::vector<WriteOp> ops, int code);
  void CountPages();
  bool Spend(std::uint64_t bytes);
  bool SpendChange();
  std::uint64_t ReserveBytes() const;
  std::uint64_t NeedBytes(const std::vector<WriteOp>& ops) const;

  Parts parts_;
  WriterState state_;
  PageCounts pages_;
  // Erasures and Clears whose commit failed: first in the next one.
  std::vector<WriteOp> retained_;
  // What the last transaction had no room for: the next one, which may reuse the pages that one freed, begins with it.
  std::vector<WriteOp> deferred_;
  std::uint64_t stalls_ = 0;  // Transactions in a row that had room for nothing.
  std::int64_t retry_at_ns_ = 0;
  std::int64_t readers_checked_ns_ = 0;
  // Of the transaction under way.
  Space space_;
  std::uint64_t usable_bytes_ = 0;
  std::uint64_t change_bytes_ = 0;  // What rewriting the other tables may still cost.
  std::uint64_t clears_applied_ = 0;
  std::uint64_t put_ = 0;
  std::uint64_t placed_ = 0;  // Operations there was room for.
  std::uint64_t dropped_ = 0;
  bool defer_ = false;
  bool more_to_maintain_ = false;
  bool reclaiming_ = true;
  std::vector<AppliedRule> applied_;
  Pass pass_;
};

}  // namespace reflex::store
