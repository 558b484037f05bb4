#pragma once

#include <string>
#include <vector>

#include "app/settings.h"
#include "reflex/result.h"

namespace reflex::app {

// Exit statuses, as docs/operations.md lists them.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Says on standard error why a command failed. Returns: `status`.
int Failed(const std::string& message, int status = kExitFailed);
// The same of an error that may lie in what was asked for: kExitUsage for a wrong argument and for a file that is named and not
// there.
int Failed(const Error& error);
// Puts what a command has to say on standard output, with a line's end. Returns: kExitDone, or kExitFailed where it cannot be
// written.
int Done(std::string text);

// `reflex serve`: builds the program, runs it until a signal ends it, and returns the exit status.
//
// SIGTERM, SIGINT: stop accepting, finish what runs within server.drain_timeout, commit, status 0. A second one: commit what is
// queued (at most 1 s), status 1, at once. SIGHUP: read TLS files and client keys again, open the request log again. Thread: the
// process's main one, before any other was started; it is the maintenance thread from then on.
int Serve(LoadedSettings loaded);

}  // namespace reflex::app
