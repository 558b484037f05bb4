#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/admin_client.h"
#include "app/command_line.h"
#include "app/settings.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::app {

// The commands that look at a Reflex or its store and end. Each prints its result on standard output, what went wrong on standard
// error, and returns the exit status.

// Asks the running Reflex for /healthz: 0 when it says healthy within 5 s, else 1.
int RunHealth(const CommandLine& line, const Settings& settings);

// These ask the running Reflex through its admin calls. With none running they open the store themselves.
int RunStats(const CommandLine& line, const Settings& settings);
int RunPurge(const CommandLine& line, const Settings& settings);
int RunEntriesDelete(const CommandLine& line, const Settings& settings);

// The running Reflex's answer to the call, or nothing where none runs. Returns: kUnavailable, kTimeout, kNotFound, and as
// CallRunning.
Result<std::optional<AdminReply>> AskRunning(const CommandLine& line, const Settings& settings, AdminCall call);
// The store itself, which must be there. Returns: kNotFound; as OpenStore.
Result<std::unique_ptr<EntryStore>> OpenExisting(const Settings& settings, Clock& clock, Logger& logger);
// Copies everything from the store in storage.path to the shared one, or back (`--to`), and prints the counts. The local store must
// not be in use. Run again, it goes on where it stopped.
int RunMigrate(const CommandLine& line, const Settings& settings);

// Asks the running Reflex how it would answer the chat request in a file, as the caller with `credential`, and prints its reasons.
int RunExplain(const CommandLine& line, const Settings& settings, const std::string& credential);

// What a model file is, and whether this program can run it.
int RunModelsCheck(const CommandLine& line);

}  // namespace reflex::app
