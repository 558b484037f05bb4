#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace reflex::store {

// Remembers which entries were read since eviction last looked at them: one bit an entry, by its first id, in a table of fixed
// size (128 KiB). Two entries that share a bit give each other a second chance, which does no harm. Thread-safe, relaxed.
class ReadMarks {
 public:
  ReadMarks() : words_(std::make_unique<std::atomic<std::uint64_t>[]>(kWords)) {}

  void Set(std::uint64_t id) {
    std::atomic<std::uint64_t>& word = words_[Word(id)];
    // Read first: a hot entry's line then stays shared between the cores.
    if ((word.load(std::memory_order_relaxed) & Bit(id)) == 0) word.fetch_or(Bit(id), std::memory_order_relaxed);
  }
  // Returns whether the entry was marked.
  bool TestAndClear(std::uint64_t id) { return (words_[Word(id)].fetch_and(~Bit(id), std::memory_order_relaxed) & Bit(id)) != 0; }

 private:
  static constexpr std::uint64_t kWords = 1ull << 14;

  // Ids of entries are some pieces apart; the odd multiplier (2^64 / golden ratio) spreads them over all bits.
  static std::uint64_t Place(std::uint64_t id) { return (id * 0x9E3779B97F4A7C15ull) >> 44; }
  static std::uint64_t Word(std::uint64_t id) { return Place(id) >> 6; }
  static std::uint64_t Bit(std::uint64_t id) { return 1ull << (Place(id) & 63); }

  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

}  // namespace reflex::store
