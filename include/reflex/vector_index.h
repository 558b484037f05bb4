#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {

/// A neighbour found: `similarity` is the cosine of the stored vector, -1 to 1.
struct Neighbor {
  std::uint64_t label = 0;
  float similarity = 0;

  friend bool operator==(const Neighbor&, const Neighbor&) = default;
};

struct VectorIndexStats {
  std::uint64_t vectors = 0;   ///< That can be found.
  std::uint64_t scopes = 0;    ///< Partitions with at least one vector.
  std::uint64_t segments = 0;  ///< Sealed.
  std::uint64_t lists = 0;     ///< Sealed segments kept as lists around centres.
  std::uint64_t deleted = 0;   ///< Removed, space not reclaimed yet.
  std::uint64_t memory_bytes = 0;
};

/// Nearest neighbours within one scope. Thread-safe: searches run beside adds and removes without waiting for them.
class VectorIndex {
 public:
  /// Fills `out` (dimension floats) with the vector stored under a label; false when there is none any more. Thread-safe.
  using Fetch = std::function<bool(std::uint64_t label, std::span<float> out)>;

  virtual ~VectorIndex() = default;

  virtual std::uint32_t dimension() const = 0;

  /// Makes a vector findable; an equal label in the same scope is replaced. `vector` has `dimension` finite floats, not all zero.
  /// Returns: kInvalidArgument (length, NaN, infinite, zero); kFull.
  virtual Result<void> Add(const Digest& scope, std::uint64_t label, std::span<const float> vector) = 0;

  /// Takes a vector out; nothing happens when it is not there.
  virtual void Remove(const Digest& scope, std::uint64_t label) = 0;

  /// How many vectors the scope has.
  virtual std::uint64_t Count(const Digest& scope) const = 0;

  /// The k most similar of the scope, best first, fewer when there are fewer. Labels whose vector is gone are left out.
  /// Returns: kInvalidArgument as Add; kUnavailable, kTimeout from a remote index.
  virtual Result<std::vector<Neighbor>> Search(const Digest& scope, std::span<const float> vector, std::size_t k) const = 0;

  virtual VectorIndexStats Stats() const = 0;
};

}  // namespace reflex
