#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "reflex/cache.h"
#include "reflex/types.h"

namespace reflex::cache {

// Entries in memory, bounded by bytes and by count, evicted by S3-FIFO (Yang et al., SOSP 2023; docs/eviction.md says why): new
// entries wait in a small queue of a tenth of the space; those that are asked for again move to the main queue, the others leave
// soon and only their digests are remembered for a while, so that a scan does not displace what is in use.
//
// Thread-safe: each shard has one lock, held for a table look-up. A look-up allocates nothing.
class MemoryTier {
 public:
  // REQUIRES: bytes, entries and shards above 0.
  explicit MemoryTier(const MemoryOptions& options);

  // Times are of any one clock, in nanoseconds; callers that give none have entries of no age.
  static constexpr std::int64_t kAnyAge = std::numeric_limits<std::int64_t>::min();

  // The entry or null; one read before `read_from_ns` is dropped.
  EntryPtr Find(const Digest& key, std::int64_t read_from_ns = kAnyAge);
  // Stores or replaces. False, storing nothing, when the entry is larger than a shard.
  bool Insert(EntryPtr entry, std::int64_t read_ns = 0);
  // Stores unless the key is there already, read at `read_from_ns` or later; returns what is there afterwards, or `entry` when it
  // is too large.
  EntryPtr InsertIfAbsent(EntryPtr entry, std::int64_t read_ns = 0, std::int64_t read_from_ns = kAnyAge);
  void Erase(const Digest& key);
  // Erases every entry with this label.
  void EraseLabel(std::uint64_t label);
  void Clear();
  // Returns how many were erased. `condemn` is called under a shard's lock.
  std::uint64_t EraseIf(const std::function<bool(const Entry&)>& condemn);

  struct Stats {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t evictions = 0;
    std::uint64_t hits = 0;
  };
  Stats Count() const;
  std::size_t shards() const { return shards_.size(); }

  // What one entry is counted as: itself, and its place in the tables.
  static std::uint64_t CountedBytes(const Entry& entry);

 private:
  enum class Place : std::uint8_t { kSmall, kMain };

  struct Node {
    EntryPtr entry;
    std::uint64_t bytes = 0;
    std::int64_t read_ns = 0;  // When it was put here, or asked of the store.
    Place place = Place::kSmall;
    std::uint8_t frequency = 0;  // Hits since it was last looked at by eviction, at most 3.
    Node* newer = nullptr;
    Node* older = nullptr;
  };

  // First in, first out; linked through the nodes, so that any can leave.
  struct Fifo {
    Node* newest = nullptr;
    Node* oldest = nullptr;
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;

    void Push(Node& node);
    void Remove(Node& node);
  };

  // Digests that left the small queue unasked for, oldest first. The whole digest: a wrong guess would only cost space, but
  // nothing is gained by shortening it.
  struct Ghost {
    std::deque<Digest> order;
    std::unordered_set<Digest, DigestHash> set;

    void Add(const Digest& key, std::uint64_t limit);
    bool Take(const Digest& key);
  };

  // A digest's hash is its label in another byte order, so that entries are found by label as well.
  struct LabelHash {
    using is_transparent = void;
    std::size_t operator()(const Digest& key) const noexcept { return LabelOf(key); }
    std::size_t operator()(std::uint64_t label) const noexcept { return label; }
  };
  struct LabelEqual {
    using is_transparent = void;
    bool operator()(const Digest& a, const Digest& b) const noexcept { return a == b; }
    bool operator()(std::uint64_t label, const Digest& key) const noexcept { return label == LabelOf(key); }
    bool operator()(const Digest& key, std::uint64_t label) const noexcept { return label == LabelOf(key); }
  };

  struct alignas(64) Shard {
    mutable base::Mutex mutex;
    std::unordered_map<Digest, Node, LabelHash, LabelEqual> nodes GUARDED_BY(mutex);
    std::array<Fifo, 2> queues GUARDED_BY(mutex);
    Ghost ghost GUARDED_BY(mutex);
    std::uint64_t evictions GUARDED_BY(mutex) = 0;
    std::uint64_t hits GUARDED_BY(mutex) = 0;

    Fifo& QueueOf(Place place) REQUIRES(mutex) { return queues[static_cast<std::size_t>(place)]; }
    std::uint64_t Bytes() const REQUIRES(mutex) { return queues[0].bytes + queues[1].bytes; }
  };

  // By the label's last byte.
  Shard& ShardOf(const Digest& key) { return *shards_[key.bytes[7] % shards_.size()]; }
  // `replace_before_ns`: an entry read earlier is replaced.
  EntryPtr Store(Shard& shard, EntryPtr entry, std::int64_t read_ns, std::int64_t replace_before_ns);
  void Drop(Shard& shard, Node& node) REQUIRES(shard.mutex);
  void Move(Shard& shard, Node& node, Place to) REQUIRES(shard.mutex);
  void MakeRoom(Shard& shard, std::uint64_t bytes) REQUIRES(shard.mutex);
  void EvictFromSmall(Shard& shard) REQUIRES(shard.mutex);
  void EvictFromMain(Shard& shard) REQUIRES(shard.mutex);

  // Of one shard.
  std::uint64_t bytes_max_ = 0;
  std::uint64_t entries_max_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace reflex::cache
