#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/vector_index.h"
#include "remote/service.h"

namespace reflex::remote {

struct QdrantOptions {
  // Prefix of the collection's name; the embedder's id and dimension follow. Letters, digits, "-", "_" and ".".
  std::string collection = "reflex";
  std::chrono::milliseconds time_limit{50};           // A search or count.
  std::chrono::milliseconds write_time_limit{5'000};  // A batch of writes, or one step of making the collection.
  std::uint32_t oversampling = 3;                     // Candidates compared exactly, as a multiple of those asked for; 1 to 16.
  std::uint32_t batch_max = 128;                      // Points written in one call; 1 to 1,000.
  std::uint32_t queue_max = 20'000;                   // Writes that wait; beyond: kFull.
  std::uint64_t queue_bytes_max = 64ull << 20;        // The same in bytes of vectors.
};

// Vectors in a collection of Qdrant, shared by all gateways that use it: one collection for each embedder and dimension, binary
// codes with exact comparison of the best, one graph a tenant. Thread-safe.
//
// Operation: the collection is made or checked once, by Open; where Qdrant did not answer then, by the first job that reaches it.
// Adds, removes and purges wait in one bounded queue, in order; jobs given to `background` write them in batches, wait for
// Qdrant's word, and now and then delete what has expired. A batch that Qdrant refuses is dropped and counted; one it does not
// answer is tried again by the next job that any call asks for. Concurrency: Search and Count block for at most time_limit;
// nothing is locked meanwhile. Limitations: what waits in the queue is not found yet, and lost if the process ends.
class QdrantIndex final : public VectorIndex {
 public:
  using Background = std::function<bool(std::function<void()>)>;
  struct Parts {
    Service& service;
    const Clock& clock;
    Logger& logger;
    base::MetricsRegistry& metrics;
    Background background;  // As LocalIndex's.
  };
  // All parts outlive the index. `wait`: how long to wait for Qdrant before going on without; the collection is then made later.
  // Returns: kInvalidArgument: a collection of another size (both numbers) or kind, an option.
  static Result<std::unique_ptr<QdrantIndex>> Open(QdrantOptions options, const std::string& model_id, std::uint32_t dimension,
                                                   Parts parts, std::chrono::milliseconds wait);
  // Writes nothing more: what waits is lost. Waits for the job that runs.
  ~QdrantIndex() override;

  std::uint32_t dimension() const override;
  bool shared() const override { return true; }
  Result<void> Add(const Digest& scope, std::uint64_t label, std::span<const float> vector, const VectorFacts& facts) override;
  void Remove(const Digest& scope, std::uint64_t label) override;
  void Purge(const PurgeRule& rule) override;
  std::uint64_t Count(const Digest& scope) const override;
  Result<std::vector<Neighbor>> Search(const Digest& scope, std::span<const float> vector, std::size_t k) const override;
  // `vectors`: of all scopes, as Qdrant said at most a minute ago, and `deleted` always 0; what waits here is `memory_bytes`.
  VectorIndexStats Stats() const override;

  // Asks for a job where there is something to write. Called by Add, Remove, Purge, Search and Count too.
  void Nudge() const;
  // Writes that wait.
  std::size_t waiting() const;
  // Why the collection cannot be used; empty when all is well.
  std::string Degraded() const;
  const std::string& collection() const;

 private:
  struct Desk;
  explicit QdrantIndex(std::shared_ptr<Desk> desk);
  const std::shared_ptr<Desk> desk_;
};

}  // namespace reflex::remote
