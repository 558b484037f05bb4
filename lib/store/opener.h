#pragma once

#include <memory>

#include "reflex/clock.h"
#include "reflex/lmdb_options.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "store/environment.h"
#include "store/store_folder.h"

namespace reflex::store {

// Brings a store's file to where LMDB may use it: checks it if need be, sets it aside if it is damaged, of an older format, or
// killed two starts in a row; opens it or a new one. Leaves the opening marker standing. Not thread-safe.
// Returns: kNewerFormat, kIo, kFull, kBusy.
Result<std::unique_ptr<Environment>> OpenEnvironment(const LmdbOptions& options, StoreFolder& folder, Clock& clock, Logger& logger);

}  // namespace reflex::store
