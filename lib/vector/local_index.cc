#include "vector/local_index.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "vector/code.h"
#include "vector/kernels.h"
#include "vector/merge_queue.h"
#include "vector/partition.h"
#include "vector/top_codes.h"

namespace reflex::vector {
namespace {

constexpr std::uint32_t kManyDimensions = 1024;

bool Between(std::uint64_t value, std::uint64_t low, std::uint64_t high) { return value >= low && value <= high; }

std::size_t ListsFrom(const LocalIndexOptions& options, std::size_t words) {
  if (options.lists_from != 0) return options.lists_from;
  return words <= 6 ? 131'072 : std::max<std::size_t>(32'768, 131'072 * 6 / words);
}

// Of a query of length 1; NaN when the stored vector has no direction.
float Cosine(const Kernels& kernels, std::span<const float> query, std::span<const float> stored) {
  float cross = 0, square = 0;
  kernels.dots(query.data(), stored.data(), stored.size(), &cross, &square);
  if (square > 1e-30f && square < 1e30f) return cross / std::sqrt(square);
  // Squares that leave the range of float, or a vector that is no longer what was added.
  double wide_cross = 0, wide_square = 0;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    wide_cross += static_cast<double>(query[i]) * stored[i];
    wide_square += static_cast<double>(stored[i]) * stored[i];
  }
  return static_cast<float>(wide_cross / std::sqrt(wide_square));
}

}  // namespace

// The scopes, spread over shards by their digest.
class LocalIndex::Core {
 public:
  Core(std::uint32_t dimension, const LocalIndexOptions& options, Background background)
      : dimension_(dimension),
        partitions_{WordsOf(dimension), ListsFrom(options, WordsOf(dimension)), options.lists, &BestKernels(WordsOf(dimension))},
        merges_(std::make_shared<MergeQueue>(std::move(background), options.slice)) {}

  std::shared_ptr<Partition> Find(const Digest& scope) const {
    const Shard& shard = ShardOf(scope);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.partitions.find(scope);
    return found == shard.partitions.end() ? nullptr : found->second;
  }

  std::shared_ptr<Partition> FindOrMake(const Digest& scope) {
    Shard& shard = ShardOf(scope);
    base::MutexLock lock(shard.mutex);
    std::shared_ptr<Partition>& partition = shard.partitions[scope];
    if (!partition) partition = std::make_shared<Partition>(partitions_);
    return partition;
  }

  // The shard's lock is taken before the partition's, here alone, so that no other partition takes the place of one in use.
  void DropIfEmpty(const Digest& scope, const std::shared_ptr<Partition>& partition) {
    Shard& shard = ShardOf(scope);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.partitions.find(scope);
    if (found != shard.partitions.end() && found->second == partition && partition->RetireIfEmpty()) shard.partitions.erase(found);
  }

  std::vector<std::shared_ptr<Partition>> All() const {
    std::vector<std::shared_ptr<Partition>> all;
    for (const Shard& shard : shards_) {
      base::MutexLock lock(shard.mutex);
      for (const auto& [scope, partition] : shard.partitions) all.push_back(partition);
    }
    return all;
  }

  std::uint32_t dimension() const { return dimension_; }
  const PartitionOptions& partitions() const { return partitions_; }
  MergeQueue& merges() { return *merges_; }
  std::atomic<std::uint64_t>& vectors() { return vectors_; }

 private:
  struct Shard {
    mutable base::Mutex mutex;
    std::unordered_map<Digest, std::shared_ptr<Partition>, DigestHash> partitions GUARDED_BY(mutex);
  };
  static std::size_t Number(const Digest& scope) { return scope.bytes[31] % 64; }
  Shard& ShardOf(const Digest& scope) { return shards_[Number(scope)]; }
  const Shard& ShardOf(const Digest& scope) const { return shards_[Number(scope)]; }

  const std::uint32_t dimension_;
  const PartitionOptions partitions_;
  std::array<Shard, 64> shards_;
  std::atomic<std::uint64_t> vectors_{0};
  const std::shared_ptr<MergeQueue> merges_;
};

