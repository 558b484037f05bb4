#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "cache/semantic_record.h"
#include "reflex/entry_store.h"

namespace reflex::cache {

// Vectors of a store that is a network away, for an index in this process: those a search is going to compare are read in one go,
// and what was read is kept, within a bound. A label stands for an exact key, so for one question and one vector; one of an entry
// that is gone may come back, and whoever found it looks the entry up. Thread-safe.
class FarVectors {
 public:
  // `store` outlives it. Keeps at most about `bytes_max`.
  FarVectors(EntryStore& store, VectorMaker maker, std::size_t bytes_max);

  // Reads those of them that are not here.
  void Prepare(std::span<const std::uint64_t> labels);
  // As VectorIndex::Fetch.
  bool Fetch(std::uint64_t label, std::span<float> out);

 private:
  using Vectors = std::unordered_map<std::uint64_t, std::string>;
  // What is found among the old ones is young again; when the young ones fill half the room the old ones go.
  struct Shard {
    base::Mutex mutex;
    Vectors young GUARDED_BY(mutex), old GUARDED_BY(mutex);
  };
  Shard& ShardOf(std::uint64_t label) { return shards_[label % kShards]; }
  const std::string* Find(Shard& shard, std::uint64_t label) REQUIRES(shard.mutex);
  void Keep(std::uint64_t label, std::string_view bytes);

  static constexpr std::size_t kShards = 16;
  EntryStore& store_;
  const VectorMaker maker_;
  const std::size_t kept_bytes_;      // Of a record: without words.
  const std::size_t generation_max_;  // Records of one generation of one shard.
  std::array<Shard, kShards> shards_;
};

}  // namespace reflex::cache
