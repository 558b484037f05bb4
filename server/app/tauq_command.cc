#include "app/tauq_command.h"

#include <cstdio>
#include <string>

#include "app/lifecycle.h"
#include "base/files.h"
#include "wire/tauq.h"

namespace reflex::app {

int RunTauq(const CommandLine& line) {
  const bool from_input = line.file == "-";
  const Result<std::string> text = base::ReadFile(from_input ? "/dev/stdin" : line.file, wire::tauq::kBytesMax);
  if (!text) return Failed(text.error().message);
  Result<std::string> written = line.command == Command::kTauqEncode ? wire::tauq::Encode(*text) : wire::tauq::Decode(*text);
  if (!written) return Failed((from_input ? "standard input" : line.file) + ": " + written.error().message);
  *written += '\n';
  // Not as a C string: texts may hold a zero byte.
  const bool done = std::fwrite(written->data(), 1, written->size(), stdout) == written->size() && std::fflush(stdout) == 0;
  return done ? kExitDone : Failed("standard output cannot be written");
}

}  // namespace reflex::app
