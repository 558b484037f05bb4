#include "cache/far_vectors.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace reflex::cache {
namespace {

// Before the numbers of the text; see WriteRecord.
constexpr std::size_t kHeaderBytes = 64;
// The place of a record in a table, its allocation included.
constexpr std::size_t kRecordPlaceBytes = 80;

}  // namespace

FarVectors::FarVectors(EntryStore& store, VectorMaker maker, std::size_t bytes_max)
    : store_(store),
      maker_(maker),
      kept_bytes_(kHeaderBytes + 2 * std::size_t{maker.dimension}),
      generation_max_(std::max<std::size_t>(1, bytes_max / (kept_bytes_ + kRecordPlaceBytes) / kShards / 2)) {}

const std::string* FarVectors::Find(Shard& shard, std::uint64_t label) {
  if (const auto young = shard.young.find(label); young != shard.young.end()) return &young->second;
  const auto old = shard.old.find(label);
  if (old == shard.old.end()) return nullptr;
  std::string bytes = std::move(old->second);
  shard.old.erase(old);
  if (shard.young.size() >= generation_max_) shard.old = std::exchange(shard.young, {});
  return &(shard.young[label] = std::move(bytes));
}

void FarVectors::Keep(std::uint64_t label, std::string_view bytes) {
  Shard& shard = ShardOf(label);
  base::MutexLock lock(shard.mutex);
  if (shard.young.size() >= generation_max_) shard.old = std::exchange(shard.young, {});
  shard.young[label].assign(bytes.substr(0, kept_bytes_));
}

void FarVectors::Prepare(std::span<const std::uint64_t> labels) {
  std::vector<std::uint64_t> missing;
  for (const std::uint64_t label : labels) {
    Shard& shard = ShardOf(label);
    base::MutexLock lock(shard.mutex);
    if (Find(shard, label) == nullptr) missing.push_back(label);
  }
  std::span<const std::uint64_t> rest = missing;
  while (!rest.empty()) {
    const std::size_t count = std::min(rest.size(), EntryStore::kKeysMax);
    store_.ReadVectorsByLabel(rest.first(count), [this](std::uint64_t label, std::string_view bytes) { Keep(label, bytes); });
    rest = rest.subspan(count);
  }
}

bool FarVectors::Fetch(std::uint64_t label, std::span<float> out) {
  Shard& shard = ShardOf(label);
  {
    base::MutexLock lock(shard.mutex);
    if (const std::string* const bytes = Find(shard, label)) return ReadText(*bytes, maker_, out);
  }
  bool fits = false;
  store_.ReadVectorByLabel(label, [&](std::string_view bytes) {
    fits = ReadText(bytes, maker_, out);
    if (fits) Keep(label, bytes);
  });
  return fits;
}

}  // namespace reflex::cache
