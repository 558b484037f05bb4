#pragma once

#include "app/command_line.h"

namespace reflex::app {

// `reflex tauq encode|decode`: the file of the line ("-": standard input) from JSON to Tauq or back, on standard output with a line
// end behind it. Returns the exit status: 1 for any error, which standard error names with file, line and column.
int RunTauq(const CommandLine& line);

}  // namespace reflex::app
