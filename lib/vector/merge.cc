#include <algorithm>

#include "vector/partition.h"

namespace reflex::vector {

Merge::Merge(const PartitionOptions& options, Segments sources) : options_(options), sources_(std::move(sources)) {
  std::size_t entries = 0;
  for (const auto& block : sources_.blocks) entries += block->live();
  for (const auto& lists : sources_.lists) entries += lists->live();
  places_.reserve(entries);
  std::uint32_t source = 0;
  const auto take = [&](const auto& segment) {
    for (std::size_t i = 0; i < segment.size(); ++i) {
      if (!segment.IsDead(i)) places_.push_back({segment.LabelAt(i), source, static_cast<std::uint32_t>(i)});
    }
    ++source;
  };
  for (const auto& block : sources_.blocks) take(*block);
  for (const auto& lists : sources_.lists) take(*lists);
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.label < b.label; });
  // An entry may have been read live, then replaced and sealed, only in a segment that is no source: labels are unique.
  if (places_.empty()) return;
  if (places_.size() >= options.lists_from) {
    lists_ = std::make_shared<Lists>(options.words, places_.size(), *options.kernels, options.lists,
                                     [this](std::size_t i, std::uint64_t* label) { return CodeOf(i, label); });
  } else {
    block_ = std::make_shared<Block>(options.words, places_.size());
  }
}

const std::uint64_t* Merge::CodeOf(std::size_t i, std::uint64_t* label) const {
  const Place& place = places_[i];
  const std::size_t blocks = sources_.blocks.size();
  *label = place.label;
  return place.source < blocks ? sources_.blocks[place.source]->CodeAt(place.index)
                               : sources_.lists[place.source - blocks]->CodeAt(place.index);
}

bool Merge::Step(std::size_t count) {
  if (lists_) return lists_->Step(count);
  std::uint64_t label = 0;
  for (; block_ && count > 0 && block_->size() < places_.size(); --count) {
    const std::uint64_t* code = CodeOf(block_->size(), &label);
    block_->Append(label, code);
  }
  return !block_ || block_->size() == places_.size();
}

}  // namespace reflex::vector
