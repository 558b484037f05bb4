// A program of somebody else: keeps an answer in a Reflex cache and reads it back, also after a restart.
#include <chrono>
#include <cstdio>
#include <memory>

#include "reflex/cache.h"
#include "reflex/lmdb_store.h"
#include "reflex/semantic_tier.h"

namespace {

std::unique_ptr<reflex::Cache> OpenCache(const char* folder, reflex::Clock& clock, reflex::Logger& logger) {
  reflex::store::LmdbOptions options;
  options.path = folder;
  auto store = reflex::store::LmdbStore::Open(options, clock, logger);
  if (!store) {
    std::printf("store: %s\n", store.error().message.c_str());
    return nullptr;
  }
  auto cache = reflex::Cache::Create(reflex::MemoryOptions{}, std::move(*store), clock, logger);
  if (!cache) std::printf("cache: %s\n", cache.error().message.c_str());
  return cache ? std::move(*cache) : nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  reflex::SystemClock clock;
  reflex::NullLogger logger;
  std::unique_ptr<reflex::Cache> cache = OpenCache(argv[1], clock, logger);
  if (cache == nullptr) return 1;

  auto entry = std::make_shared<reflex::Entry>();
  entry->key.bytes[0] = 1;
  entry->created_ms = clock.WallMs();
  entry->expires_ms = entry->created_ms + 60'000;
  entry->reply = "4";
  if (!cache->Insert(entry, cache->epoch()) || !cache->Flush(std::chrono::seconds(10))) return 1;
  const reflex::EntryPtr found = cache->FindInMemory(entry->key);
  std::printf("served from memory: %s\n", found ? found->reply.c_str() : "nothing");

  cache.reset();
  cache = OpenCache(argv[1], clock, logger);
  if (cache == nullptr) return 1;
  const reflex::EntryPtr stored = cache->FindInStore(entry->key);
  std::printf("served after a restart: %s\n", stored ? stored->reply.c_str() : "nothing");
  const bool equal = reflex::CanonicalDigest("Caf\u00e9 hours?") == reflex::CanonicalDigest(" cafe\u0301 hours");
  std::printf("canonical texts: %s\n", equal ? "equal" : "different");
  return 0;
}
