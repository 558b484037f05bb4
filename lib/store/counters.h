#pragma once

#include <atomic>
#include <cstdint>

#include "base/metrics.h"

namespace reflex::store {

// What StoreStats shows, kept by whoever does it.
struct StoreCounters {
  base::Counter puts, puts_dropped, commits, evictions, expirations, corrupt_values, write_errors;
  base::Gauge entries, used_bytes, file_bytes, notes, note_bytes;
};

// Which entries of the file a reader may see. Clear hides all of them at once, before the writer comes to it: until the writer
// has committed as many Clears as were asked for, the file counts as empty; from then on ids below the floor do not exist.
struct Visibility {
  // Release and acquire: a reader that sees the count also sees the floor stored before it.
  std::atomic<std::uint64_t> clears_asked{0};
  std::atomic<std::uint64_t> clears_done{0};
  std::atomic<std::uint64_t> floor{0};
  // Whether entries below the floor may still lie in the file, so that rows of the scope table need a second look.
  std::atomic<bool> reclaiming{true};

  // False while a Clear is on its way; otherwise whether entries from `first_id` on are to be seen.
  bool FileVisible() const { return clears_done.load(std::memory_order_acquire) == clears_asked.load(std::memory_order_acquire); }
  bool Visible(std::uint64_t first_id) const { return first_id >= floor.load(std::memory_order_acquire) && FileVisible(); }
};

}  // namespace reflex::store
