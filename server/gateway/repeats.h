#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/policy.h"
#include "reflex/types.h"
#include "upstream/upstream.h"

namespace reflex::gateway {

// Requests that one I/O thread answered from memory, by all their bytes, head and body. The same bytes again, credential included,
// mean the same exact key, tenant and policy, so nothing of them needs to be read: only the answer is looked up again. Bounded; the
// oldest go first. Bytes are compared whole, the hash only finds them. Used by its thread alone.
class Repeats {
 public:
  struct Known {
    std::string bytes;
    Digest key;
    Digest tenant;
    CachePolicy policy;  // Without the views, which only matter to a miss.
    upstream::Provider provider = upstream::Provider::kOpenAi;
    std::string model;
    std::string_view path, trace_id;  // Into bytes.
    std::uint64_t body_bytes = 0;
  };

  // Larger requests are not kept: reading them costs less than what their answer took.
  static constexpr std::size_t kRequestBytesMax = 16 << 10;

  explicit Repeats(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Null when they are not known. Valid until the next Remember.
  const Known* Find(std::string_view bytes) const;
  // Keeps it in place of another with the same hash. `known.path` and `known.trace_id` point into `original`, which known.bytes
  // copies.
  void Remember(Known known, std::string_view original);

  std::uint64_t bytes() const { return bytes_; }
  std::size_t size() const { return known_.size(); }

 private:
  void Forget(std::uint64_t hash);

  const std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::unordered_map<std::uint64_t, Known> known_;
  std::deque<std::uint64_t> order_;  // Oldest first; each hash of known_ once.
};

}  // namespace reflex::gateway
