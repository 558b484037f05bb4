#pragma once

namespace reflex::app {

// The program `reflex`: reads the command line, the environment and the settings file, and runs the command. Returns the exit
// status. Thread: the process's main one, before any other was started.
int Main(int argc, const char* const* argv, const char* const* environment);

}  // namespace reflex::app
