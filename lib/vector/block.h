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

// Codes one after the other, searched by reading all of them; takes appends until it is full. 12 to 16 bytes an entry beside the
// code.
//
// Concurrency: one writer at a time (Append, Remove, Find). Scan and the accessors beside it, from any thread, see the first `size`
// entries, where the size was read under the writer's lock; those never change, and none ever moves.
class Block {
 public:
  Block(std::size_t words, std::size_t capacity);

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t live() const { return size_ - dead_.count(); }
  std::size_t dead() const { return dead_.count(); }

  // REQUIRES: size() < capacity(), and the label is not live here.
  void Append(std::uint64_t label, const std::uint64_t* code);
  // Where the label is live.
  std::optional<std::size_t> Find(std::uint64_t label) const;
  void Remove(std::size_t i) { dead_.Set(i); }

  std::uint64_t LabelAt(std::size_t i) const { return labels_[i]; }
  const std::uint64_t* CodeAt(std::size_t i) const { return codes_.get() + i * words_; }
  bool IsDead(std::size_t i) const { return dead_.Get(i); }
  // Offers the first `size` to `top`, except those that are dead.
  void Scan(const Kernels& kernels, const std::uint64_t* query, std::size_t size, TopCodes& top) const {
    ScanRange(kernels, query, 0, size, top);
  }
  // Those from `begin` to before `end`.
  void ScanRange(const Kernels& kernels, const std::uint64_t* query, std::size_t begin, std::size_t end, TopCodes& top) const;
  std::size_t MemoryBytes() const;

 private:
  std::size_t SlotOf(std::uint64_t label) const;

  const std::size_t words_;
  const std::size_t capacity_;
  std::size_t size_ = 0;
  std::unique_ptr<std::uint64_t[]> codes_;
  std::unique_ptr<std::uint64_t[]> labels_;
  // Open addressing: position + 1, 0 for empty; between 1.5 and 3 slots an entry, and always an empty one, where a probe ends. A
  // dead entry keeps its slot.
  std::size_t slots_mask_;
  std::unique_ptr<std::uint32_t[]> slots_;
  DeadBits dead_;
};

}  // namespace reflex::vector
