#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "vector/dead_bits.h"
#include "vector/kernels.h"
#include "vector/top_codes.h"

namespace reflex::vector {

struct GraphOptions {
  // Links of an entry: M at most on the upper levels, 2 M on the lowest.
  std::size_t links = 16;
  // Candidates looked at for each entry while it is inserted.
  std::size_t build_width = 100;
};

// Codes with a graph over them (HNSW [Malkov, Yashunin: Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical
// Navigable Small World Graphs, 2016], by hnswlib), built once and then only read.
//
// Operation: the codes are given in ascending order of label, so that an entry's place is found without a map and hnswlib's own,
// 40 bytes an entry, is kept empty; its locks, 40 more, are dropped by Finish.
// Concurrency: built by one thread. After Finish, Search and Scan from any thread beside one that calls Remove.
class Graph {
 public:
  // Throws std::bad_alloc and std::runtime_error, as Append does.
  Graph(std::size_t words, std::size_t size, const Kernels& kernels, const GraphOptions& options);
  ~Graph();

  // REQUIRES: the label is higher than the last; fewer than `size` so far.
  void Append(std::uint64_t label, const std::uint64_t* code);
  void Finish();

  std::size_t size() const { return labels_.size(); }
  std::size_t live() const { return labels_.size() - dead_.count(); }
  std::size_t dead() const { return dead_.count(); }

  // Where the label is live.
  std::optional<std::size_t> Find(std::uint64_t label) const;
  void Remove(std::size_t i) { dead_.Set(i); }
  bool IsDead(std::size_t i) const { return dead_.Get(i); }
  std::uint64_t LabelAt(std::size_t i) const { return labels_[i]; }
  void CopyCode(std::size_t i, std::uint64_t* code) const;

  // About the `width` nearest live entries. Where so many around the query are dead that too few are found, all codes are read.
  void Search(const Kernels& kernels, const std::uint64_t* query, std::size_t width, TopCodes& top) const;
  void Scan(const Kernels& kernels, const std::uint64_t* query, TopCodes& top) const;
  std::size_t MemoryBytes() const;

 private:
  struct Library;

  const std::size_t words_;
  std::unique_ptr<Library> library_;
  std::vector<std::uint64_t> labels_;
  DeadBits dead_;
};

}  // namespace reflex::vector
