#pragma once

#include <cstdint>
#include <functional>

#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"

namespace reflex::store {

// How far a migration is.
struct Migration {
  std::uint64_t total = 0;   // Entries in the source when it began.
  std::uint64_t looked = 0;  // Of them, those done with and committed: the sum of the next four.
  std::uint64_t copied = 0;
  std::uint64_t present = 0;    // The target had them already.
  std::uint64_t gone = 0;       // Expired, or gone from the source meanwhile.
  std::uint64_t too_large = 0;  // The target takes none of this size.
  std::uint64_t vectors = 0;    // Sent with entries, or to entries that had lost theirs.
  std::uint64_t notes = 0;
};

// Copies all entries, with their vectors, and all notes into another store; the source stays as it is. What the target has already
// is not sent again, so a migration that was cut short goes on where it was when it is run again. `show` is called each time
// something was committed; false ends the migration there. Holds 40 bytes for each entry of the source. Blocks; one of the two may
// be in use meanwhile. Returns: as the stores do; kFull when the target has no room for more.
Result<Migration> Migrate(EntryStore& from, EntryStore& to, const Clock& clock, const std::function<bool(const Migration&)>& show);

}  // namespace reflex::store
