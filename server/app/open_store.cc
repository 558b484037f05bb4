#include "app/open_store.h"

#include <utility>

#include "reflex/lmdb_store.h"

namespace reflex::app {

Result<std::unique_ptr<EntryStore>> OpenStore(const Settings& settings, Clock& clock, Logger& logger) {
  REFLEX_TRY(std::unique_ptr<store::LmdbStore> store, store::LmdbStore::Open(settings.store, clock, logger));
  return std::unique_ptr<EntryStore>(std::move(store));
}

}  // namespace reflex::app
