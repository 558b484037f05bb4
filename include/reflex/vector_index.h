#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
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

/// What an index that outlives the process keeps beside a vector, so that it leaves out and clears away by itself what has expired
/// or was purged. As in Entry.
struct VectorFacts {
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = std::numeric_limits<std::int64_t>::max();
  std::string_view model = {};
  std::string_view name_space = {};
  std::span<const std::string> tags = {};
};

struct PurgeRule;

/// Nearest neighbours within one scope. Thread-safe: searches run beside adds and removes without waiting for them.
///
/// A local index holds its vectors in this process: they are found when Add returns, and it is filled anew at each start. A shared
/// one is a service that other processes use too: Add and Remove are queued and done behind, in order; whoever uses what Search
/// found checks that the entry is there.
class VectorIndex {
 public:
  /// Fills `out` (dimension floats) with the vector stored under a label; false when there is none any more. Thread-safe.
  using Fetch = std::function<bool(std::uint64_t label, std::span<float> out)>;

  virtual ~VectorIndex() = default;

  virtual std::uint32_t dimension() const = 0;
  /// True where the vectors are kept by a service that outlives the process.
  virtual bool shared() const { return false; }

  /// Makes a vector findable; an equal label in the same scope is replaced. `vector` has `dimension` finite floats, not all zero.
  /// `facts` is copied by a shared index, a local one does not need it.
  /// Returns: kInvalidArgument (length, NaN, infinite, zero); kFull (of a shared index: its queue).
  virtual Result<void> Add(const Digest& scope, std::uint64_t label, std::span<const float> vector, const VectorFacts& facts) = 0;

  /// Takes a vector out; nothing happens when it is not there.
  virtual void Remove(const Digest& scope, std::uint64_t label) = 0;

  /// Takes out what meets the rule, in a shared index; a local one is told of each entry that goes by Remove.
  virtual void Purge(const PurgeRule&) {}

  /// How many vectors the scope has. Of a shared index this is a call to the service, the largest number where that failed, and 0
  /// for a scope of which the queue lost some, so that they are added again.
  virtual std::uint64_t Count(const Digest& scope) const = 0;

  /// The k most similar of the scope, best first, fewer when there are fewer. Labels whose vector is gone are left out.
  /// Returns: kInvalidArgument as Add; kUnavailable, kTimeout from a remote index.
  virtual Result<std::vector<Neighbor>> Search(const Digest& scope, std::span<const float> vector, std::size_t k) const = 0;

  virtual VectorIndexStats Stats() const = 0;
};

/// An index in this process, filled anew at each start (docs/index.md). `fetch` reads a vector from where it is stored, as
/// StoredVectors does, and is called inside Search only. `background` runs a job later, on another thread or this one; false when
/// it cannot, and the job is offered again. It may run a job after the index is gone: then it does nothing. Null when `dimension`
/// is not 1 to 65,535, or a function is empty.
std::unique_ptr<VectorIndex> NewLocalIndex(std::uint32_t dimension, VectorIndex::Fetch fetch,
                                           std::function<bool(std::function<void()>)> background);

}  // namespace reflex
