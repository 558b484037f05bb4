// The stores that live in one process.
#include "lib/store/store_kinds.h"

#include <string>
#include <utility>
#include <vector>

#include "reflex/lmdb_store.h"
#include "reflex/memory_store.h"

namespace reflex::store {

std::vector<StoreKind> StoreKinds() {
  const auto lmdb = [](std::string name, LmdbOptions options) {
    options.limit_bytes = 64 << 20;
    return StoreKind{std::move(name), [options](const auto& path, Clock& clock, Logger& logger) {
                       LmdbOptions here = options;
                       here.path = path;
                       return Checked(LmdbStore::Open(here, clock, logger));
                     }};
  };
  return {StoreKind{"Memory", [](const auto&, Clock&, Logger&) { return Checked(MemoryStore::Create({})); }},
          lmdb("LmdbInterval", {}), lmdb("LmdbEachWrite", {.path = {}, .commit = CommitMode::kEachWrite}),
          lmdb("LmdbOffCompressed", {.path = {}, .commit = CommitMode::kOff, .zstd_level = 1})};
}

}  // namespace reflex::store
