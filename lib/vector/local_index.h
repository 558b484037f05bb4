#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "reflex/vector_index.h"
#include "vector/lists.h"

namespace reflex::vector {

// Candidates that one search compares, whatever is asked for.
inline constexpr std::size_t kOversamplingMax = 65'536;

struct LocalIndexOptions {
  // Vectors of all scopes together; Add returns kFull beyond. 1 to 2^31.
  std::uint64_t vectors_max = 16'000'000;
  // From this many entries on a segment has lists; below, all codes are read, which finds more (docs/index.md). 64 to 2^20;
  // 0: 131,072 for codes of up to 384 bits, fewer for longer ones, at least 32,768.
  std::size_t lists_from = 0;
  ListsOptions lists;
  // Candidates found by their codes that are compared by their vectors, at most
  // kOversamplingMax; 0: chosen from dimension and k.
  std::size_t oversampling = 0;
  // Entries a background job puts into lists before it lets others run. At least 1.
  std::size_t slice = 256;
  // Told of all labels that a search is going to fetch, before the first; so that they are read together where each is a round
  // trip.
  std::function<void(std::span<const std::uint64_t> labels)> prepare = {};
};

// Nearest neighbours in this process. In memory lie sign codes, one bit a dimension, in lists where a scope is large; what a
// search finds by its codes is compared by cosine on the vectors themselves, which `fetch` reads from where they are stored.
//
// Operation: an added vector is found at once, by reading codes. Lists are built later, in jobs given to `background`, one at a
// time; the same jobs rebuild what is more than a quarter removed. Concurrency: all functions from any thread. No search waits for
// lists being built; adds, removes and searches of one scope share a lock that is held for about a microsecond. `fetch` is called
// inside Search only, without a lock. Limitations: nothing is written to disk. Vectors whose numbers nearly all have one sign have
// equal codes, and are not told apart.
class LocalIndex final : public VectorIndex {
 public:
  // Runs a job later, on another thread or this one; false when it cannot. Called without a lock. A refused job is offered again by
  // the next call of Add, Remove or Search. It may be kept and run after the index is gone: then it does nothing.
  using Background = std::function<bool(std::function<void()>)>;

  // `dimension`: 1 to 65,535. Null when it or an option is out of range, or a function is empty.
  static std::unique_ptr<LocalIndex> Create(std::uint32_t dimension, LocalIndexOptions options, Fetch fetch, Background background);
  ~LocalIndex() override;

  std::uint32_t dimension() const override;
  Result<void> Add(const Digest& scope, std::uint64_t label, std::span<const float> vector, const VectorFacts& facts) override;
  void Remove(const Digest& scope, std::uint64_t label) override;
  std::uint64_t Count(const Digest& scope) const override;
  Result<std::vector<Neighbor>> Search(const Digest& scope, std::span<const float> vector, std::size_t k) const override;
  VectorIndexStats Stats() const override;

  // How many candidates a search for k is going to fetch, if the scope has as many.
  std::size_t Oversampling(std::size_t k) const;

 private:
  class Core;

  LocalIndex(std::shared_ptr<Core> core, LocalIndexOptions options, Fetch fetch);

  const std::shared_ptr<Core> core_;
  const LocalIndexOptions options_;
  const Fetch fetch_;
};

}  // namespace reflex::vector
