#pragma once

#include "app/command_line.h"
#include "app/settings.h"

namespace reflex::app {

// `reflex eval pairs|stream|requests FILE`: what the cache would answer to the questions of a file, decided by the very code that
// serves, over a store in memory. Labels in the file are counted against the decisions afterwards; no decision sees them.
// Prints the report on standard output, progress on standard error when that is a terminal, and returns the exit status: 2 for a
// file or setting that is wrong, 1 for a failure.
int RunEval(const CommandLine& line, const Settings& settings);

}  // namespace reflex::app
