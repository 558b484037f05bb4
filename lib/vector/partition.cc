#include "vector/partition.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace reflex::vector {
namespace {

// The first capacity of a tail: scopes come here with a few more than 16 entries.
constexpr std::size_t kFirstCapacity = 32;
// Fewer dead than this are not worth a copy of the tail.
constexpr std::size_t kTailDeadMin = 1024;
// A segment is rebuilt when more than a quarter of it is dead.
constexpr bool TooManyDead(std::size_t dead, std::size_t size) { return dead * 4 > size; }

template <class List, class Segment>
void Drop(List& list, const std::vector<std::shared_ptr<Segment>>& gone) {
  std::erase_if(list, [&](const auto& segment) { return std::find(gone.begin(), gone.end(), segment) != gone.end(); });
}

}  // namespace

Partition::Partition(const PartitionOptions& options)
    : options_(options),
      tail_(std::make_shared<Block>(options.words, std::min(kFirstCapacity, options.lists_from))),
      sealed_(std::make_shared<const Segments>()) {}

Partition::Added Partition::Add(std::uint64_t label, const std::uint64_t* code) {
  base::MutexLock lock(mutex_);
  if (retired_) return Added::kRetired;
  const bool replaced = RemoveLocked(label);
  if (tail_->size() == tail_->capacity()) MakeRoom();
  tail_->Append(label, code);
  if (!replaced) live_.fetch_add(1, std::memory_order_relaxed);
  return replaced ? Added::kReplaced : Added::kNew;
}

