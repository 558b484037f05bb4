#pragma once

#include <cstdint>

#include "reflex/result.h"
#include "reflex/snapshot.h"
#include "store/counters.h"
#include "store/environment.h"
#include "store/rules.h"

namespace reflex::store {

// Writes what the file holds to a snapshot, all from one read transaction. Until it ends the writer cannot reuse pages freed
// meanwhile; they count against the store's limit. `rules` as RuleBook::View asks. Thread-safe. Returns: as
// SnapshotStore::SaveSnapshot.
Result<SnapshotInfo> SaveEnvironment(Environment& environment, const Visibility& visibility, const RuleBook::View& rules,
                                     const SnapshotSaving& saving, std::int64_t now_ms);

}  // namespace reflex::store
