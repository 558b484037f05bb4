#pragma once

#include "app/command_line.h"
#include "app/settings.h"

namespace reflex::app {

// `reflex snapshot save|load|list`: asks the running Reflex; with none running it opens the store itself, with a progress bar on
// standard error. Prints JSON; returns the exit status.
int RunSnapshot(const CommandLine& line, Settings settings);

// `reflex snapshot verify FILE`: reads every byte of it. Prints what the file says of itself, or why it is refused.
int RunSnapshotVerify(const CommandLine& line);

}  // namespace reflex::app
