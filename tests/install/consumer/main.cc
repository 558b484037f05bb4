// A program of somebody else: keeps an answer in a Reflex cache and reads it back.
#include <cstdio>
#include <memory>

#include "reflex/cache.h"

int main() {
  reflex::SystemClock clock;
  reflex::NullLogger logger;
  const auto cache = reflex::Cache::Create(reflex::MemoryOptions{}, nullptr, clock, logger);
  if (!cache) {
    std::printf("error: %s\n", cache.error().message.c_str());
    return 1;
  }
  auto entry = std::make_shared<reflex::Entry>();
  entry->key.bytes[0] = 1;
  entry->created_ms = clock.WallMs();
  entry->expires_ms = entry->created_ms + 60'000;
  entry->reply = "4";
  if (!(*cache)->Insert(entry, (*cache)->epoch())) return 1;
  const reflex::EntryPtr found = (*cache)->FindInMemory(entry->key);
  if (found == nullptr) return 1;
  std::printf("served from memory: %s\n", found->reply.c_str());
  return 0;
}
