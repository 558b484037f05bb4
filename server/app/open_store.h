#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/settings.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::app {

// Opens the store of these settings; its folder exists. `clock` and `logger` outlive it.
// Returns: kBusy (another process holds it), kNewerFormat, kInvalidArgument, kIo, kFull.
Result<std::unique_ptr<EntryStore>> OpenStore(const Settings& settings, Clock& clock, Logger& logger);

// The same for a gateway that starts: on a shared store (store.url) `tenant_secret` becomes the one that all gateways there have,
// or is compared with it where tenant.secret_file names it. Returns also: kInvalidArgument when they do not agree, or when there is
// no file and the shared store cannot be asked.
Result<std::unique_ptr<EntryStore>> OpenStore(const Settings& settings, std::string& tenant_secret, Clock& clock, Logger& logger);

// True for an error with which Reflex must not start: serving without the store would hide a mistake that a person has to decide.
// With any other it starts without the store.
bool StopsTheStart(const Error& error);

// What a store holds, as far as it can be told now.
enum class StoreState : std::uint8_t {
  kOpening,  // Its file is being checked after a crash: it shows nothing yet of what it holds.
  kAway,     // It could not be opened; perhaps later.
  kEmpty,
  kFilled,
};
StoreState StateOf(EntryStore& store);

// Stands in for a store that could not be opened: holds nothing, and says why in /ready.
std::unique_ptr<EntryStore> NewAbsentStore(const Error& error);

}  // namespace reflex::app
