#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "cache/semantic_record.h"
#include "reflex/clock.h"
#include "reflex/embedder.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/semantic_tier.h"
#include "reflex/vector_index.h"

namespace reflex::cache {

// Keeps the index in step with the store, beside requests.
//
// Operation: what is to do waits in bounded queues; one job at a time works them off in slices and asks for the next one. Entries
// of scopes with at most `scan_max` entries get no vector. When a scope outgrows that, all its members are embedded; where hardly
// one of them can be, again when as many were stored once more. What fails because the embedder or the store is away is tried
// again, with a pause, until they are back. Concurrency: thread-safe. No thread of its own: everything runs in jobs handed to
// `background`. A job that finds no room, or comes after a pause, is asked for by the next call of Nudge. Limitations: an entry
// whose text the model had no time for in kAttemptsMax attempts, or which the store failed to give as often, has no vector until
// the next start.
class VectorFiling {
 public:
  struct Parts {
    EntryStore& store;
    std::shared_ptr<VectorIndex> index;
    Embedder& embedder;
    Clock& clock;
    Logger& logger;
    std::function<bool(std::function<void()>)> background;
    std::size_t scan_max = 0;
  };
  // The references outlive the object, which sets the store's OnRemoved.
  explicit VectorFiling(Parts parts);
  // Waits for the job that runs. Jobs that begin later do nothing.
  ~VectorFiling();
  VectorFiling(const VectorFiling&) = delete;
  VectorFiling& operator=(const VectorFiling&) = delete;

  // An entry with a scope is in the store. `vector` may be null. Quick.
  void Stored(const Digest& scope, const Digest& key, std::shared_ptr<const SimilarVector> vector);

  // Reads the vectors of all scopes above scan_max into the index. Until that is done loading() is true; while the store is away it
  // waits. Called during a load it makes another one follow, which sees what came meanwhile. A shared index has them.
  void StartLoading();
  bool loading() const { return desk_->loading.load(std::memory_order_acquire); }

  // Asks for a job where one is needed and could not be had before. Quick: one atomic read when there is nothing to do.
  void Nudge() { Nudge(desk_); }

  std::uint64_t embedded() const { return desk_->embedded.Value(); }
  std::uint64_t dropped() const { return desk_->dropped.Value(); }
  const VectorMaker& maker() const { return desk_->maker; }

 private:
  struct Fresh {
    Digest scope, key;
    std::shared_ptr<const SimilarVector> vector;
    std::size_t bytes = 0;
  };
  // With an all-zero key: the end of a scope's members. Unsized: whether the scope is large could not be found out.
  struct Waiting {
    Digest scope, key;
    int attempts = 0;
    bool unsized = false;
  };
  struct Removal {
    Digest scope, key;
  };
  // A scope's members, put in the backlog: how many, and of how many texts there is a vector or may yet be one.
  struct Pass {
    std::size_t members = 0, kept = 0;
  };
  // What a load has found and how far it is.
  struct Load {
    struct Group {
      Digest scope;
      std::size_t end = 0;  // Of its keys; they begin where the group before ends.
    };
    bool visited = false;
    std::vector<Digest> keys;
    std::vector<Group> groups;
    std::size_t next = 0, group = 0;
    std::uint64_t added = 0, dropped = 0;
  };
  // Shared with jobs, which may outlive the object.
  struct Desk {
    explicit Desk(Parts p) : parts(std::move(p)), maker(VectorMaker::Of(parts.embedder.model_id(), parts.embedder.dimension())) {}

    const Parts parts;
    const VectorMaker maker;
    std::atomic<bool> loading{false};
    std::atomic<bool> closing{false};  // Read inside long work; set under the mutex.
    // Set when there is work that no job has been found for.
    std::atomic<bool> wanting{false};
    base::Counter embedded, dropped;

    base::Mutex mutex;
    base::CondVar idle;
    bool submitted GUARDED_BY(mutex) = false;  // A job waits or runs.
    bool running GUARDED_BY(mutex) = false;
    std::int64_t not_before_ns GUARDED_BY(mutex) = 0;
    std::deque<Fresh> fresh GUARDED_BY(mutex);
    std::size_t fresh_bytes GUARDED_BY(mutex) = 0;
    std::deque<Waiting> backlog GUARDED_BY(mutex);
    std::vector<Removal> removals GUARDED_BY(mutex);
    std::unordered_map<Digest, Pass, DigestHash> growing GUARDED_BY(mutex);  // Scopes whose members are in the backlog.
    // Scopes whose members had no vectors when they were gone over: how many entries are to be stored before that is done again.
    std::unordered_map<Digest, std::size_t, DigestHash> barren GUARDED_BY(mutex);
    bool load_wanted GUARDED_BY(mutex) = false;
    bool load_again GUARDED_BY(mutex) = false;  // Wanted once more since the scopes were visited.
    // Of the job that runs.
    Load load;
    int load_tries = 0;
    bool complained = false;

    bool HasWork() const REQUIRES(mutex) { return load_wanted || !removals.empty() || !fresh.empty() || !backlog.empty(); }
  };
  // Later: counted as an attempt. Away: nothing can be embedded or read now, which is no fault of the text.
  enum class Filed : std::uint8_t { kDone, kLater, kAway };

  static void Nudge(const std::shared_ptr<Desk>& desk);
  static void RunJob(const std::shared_ptr<Desk>& desk);
  static void Removed(const std::shared_ptr<Desk>& desk, const Digest& scope, const Digest& key);
  // The parts of a job. True where the model had no time, or the store or the model is away: the rest comes later.
  static bool Work(Desk& desk);
  static void WorkOffRemovals(Desk& desk);
  static bool WorkOffLoad(Desk& desk);
  static bool WorkOffFresh(Desk& desk, std::size_t slice);
  static bool WorkOffBacklog(Desk& desk, std::size_t slice);

  static bool CollectScopes(Desk& desk);
  static bool VisitAgain(Desk& desk, const Error& error);
  static void LoadOne(Desk& desk, const Digest& scope, const Digest& key, std::vector<float>& buffer);
  static void PushBacklog(Desk& desk, Waiting item);
  static Filed FileFresh(Desk& desk, const Fresh& item, bool& unsized);
  static Result<bool> IsLarge(Desk& desk, const Digest& scope);
  static bool IsBarren(Desk& desk, const Digest& scope);
  static Result<void> GrowScope(Desk& desk, const Digest& scope);
  static void EndPass(Desk& desk, const Digest& scope) REQUIRES(desk.mutex);
  static void CountKept(Desk& desk, const Digest& scope);
  static Filed AfterFailure(ErrorCode code);
  static Filed AfterStoreFailure(ErrorCode code);
  static Filed Embed(Desk& desk, const Digest& scope, const Digest& key);
  static Filed AddToIndex(Desk& desk, const Digest& scope, const Digest& key, std::span<const float> vector, EntryPtr known);

  const std::shared_ptr<Desk> desk_;
};

}  // namespace reflex::cache
