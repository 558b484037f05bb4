#include "vector/block.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace reflex::vector {

Block::Block(std::size_t words, std::size_t capacity)
    : words_(words),
      capacity_(capacity),
      codes_(std::make_unique_for_overwrite<std::uint64_t[]>(words * capacity)),
      labels_(std::make_unique_for_overwrite<std::uint64_t[]>(capacity)),
      slots_mask_(std::bit_ceil(capacity + capacity / 2 + 1) - 1),
      slots_(std::make_unique<std::uint32_t[]>(slots_mask_ + 1)),
      dead_(capacity) {}

std::size_t Block::SlotOf(std::uint64_t label) const {
  // Labels are uniform already, but callers may count: the product's high bits depend on all of them.
  return static_cast<std::size_t>((label * 0x9e3779b97f4a7c15ull) >> 32) & slots_mask_;
}

void Block::Append(std::uint64_t label, const std::uint64_t* code) {
  assert(size_ < capacity_);
  std::memcpy(codes_.get() + size_ * words_, code, words_ * sizeof *code);
  labels_[size_] = label;
  std::size_t slot = SlotOf(label);
  // A dead entry of the same label is never looked for again: its slot is taken, so that churn makes no chains.
  while (slots_[slot] != 0 && labels_[slots_[slot] - 1] != label) slot = (slot + 1) & slots_mask_;
  slots_[slot] = static_cast<std::uint32_t>(++size_);
}

std::optional<std::size_t> Block::Find(std::uint64_t label) const {
  for (std::size_t slot = SlotOf(label); slots_[slot] != 0; slot = (slot + 1) & slots_mask_) {
    const std::size_t i = slots_[slot] - 1;
    if (labels_[i] == label) return dead_.Get(i) ? std::nullopt : std::optional(i);
  }
  return std::nullopt;
}

void Block::ScanRange(const Kernels& kernels, const std::uint64_t* query, std::size_t begin, std::size_t end, TopCodes& top) const {
  constexpr std::size_t kChunk = 512;
  std::uint16_t distances[kChunk];
  for (; begin < end; begin += kChunk) {
    const std::size_t size = std::min(kChunk, end - begin);
    kernels.scan(query, reinterpret_cast<const char*>(CodeAt(begin)), words_ * 8, words_, size, distances);
    for (std::size_t i = 0; i < size; ++i) {
      if (distances[i] < top.bound() && !dead_.Get(begin + i)) top.Offer({distances[i], labels_[begin + i]});
    }
  }
}

std::size_t Block::MemoryBytes() const {
  return sizeof *this + capacity_ * (words_ + 1) * 8 + (slots_mask_ + 1) * sizeof slots_[0] + dead_.MemoryBytes();
}

}  // namespace reflex::vector
