#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reflex::vector {

// A code found: how far it is and whose it is.
struct CodeHit {
  std::uint32_t distance = 0;
  std::uint64_t label = 0;

  friend auto operator<=>(const CodeHit&, const CodeHit&) = default;
};

// The nearest `limit` (at least 1) of the hits offered, in a heap whose top is the farthest.
class TopCodes {
 public:
  explicit TopCodes(std::size_t limit) : limit_(limit) { hits_.reserve(std::min<std::size_t>(limit, 4096)); }

  // A hit at this distance or more is not taken.
  std::uint32_t bound() const { return bound_; }

  void Offer(CodeHit hit) {
    if (hit.distance >= bound_) return;
    if (hits_.size() == limit_) {
      std::pop_heap(hits_.begin(), hits_.end());
      hits_.back() = hit;
    } else {
      hits_.push_back(hit);
    }
    std::push_heap(hits_.begin(), hits_.end());
    if (hits_.size() == limit_) bound_ = hits_.front().distance;
  }

  // In no order.
  const std::vector<CodeHit>& hits() const { return hits_; }

 private:
  const std::size_t limit_;
  std::uint32_t bound_ = UINT32_MAX;
  std::vector<CodeHit> hits_;
};

}  // namespace reflex::vector
