// cloud_transfer up|down TARGET ENDPOINT NAME FILE: one transfer, for tests that kill it. Credentials come from the environment.
#include <cstdio>
#include <string_view>

#include "cloud/object_store.h"

int main(int count, char** arguments) {
  if (count != 6) return 2;
  reflex::SystemClock clock;
  reflex::NullLogger logger;
  reflex::cloud::CloudOptions options;
  options.endpoint = options.metadata_endpoint = arguments[3];
  options.part_bytes = 256 << 10;
  const auto store = reflex::cloud::OpenObjectStore(arguments[2], options, clock, logger);
  if (!store) return 2;
  const auto done = std::string_view(arguments[1]) == "up" ? (*store)->Upload(arguments[5], arguments[4], {})
                                                           : (*store)->Download(arguments[4], arguments[5], {});
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return 1;
}
