#include "vector/graph.h"

#include <algorithm>
#include <cstring>
#include <mutex>

// hnswlib's prefetches read the link after the last of a list, 3 bytes past a block of the upper levels. That is inside what malloc
// rounds up to, but no address sanitizer lets it pass.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NO_MANUAL_VECTORIZATION
#endif
#endif
// Its labels lie behind the links, at multiples of 4: the processor allows that, the sanitizer does not.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("alignment"))), apply_to = function)
#endif
#include <hnswlib/hnswlib.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

#include "vector/block.h"

namespace reflex::vector {
namespace {

// Our codes and distance as hnswlib wants them.
class CodeSpace final : public hnswlib::SpaceInterface<int> {
 public:
  CodeSpace(std::size_t words, const Kernels& kernels) : words_(words), distance_(kernels.distance) {}
  std::size_t get_data_size() override { return words_ * 8; }
  hnswlib::DISTFUNC<int> get_dist_func() override { return distance_; }
  void* get_dist_func_param() override { return &words_; }

 private:
  std::size_t words_;
  hnswlib::DISTFUNC<int> distance_;
};

}  // namespace

struct Graph::Library {
  Library(std::size_t words, std::size_t size, const Kernels& kernels, const GraphOptions& options)
      : space(words, kernels), graph(&space, size, options.links, options.build_width) {}

  CodeSpace space;
  hnswlib::HierarchicalNSW<int> graph;
};

Graph::Graph(std::size_t words, std::size_t size, const Kernels& kernels, const GraphOptions& options)
    : words_(words), library_(std::make_unique<Library>(words, size, kernels, options)), dead_(size) {
  labels_.reserve(size);
}

Graph::~Graph() = default;

void Graph::Append(std::uint64_t label, const std::uint64_t* code) {
  library_->graph.addPoint(code, labels_.size());
  library_->graph.label_lookup_.clear();
  labels_.push_back(label);
}

void Graph::Finish() {
  std::vector<std::mutex>().swap(library_->graph.link_list_locks_);
  std::vector<std::mutex>().swap(library_->graph.link_list_update_locks_);
}

std::optional<std::size_t> Graph::Find(std::uint64_t label) const {
  const auto found = std::lower_bound(labels_.begin(), labels_.end(), label);
  if (found == labels_.end() || *found != label) return std::nullopt;
  const auto i = static_cast<std::size_t>(found - labels_.begin());
  return dead_.Get(i) ? std::nullopt : std::optional(i);
}

void Graph::CopyCode(std::size_t i, std::uint64_t* code) const {
  std::memcpy(code, library_->graph.getDataByInternalId(static_cast<hnswlib::tableint>(i)), words_ * sizeof *code);
}

void Graph::Search(const Kernels& kernels, const std::uint64_t* query, std::size_t width, TopCodes& top) const {
  const std::size_t alive = live();
  if (alive == 0) return;
  const std::size_t wanted = std::min(width, alive);
  // Dead entries are found as well, so as many more are asked for.
  const std::size_t asked = std::min(size(), wanted * size() / alive);
  auto found = library_->graph.searchKnn(query, asked);
  std::vector<CodeHit> hits;
  hits.reserve(found.size());
  for (; !found.empty(); found.pop()) {
    const auto& [distance, i] = found.top();
    if (!dead_.Get(i)) hits.push_back({static_cast<std::uint32_t>(distance), labels_[i]});
  }
  if (hits.size() < wanted / 2 + 1 && hits.size() < wanted) return Scan(kernels, query, top);
  for (const CodeHit& hit : hits) top.Offer(hit);
}

void Graph::Scan(const Kernels& kernels, const std::uint64_t* query, TopCodes& top) const {
  const auto& graph = library_->graph;
  ScanCodes(kernels, query, graph.data_level0_memory_ + graph.offsetData_, graph.size_data_per_element_, words_, size(), dead_, top,
            [this](std::size_t i) { return labels_[i]; });
}

std::size_t Graph::MemoryBytes() const {
  const auto& graph = library_->graph;
  // A link list on the upper levels, one entry in `links` has one; the library's marks of what a search visited.
  const std::size_t upper = size() / std::max<std::size_t>(1, graph.M_ - 1) * (graph.size_links_per_element_ + 16);
  return sizeof *this + sizeof(Library) + size() * (graph.size_data_per_element_ + sizeof(char*) + sizeof(int) + 8 + 2) + upper +
         dead_.MemoryBytes();
}

}  // namespace reflex::vector
