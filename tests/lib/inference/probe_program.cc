// What CheckModel starts in tests; "abort", "hang" and "silent" in place of its work stand for models that end it, and worse.
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

#include "inference/probe.h"

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "abort") std::abort();
  if (first == "silent") return 0;
  if (first == "hang" || first == "hang-closed") {
    if (first == "hang-closed") ::close(1);
    for (;;) ::pause();
  }
  return reflex::inference::RunProbe(arguments, 1);
}
