#include <algorithm>

#include "vector/partition.h"

namespace reflex::vector {

Merge::Merge(const PartitionOptions& options, Segments sources) : options_(options), sources_(std::move(sources)) {
  std::size_t entries = 0;
  for (const auto& block : sources_.blocks) entries += block->live();
  for (const auto& graph : sources_.graphs) entries += graph->live();
  places_.reserve(entries);
  std::uint32_t source = 0;
  const auto take = [&](const auto& segment) {
    for (std::size_t i = 0; i < segment.size(); ++i) {
      if (!segment.IsDead(i)) places_.push_back({segment.LabelAt(i), source, static_cast<std::uint32_t>(i)});
    }
    ++source;
  };
  for (const auto& block : sources_.blocks) take(*block);
  for (const auto& graph : sources_.graphs) take(*graph);
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) { return a.label < b.label; });
  // An entry may have been read live, then replaced and sealed, only in a segment that is no source: labels are unique.
  if (places_.empty()) return;
  if (places_.size() >= options.graph_from) {
    graph_ = std::make_shared<Graph>(options.words, places_.size(), *options.kernels, options.graph);
  } else {
    block_ = std::make_shared<Block>(options.words, places_.size());
  }
}

bool Merge::Step(std::size_t count) {
  std::vector<std::uint64_t> code(options_.words);
  for (const std::size_t end = std::min(places_.size(), done_ + count); done_ < end; ++done_) {
    const Place& place = places_[done_];
    const std::size_t blocks = sources_.blocks.size();
    const std::uint64_t* from = code.data();
    if (place.source < blocks) {
      from = sources_.blocks[place.source]->CodeAt(place.index);
    } else {
      sources_.graphs[place.source - blocks]->CopyCode(place.index, code.data());
    }
    if (graph_) {
      graph_->Append(place.label, from);
    } else {
      block_->Append(place.label, from);
    }
  }
  if (done_ < places_.size()) return false;
  if (graph_) graph_->Finish();
  return true;
}

}  // namespace reflex::vector
