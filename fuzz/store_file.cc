// Any bytes as the store's file: the checker reads them within bounds and comes to an end.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "store/file_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reflex::store;
  static const int file = ::memfd_create("store", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  const auto head = CheckFile(path, CheckDepth::kHead);
  const auto whole = CheckFile(path, CheckDepth::kWhole);
  // What passes as a whole passes as a head.
  if (whole && !head) std::abort();
  return 0;
}
