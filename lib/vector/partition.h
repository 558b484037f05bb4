#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "reflex/vector_index.h"
#include "vector/block.h"
#include "vector/lists.h"

namespace reflex::vector {

// What all partitions of an index have in common.
struct PartitionOptions {
  std::size_t words = 0;
  // A tail is sealed at this many entries, and a segment in lists has at least as many.
  std::size_t lists_from = 0;
  ListsOptions lists;
  const Kernels* kernels = nullptr;
};

// The sealed part of a partition: full blocks that wait to be put in lists, and segments in lists from small to
// large. Entries die, nothing else changes.
struct Segments {
  std::vector<std::shared_ptr<Block>> blocks;
  std::vector<std::shared_ptr<Lists>> lists;
};

// A merge under way: the sources' live entries in order of label, put into lists or, when few, a block.
// Used by one thread at a time.
class Merge {
 public:
  Merge(const PartitionOptions& options, Segments sources);

  // Goes on for about `count` entries; true when all are in. Throws std::bad_alloc.
  bool Step(std::size_t count);

 private:
  friend class Partition;
  struct Place {
    std::uint64_t label;
    std::uint32_t source;  // Blocks, then lists.
    std::uint32_t index;
  };

  const std::uint64_t* CodeOf(std::size_t i, std::uint64_t* label) const;

  const PartitionOptions options_;  // Copied: a merge may outlive the index by a slice.
  Segments sources_;
  std::vector<Place> places_;
  std::shared_ptr<Lists> lists_;
  std::shared_ptr<Block> block_;
};

// The vectors of one scope: a tail that takes what is added, and sealed segments. A label is live in one of them at most.
//
// Concurrency: all functions from any thread, except that one merge runs at a time. A search holds the lock to copy two pointers
// and a number; an add to look its label up and to copy its code, and, when the tail doubles, to copy the tail. A tail that is worn
// is copied without the lock.
class Partition {
 public:
  enum class Added { kNew, kReplaced, kRetired };

  explicit Partition(const PartitionOptions& options);

  // kRetired: the partition was emptied and left the index; the caller looks for its successor.
  Added Add(std::uint64_t label, const std::uint64_t* code) EXCLUDES(mutex_);
  // Whether it was there.
  bool Remove(std::uint64_t label) EXCLUDES(mutex_);
  // True when it is empty; from then on Add refuses.
  bool RetireIfEmpty() EXCLUDES(mutex_);
  std::size_t Count() const { return live_.load(std::memory_order_relaxed); }

  // Segments in lists are asked for their `width` nearest; everything else is read whole.
  void Search(const std::uint64_t* query, std::size_t width, TopCodes& top) const EXCLUDES(mutex_);
  void AddStats(VectorIndexStats& stats) const EXCLUDES(mutex_);

  // Whether there is something to merge, without a lock: right after the Add or Remove that made it so.
  bool NeedsMerge() const { return needs_merge_.load(std::memory_order_relaxed); }
  // The next merge, or null when there is nothing to do. Copies a worn tail first. Throws std::bad_alloc.
  std::unique_ptr<Merge> StartMerge() EXCLUDES(mutex_);
  // Puts the result in the place of its sources.
  void FinishMerge(Merge& merge) EXCLUDES(mutex_);
  // Forgets a merge that failed; the sources stay as they are until something new is sealed or removed.
  void DropMerge() EXCLUDES(mutex_);

 private:
  bool RemoveLocked(std::uint64_t label) REQUIRES(mutex_);
  void MakeRoom() REQUIRES(mutex_);
  // So much of the tail is dead that it is worth copying the rest.
  bool TailIsWorn() const REQUIRES(mutex_);
  void RenewTail() EXCLUDES(mutex_);
  void Judge() REQUIRES(mutex_);

  const PartitionOptions options_;  // Copied: a merge may outlive the index by a slice.
  mutable base::Mutex mutex_;
  std::shared_ptr<Block> tail_ GUARDED_BY(mutex_);
  std::shared_ptr<const Segments> sealed_ GUARDED_BY(mutex_);
  bool retired_ GUARDED_BY(mutex_) = false;
  bool merging_ GUARDED_BY(mutex_) = false;
  // Labels taken out of sealed segments while a merge may have read them already.
  std::vector<std::uint64_t> removed_meanwhile_ GUARDED_BY(mutex_);
  std::atomic<std::size_t> live_{0};
  std::atomic<bool> needs_merge_{false};
};

}  // namespace reflex::vector
