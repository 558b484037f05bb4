#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "reflex/vector_index.h"
#include "support/vector_fixture.h"

namespace reflex::vector {

// What every VectorIndex does, whatever it is built on. A test program lists the file vector_index_suite.cc among its sources and
// instantiates the suite with its kinds of index.
class IndexWorld {
 public:
  virtual ~IndexWorld() = default;
  virtual VectorIndex& index() = 0;
  // Does what waits, so that all that was added or removed shows.
  virtual void Settle() = 0;
  // The vectors that are there, for an index that fetches them.
  Model model;
};

struct IndexKind {
  std::string name;
  std::function<std::unique_ptr<IndexWorld>(std::uint32_t dimension)> make;
  friend void PrintTo(const IndexKind& kind, std::ostream* out) { *out << kind.name; }
};

class VectorIndexSuite : public testing::TestWithParam<IndexKind> {
 protected:
  void Make(std::uint32_t dimension);
  void Add(const Digest& scope, std::uint64_t label, std::vector<float> vector);
  void Remove(const Digest& scope, std::uint64_t label);
  std::vector<Neighbor> Search(const Digest& scope, std::span<const float> query, std::size_t k);

  std::mt19937_64 random_{7};
  std::unique_ptr<IndexWorld> world_;
};

inline std::string NameOf(const testing::TestParamInfo<IndexKind>& info) { return info.param.name; }

}  // namespace reflex::vector
