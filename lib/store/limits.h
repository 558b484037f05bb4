#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::store {

// Bounds of the contract (reflex/entry_store.h), the same for every store.
constexpr std::size_t kVectorBytesMax = 256u << 10;
constexpr std::size_t kNoteKeyBytesMax = 128;
constexpr std::size_t kNoteValueBytesMax = 4096;
constexpr std::uint64_t kNotesMax = 200'000;
constexpr std::size_t kRulesMax = 1'000;

constexpr bool HasScope(const Entry& entry) { return entry.scope != Digest{}; }

// Returns: kInvalidArgument for the key, kTooLarge for the value.
Result<void> CheckNote(std::string_view key, std::string_view value);
// Returns: kTooLarge.
Result<void> CheckVector(std::string_view bytes);

// The entry without reply and layout, which are the most of it and not copied.
EntryPtr HeadOf(const Entry& entry);

}  // namespace reflex::store