bool Partition::Remove(std::uint64_t label) {
  base::MutexLock lock(mutex_);
  if (!RemoveLocked(label)) return false;
  live_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool Partition::RetireIfEmpty() {
  base::MutexLock lock(mutex_);
  return retired_ = retired_ || live_.load(std::memory_order_relaxed) == 0;
}

bool Partition::RemoveLocked(std::uint64_t label) {
  if (const auto i = tail_->Find(label)) {
    tail_->Remove(*i);
    if (TailIsWorn()) needs_merge_.store(true, std::memory_order_relaxed);
    return true;
  }
  const auto remove_from = [&](const auto& segments) {
    for (const auto& segment : segments) {
      const auto i = segment->Find(label);
      if (!i) continue;
      segment->Remove(*i);
      if (TooManyDead(segment->dead(), segment->size())) needs_merge_.store(true, std::memory_order_relaxed);
      return true;
    }
    return false;
  };
  if (!remove_from(sealed_->lists) && !remove_from(sealed_->blocks)) return false;
  if (merging_) removed_meanwhile_.push_back(label);
  return true;
}

// The tail is full: it doubles, or only loses its dead, or is sealed.
void Partition::MakeRoom() {
  const std::size_t live = tail_->live();
  std::shared_ptr<Block> next;
  if (live * 4 > options_.lists_from * 3) {
    auto sealed = std::make_shared<Segments>(*sealed_);
    sealed->blocks.push_back(tail_);
    next =
        std::make_shared<Block>(options_.words, std::min(options_.lists_from, std::max(kFirstCapacity, options_.lists_from / 16)));
    sealed_ = std::move(sealed);
    needs_merge_.store(true, std::memory_order_relaxed);
  } else {
    const std::size_t capacity = std::max(kFirstCapacity, live > tail_->capacity() / 2 ? 2 * tail_->capacity() : tail_->capacity());
    next = std::make_shared<Block>(options_.words, std::min(capacity, options_.lists_from));
    for (std::size_t i = 0; i < tail_->size(); ++i) {
      if (!tail_->IsDead(i)) next->Append(tail_->LabelAt(i), tail_->CodeAt(i));
    }
  }
  tail_ = std::move(next);
}

bool Partition::TailIsWorn() const { return tail_->dead() >= kTailDeadMin && TooManyDead(tail_->dead(), tail_->size()); }

// What was in the tail when it was looked at never changes, except that it dies; so it is copied without the lock. Then, under it,
// what died meanwhile dies in the copy too, and what was added meanwhile is added. Searches go on in the old one.
void Partition::RenewTail() {
  std::shared_ptr<const Block> old;
  std::size_t size = 0;
  {
    base::MutexLock lock(mutex_);
    if (!TailIsWorn()) return;
    old = tail_;
    size = old->size();
  }
  std::vector<std::uint32_t> copied;
  for (std::size_t i = 0; i < size; ++i) {
    if (!old->IsDead(i)) copied.push_back(static_cast<std::uint32_t>(i));
  }
  const std::size_t room = std::bit_ceil(copied.size() + copied.size() / 4 + kFirstCapacity);
  const auto next = std::make_shared<Block>(options_.words, std::min(room, options_.lists_from));
  for (const std::uint32_t i : copied) next->Append(old->LabelAt(i), old->CodeAt(i));
  base::MutexLock lock(mutex_);
  // Sealed, or already without its dead; or more was added than there is room for: the next removal asks again.
  if (tail_ != old || copied.size() + (old->size() - size) > next->capacity()) return;
  for (std::size_t i = 0; i < copied.size(); ++i) {
    if (old->IsDead(copied[i])) next->Remove(i);
  }
  for (std::size_t i = size; i < old->size(); ++i) {
    if (!old->IsDead(i)) next->Append(old->LabelAt(i), old->CodeAt(i));
  }
  tail_ = next;
}

void Partition::Search(const std::uint64_t* query, std::size_t width, TopCodes& top) const {
  std::shared_ptr<const Segments> sealed;
  std::shared_ptr<const Block> tail;
  std::size_t tail_size = 0;
  {
    base::MutexLock lock(mutex_);
    sealed = sealed_;
    tail = tail_;
    tail_size = tail->size();
  }
  for (const auto& lists : sealed->lists) lists->Search(*options_.kernels, query, width, top);
  for (const auto& block : sealed->blocks) block->Scan(*options_.kernels, query, block->size(), top);
  tail->Scan(*options_.kernels, query, tail_size, top);
}

void Partition::AddStats(VectorIndexStats& stats) const {
  base::MutexLock lock(mutex_);
  stats.vectors += live_.load(std::memory_order_relaxed);
  ++stats.scopes;
  stats.segments += sealed_->blocks.size() + sealed_->lists.size();
  stats.lists += sealed_->lists.size();
  stats.deleted += tail_->dead();
  stats.memory_bytes += sizeof *this + tail_->MemoryBytes();
  const auto add = [&](const auto& segment) {
    stats.deleted += segment->dead();
    stats.memory_bytes += segment->MemoryBytes();
  };
  for (const auto& block : sealed_->blocks) add(block);
  for (const auto& lists : sealed_->lists) add(lists);
}

std::unique_ptr<Merge> Partition::StartMerge() {
  // Before anything is looked at: what dies later asks again.
  needs_merge_.store(false, std::memory_order_relaxed);
  RenewTail();
  Segments sources;
  {
    base::MutexLock lock(mutex_);
    if (retired_) return nullptr;
    std::size_t entries = 0;
    bool dead = false;
    sources.blocks = sealed_->blocks;
    for (const auto& block : sources.blocks) {
      entries += block->live();
      dead = dead || TooManyDead(block->dead(), block->size());
    }
    // Segments of about a size are merged, so that their number grows as the logarithm of the entries, and an entry is put into a
    // list as often. They stand in order of size.
    const bool enough = entries >= options_.lists_from || sources.blocks.size() > 1;
    for (const auto& lists : sealed_->lists) {
      const bool worn = TooManyDead(lists->dead(), lists->size());
      if (!worn && !(enough && lists->live() <= entries)) continue;
      dead = dead || worn;
      entries += lists->live();
      sources.lists.push_back(lists);
    }
    if (!enough && !dead) return nullptr;
    merging_ = true;
    removed_meanwhile_.clear();
  }
  return std::make_unique<Merge>(options_, std::move(sources));
}

void Partition::FinishMerge(Merge& merge) {
  base::MutexLock lock(mutex_);
  // Taken out of the lock's sight: clang does not follow it into a lambda.
  const std::vector<std::uint64_t> removed = std::exchange(removed_meanwhile_, {});
  const auto forget = [&removed](const auto& segment) {
    for (const std::uint64_t label : removed) {
      if (const auto i = segment->Find(label)) segment->Remove(*i);
    }
  };
  auto sealed = std::make_shared<Segments>(*sealed_);
  Drop(sealed->blocks, merge.sources_.blocks);
  Drop(sealed->lists, merge.sources_.lists);
  if (merge.block_) {
    forget(merge.block_);
    sealed->blocks.push_back(std::move(merge.block_));
  }
  if (merge.lists_) {
    forget(merge.lists_);
    sealed->lists.push_back(std::move(merge.lists_));
    std::sort(sealed->lists.begin(), sealed->lists.end(), [](const auto& a, const auto& b) { return a->size() < b->size(); });
  }
  sealed_ = std::move(sealed);
  merging_ = false;
  Judge();
}

void Partition::DropMerge() {
  base::MutexLock lock(mutex_);
  merging_ = false;
  removed_meanwhile_ = {};
}

// What was sealed or died during a merge may be enough for the next.
void Partition::Judge() {
  std::size_t waiting = 0;
  bool needed = sealed_->blocks.size() > 1 || TailIsWorn();
  for (const auto& block : sealed_->blocks) {
    waiting += block->live();
    needed = needed || TooManyDead(block->dead(), block->size());
  }
  for (const auto& lists : sealed_->lists) needed = needed || TooManyDead(lists->dead(), lists->size());
  needs_merge_.store(needed || waiting >= options_.lists_from, std::memory_order_relaxed);
}

}  // namespace reflex::vector
