#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "vector/block.h"
#include "vector/kernels.h"
#include "vector/top_codes.h"

namespace reflex::vector {

struct ListsOptions {
  // How many entries a list has on average; 1 to 65,536.
  std::size_t list_entries = 8;
  // Lists of a segment at most; their centres are read by every search. 1 to 2^20.
  std::size_t lists_max = 16'384;
  // Of a segment's entries, a search reads those of the nearest lists: this many in a thousand, 1 to 1000, but at least four times
  // as many as it is to find.
  std::size_t read_permille = 50;
};

// Codes in lists around centres, each centre the majority of its codes, bit by bit: an inverted file [Jegou, Douze, Schmid: Product
// Quantization for Nearest Neighbor Search, 2011] over Hamming distance. A search reads the lists whose centres are near the query.
//
// Operation: (Step)* Search*. Concurrency: Step by one thread until it has returned true. Then Search and Scan from any thread
// beside one that calls Remove. What the entries are is asked for again and again while building; `source(i, &label)` returns the
// code of entry i, valid until the next call.
class Lists {
 public:
  using Source = std::function<const std::uint64_t*(std::size_t i, std::uint64_t* label)>;

  // Throws std::bad_alloc, as Step does. `size`: at least 1.
  Lists(std::size_t words, std::size_t size, const Kernels& kernels, const ListsOptions& options, Source source);

  ~Lists();

  // Goes on with about `count` entries; true when all are in.
  bool Step(std::size_t count);

  std::size_t size() const { return block_.size(); }
  std::size_t live() const { return block_.live(); }
  std::size_t dead() const { return block_.dead(); }
  // As of Block.
  std::optional<std::size_t> Find(std::uint64_t label) const { return block_.Find(label); }
  void Remove(std::size_t i) { block_.Remove(i); }
  bool IsDead(std::size_t i) const { return block_.IsDead(i); }
  std::uint64_t LabelAt(std::size_t i) const { return block_.LabelAt(i); }
  const std::uint64_t* CodeAt(std::size_t i) const { return block_.CodeAt(i); }

  // About the `width` nearest live entries. Where so many around the query are dead that too few are found, all codes are read.
  void Search(const Kernels& kernels, const std::uint64_t* query, std::size_t width, TopCodes& top) const;
  std::size_t MemoryBytes() const;

 private:
  // What is needed while building.
  struct Building;

  // The list whose centre is nearest to the code.
  std::size_t NearestTo(const std::uint64_t* code) const;
  void Vote(std::size_t list, const std::uint64_t* code);
  void MoveCentres();
  void StartFilling();
  // The farthest distance of a centre whose list is read: near lists hold at least `wanted` entries.
  std::size_t Reach(const std::vector<std::uint16_t>& distances, std::size_t wanted) const;

  const std::size_t words_;
  const Kernels& kernels_;
  const std::size_t read_permille_;
  std::size_t count_;  // Of lists.
  std::unique_ptr<Building> building_;
  std::vector<std::uint64_t> centres_;
  // Where each list begins in the block, and where the last ends.
  std::vector<std::uint32_t> begins_;
  Block block_;
};

}  // namespace reflex::vector
