#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace reflex::vector {

// One bit an entry: taken out. Bits are set by one writer at a time and read by any thread; a reader that misses a bit began its
// search before the entry was taken out, so relaxed order is enough.
class DeadBits {
 public:
  explicit DeadBits(std::size_t size) : size_(size), words_(std::make_unique<std::atomic<std::uint64_t>[]>((size + 63) / 64)) {}

  bool Get(std::size_t i) const { return (words_[i / 64].load(std::memory_order_relaxed) >> (i % 64) & 1) != 0; }
  void Set(std::size_t i) {
    words_[i / 64].fetch_or(std::uint64_t{1} << (i % 64), std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  // How many are set.
  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  std::size_t MemoryBytes() const { return (size_ + 63) / 64 * 8; }

 private:
  const std::size_t size_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace reflex::vector
