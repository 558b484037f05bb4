#include "cache/memory_tier.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace reflex::cache {
namespace {

// A shard below this is too small to tell its own entries apart.
constexpr std::uint64_t kShardEntriesMin = 64;
constexpr std::uint64_t kShardBytesMin = 1u << 20;
constexpr std::uint8_t kFrequencyMax = 3;
// A node of the table with its bucket, and the control block of the shared entry.
constexpr std::uint64_t kPlaceBytes = 184;

std::uint64_t ShardCount(const MemoryOptions& options) {
  const std::uint64_t sensible = std::min(options.entries / kShardEntriesMin, options.bytes / kShardBytesMin);
  return std::bit_floor(std::clamp<std::uint64_t>(std::min<std::uint64_t>(options.shards, sensible), 1, 256));
}

}  // namespace

MemoryTier::MemoryTier(const MemoryOptions& options) {
  const std::uint64_t count = ShardCount(options);
  bytes_max_ = options.bytes / count;
  entries_max_ = options.entries / count;
  for (std::uint64_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>());
}

std::uint64_t MemoryTier::CountedBytes(const Entry& entry) { return entry.MemoryBytes() + kPlaceBytes; }

void MemoryTier::Fifo::Push(Node& node) {
  node.newer = nullptr;
  node.older = newest;
  (newest != nullptr ? newest->newer : oldest) = &node;
  newest = &node;
  bytes += node.bytes;
  ++count;
}

void MemoryTier::Fifo::Remove(Node& node) {
  (node.newer != nullptr ? node.newer->older : newest) = node.older;
  (node.older != nullptr ? node.older->newer : oldest) = node.newer;
  bytes -= node.bytes;
  --count;
}

void MemoryTier::Ghost::Add(const Digest& key, std::uint64_t limit) {
  if (!set.insert(key).second) return;
  order.push_back(key);
  while (order.size() > limit) {
    set.erase(order.front());
    order.pop_front();
  }
}

bool MemoryTier::Ghost::Take(const Digest& key) {
  // Its place in the order stays and ages out; should the digest come back meanwhile, it leaves with the older place.
  return set.erase(key) > 0;
}

EntryPtr MemoryTier::Find(const Digest& key, std::int64_t read_from_ns) {
  Shard& shard = ShardOf(key);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.nodes.find(key);
  if (found == shard.nodes.end()) return nullptr;
  Node& node = found->second;
  if (node.read_ns < read_from_ns) {
    Drop(shard, node);
    return nullptr;
  }
  if (node.frequency < kFrequencyMax) ++node.frequency;
  ++shard.hits;
  return node.entry;
}

bool MemoryTier::Insert(EntryPtr entry, std::int64_t read_ns) {
  if (CountedBytes(*entry) > bytes_max_) {
    Erase(entry->key);  // An older answer must not outlive its replacement.
    return false;
  }
  Shard& shard = ShardOf(entry->key);
  Store(shard, std::move(entry), read_ns, std::numeric_limits<std::int64_t>::max());
  return true;
}

EntryPtr MemoryTier::InsertIfAbsent(EntryPtr entry, std::int64_t read_ns, std::int64_t read_from_ns) {
  if (CountedBytes(*entry) > bytes_max_) return entry;
  Shard& shard = ShardOf(entry->key);
  return Store(shard, std::move(entry), read_ns, read_from_ns);
}

EntryPtr MemoryTier::Store(Shard& shard, EntryPtr entry, std::int64_t read_ns, std::int64_t replace_before_ns) {
  const std::uint64_t bytes = CountedBytes(*entry);
  EntryPtr replaced;  // Freed after the lock.
  base::MutexLock lock(shard.mutex);
  auto found = shard.nodes.find(entry->key);
  if (found != shard.nodes.end() && found->second.read_ns >= replace_before_ns) return found->second.entry;
  if (found != shard.nodes.end()) {
    // Keeps its queue, place and frequency; room is made below and may take the node itself, so size is settled first.
    Node& node = found->second;
    Fifo& queue = shard.QueueOf(node.place);
    queue.bytes += bytes - node.bytes;
    node.bytes = bytes;
    node.read_ns = read_ns;
    replaced = std::exchange(node.entry, entry);
    MakeRoom(shard, 0);
    return entry;
  }
  const Place place = shard.ghost.Take(entry->key) ? Place::kMain : Place::kSmall;
  MakeRoom(shard, bytes);
  Node& node = shard.nodes[entry->key];
  node.entry = entry;
  node.bytes = bytes;
  node.read_ns = read_ns;
  node.place = place;
  shard.QueueOf(place).Push(node);
  return entry;
}