std::unique_ptr<LocalIndex> LocalIndex::Create(std::uint32_t dimension, LocalIndexOptions options, Fetch fetch,
                                               Background background) {
  const bool allowed = Between(dimension, 1, 65'535) && Between(options.vectors_max, 1, std::uint64_t{1} << 31) &&
                       (options.lists_from == 0 || Between(options.lists_from, 64, 1u << 20)) &&
                       Between(options.lists.list_entries, 1, 65'536) && Between(options.lists.lists_max, 1, 1u << 20) &&
                       Between(options.lists.read_permille, 1, 1000) && options.oversampling <= kOversamplingMax &&
                       options.slice >= 1 && fetch && background;
  if (!allowed) return nullptr;
  return std::unique_ptr<LocalIndex>(
      new LocalIndex(std::make_shared<Core>(dimension, options, std::move(background)), options, std::move(fetch)));
}

LocalIndex::LocalIndex(std::shared_ptr<Core> core, LocalIndexOptions options, Fetch fetch)
    : core_(std::move(core)), options_(options), fetch_(std::move(fetch)) {}

LocalIndex::~LocalIndex() = default;

std::uint32_t LocalIndex::dimension() const { return core_->dimension(); }

Result<void> LocalIndex::Add(const Digest& scope, std::uint64_t label, std::span<const float> vector, const VectorFacts&) {
  REFLEX_CHECK(CheckedNorm(vector, dimension()));
  // A replaced label counts for a moment; so the limit may refuse a replacement when it is reached exactly.
  if (core_->vectors().fetch_add(1, std::memory_order_relaxed) >= options_.vectors_max) {
    core_->vectors().fetch_sub(1, std::memory_order_relaxed);
    return Fail(ErrorCode::kFull, "the index holds " + std::to_string(options_.vectors_max) + " vectors, its limit");
  }
  std::vector<std::uint64_t> code(core_->partitions().words);
  SignCode(vector, code.data());
  auto added = Partition::Added::kRetired;
  std::shared_ptr<Partition> partition;
  while (added == Partition::Added::kRetired) {
    partition = core_->FindOrMake(scope);
    added = partition->Add(label, code.data());
  }
  if (added == Partition::Added::kReplaced) core_->vectors().fetch_sub(1, std::memory_order_relaxed);
  if (partition->NeedsMerge()) core_->merges().Push(partition);
  core_->merges().Kick();
  return {};
}

void LocalIndex::Remove(const Digest& scope, std::uint64_t label) {
  const auto partition = core_->Find(scope);
  if (!partition || !partition->Remove(label)) return;
  core_->vectors().fetch_sub(1, std::memory_order_relaxed);
  if (partition->Count() == 0) core_->DropIfEmpty(scope, partition);
  if (partition->NeedsMerge()) core_->merges().Push(partition);
  core_->merges().Kick();
}

std::uint64_t LocalIndex::Count(const Digest& scope) const {
  const auto partition = core_->Find(scope);
  return partition ? partition->Count() : 0;
}

std::size_t LocalIndex::Oversampling(std::size_t k) const {
  const std::size_t chosen = options_.oversampling;
  if (chosen != 0) return std::min(std::max(chosen, k), kOversamplingMax);
  // The fewest that were measured to find 0.99 of the five nearest with some room (docs/index.md). Longer codes tell more.
  return std::min(std::max<std::size_t>(k, dimension() >= kManyDimensions ? 64 : 256), kOversamplingMax);
}

Result<std::vector<Neighbor>> LocalIndex::Search(const Digest& scope, std::span<const float> vector, std::size_t k) const {
  REFLEX_TRY(const double norm, CheckedNorm(vector, dimension()));
  core_->merges().Kick();
  std::vector<Neighbor> found;
  const auto partition = core_->Find(scope);
  if (!partition || k == 0) return found;
  const PartitionOptions& options = core_->partitions();
  std::vector<std::uint64_t> code(options.words);
  SignCode(vector, code.data());
  const std::size_t width = std::min(Oversampling(k), std::max<std::size_t>(1, partition->Count()));
  TopCodes top(width);
  partition->Search(code.data(), width, top);

  std::vector<float> query(vector.size()), stored(vector.size());
  std::transform(vector.begin(), vector.end(), query.begin(), [norm](float value) { return static_cast<float>(value / norm); });
  found.reserve(top.hits().size());
  if (options_.prepare) {
    std::vector<std::uint64_t> labels;
    for (const CodeHit& hit : top.hits()) labels.push_back(hit.label);
    options_.prepare(labels);
  }
  for (const CodeHit& hit : top.hits()) {
    if (!fetch_(hit.label, stored)) continue;
    const float similarity = Cosine(*options.kernels, query, stored);
    if (!std::isfinite(similarity)) continue;
    found.push_back({hit.label, std::clamp(similarity, -1.0f, 1.0f)});
  }
  const std::size_t kept = std::min(k, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(kept), found.end(),
                    [](const Neighbor& a, const Neighbor& b) {
                      return a.similarity != b.similarity ? a.similarity > b.similarity : a.label < b.label;
                    });
  found.resize(kept);
  return found;
}

VectorIndexStats LocalIndex::Stats() const {
  VectorIndexStats stats;
  for (const auto& partition : core_->All()) partition->AddStats(stats);
  return stats;
}

}  // namespace reflex::vector

namespace reflex {

std::unique_ptr<VectorIndex> NewLocalIndex(std::uint32_t dimension, VectorIndex::Fetch fetch,
                                           std::function<bool(std::function<void()>)> background) {
  return vector::LocalIndex::Create(dimension, {}, std::move(fetch), std::move(background));
}

}  // namespace reflex
