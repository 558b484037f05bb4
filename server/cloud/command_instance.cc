#include "cloud/command_instance.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

extern char** environ;

namespace reflex::cloud {
namespace {

// The command as a child, or the error that kept it from starting.
Result<pid_t> Start(const std::string& command) {
  std::string shell = "/bin/sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Its own group, so that all of it can be ended; signals as a program expects them, whatever this process blocks.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  pid_t child = -1;
  const int error = posix_spawn(&child, shell.c_str(), nullptr, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return Fail(ErrorCode::kIo, "cannot run /bin/sh: " + std::generic_category().message(error));
  return child;
}

int Reap(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// True when the child ended within the limit; it is left to be reaped.
bool EndsWithin(pid_t child, std::chrono::milliseconds limit) {
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (watch < 0) return true;  // No such call on this kernel: wait without a limit.
  const auto end = std::chrono::steady_clock::now() + limit;
  int ready = 0;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd descriptor{.fd = watch, .events = POLLIN, .revents = 0};
    ready = ::poll(&descriptor, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000)));
    if (ready >= 0 || errno != EINTR) break;
  }
  ::close(watch);
  return ready > 0;
}

}  // namespace

Result<void> CommandInstance::Stop() {
  REFLEX_TRY(const pid_t child, Start(command_));
  if (!EndsWithin(child, limit_)) {
    ::kill(-child, SIGKILL);
    Reap(child);
    return Fail(ErrorCode::kTimeout,
                "cloud.stop_command did not end within " + std::to_string(limit_.count()) + " ms and was killed");
  }
  const int status = Reap(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Fail(ErrorCode::kUnavailable, WIFEXITED(status)
                                           ? "cloud.stop_command ended with status " + std::to_string(WEXITSTATUS(status))
                                           : "cloud.stop_command was ended by signal " + std::to_string(WTERMSIG(status)));
}

}  // namespace reflex::cloud