void MemoryTier::MakeRoom(Shard& shard, std::uint64_t bytes) {
  const std::uint64_t incoming = bytes > 0 ? 1 : 0;
  while (!shard.nodes.empty() && (shard.Bytes() + bytes > bytes_max_ || shard.nodes.size() + incoming > entries_max_)) {
    const Fifo& small = shard.QueueOf(Place::kSmall);
    const Fifo& main = shard.QueueOf(Place::kMain);
    const bool small_is_over = small.bytes >= bytes_max_ / 10 || small.count >= entries_max_ / 10;
    if (small.count > 0 && (small_is_over || main.count == 0)) {
      EvictFromSmall(shard);
    } else {
      EvictFromMain(shard);
    }
  }
}

void MemoryTier::EvictFromSmall(Shard& shard) {
  Node& node = *shard.QueueOf(Place::kSmall).oldest;
  if (node.frequency > 0) {
    node.frequency = 0;
    return Move(shard, node, Place::kMain);
  }
  // As many ghosts as the main queue holds entries, the paper's choice.
  shard.ghost.Add(node.entry->key, std::max<std::uint64_t>(shard.nodes.size(), 16));
  ++shard.evictions;
  Drop(shard, node);
}

void MemoryTier::EvictFromMain(Shard& shard) {
  Node& node = *shard.QueueOf(Place::kMain).oldest;
  if (node.frequency > 0) {
    --node.frequency;
    return Move(shard, node, Place::kMain);
  }
  ++shard.evictions;
  Drop(shard, node);
}

void MemoryTier::Move(Shard& shard, Node& node, Place to) {
  shard.QueueOf(node.place).Remove(node);
  node.place = to;
  shard.QueueOf(to).Push(node);
}

void MemoryTier::Drop(Shard& shard, Node& node) {
  shard.QueueOf(node.place).Remove(node);
  const Digest key = node.entry->key;
  shard.nodes.erase(key);
}

void MemoryTier::Erase(const Digest& key) {
  Shard& shard = ShardOf(key);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.nodes.find(key);
  if (found != shard.nodes.end()) Drop(shard, found->second);
}

void MemoryTier::EraseLabel(std::uint64_t label) {
  Shard& shard = *shards_[(label & 0xff) % shards_.size()];
  base::MutexLock lock(shard.mutex);
  for (auto found = shard.nodes.find(label); found != shard.nodes.end(); found = shard.nodes.find(label))
    Drop(shard, found->second);
}

void MemoryTier::Clear() {
  for (const auto& shard : shards_) {
    base::MutexLock lock(shard->mutex);
    shard->queues = {};
    shard->nodes.clear();
    shard->ghost = {};
  }
}

std::uint64_t MemoryTier::EraseIf(const std::function<bool(const Entry&)>& condemn) {
  std::uint64_t erased = 0;
  for (const auto& shard : shards_) {
    base::MutexLock lock(shard->mutex);
    for (auto node = shard->nodes.begin(); node != shard->nodes.end();) {
      if (!condemn(*node->second.entry)) {
        ++node;
        continue;
      }
      shard->QueueOf(node->second.place).Remove(node->second);
      node = shard->nodes.erase(node);
      ++erased;
    }
  }
  return erased;
}

MemoryTier::Stats MemoryTier::Count() const {
  Stats stats;
  for (const auto& shard : shards_) {
    base::MutexLock lock(shard->mutex);
    stats.entries += shard->nodes.size();
    stats.bytes += shard->Bytes();
    stats.evictions += shard->evictions;
    stats.hits += shard->hits;
  }
  return stats;
}

}  // namespace reflex::cache
