// A program of somebody else: keeps an answer in a Reflex cache and reads it back, also after a restart and in other words.
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "reflex/cache.h"
#include "reflex/embedder.h"
#include "reflex/lmdb_store.h"
#include "reflex/memory_store.h"
#include "reflex/semantic_tier.h"
#include "reflex/vector_index.h"

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

// The example of docs/semantic.md: what is served to a question that is spelt in another way.
std::string AskInOtherWords(reflex::Clock& clock, reflex::Logger& logger) {
  auto store = reflex::store::MemoryStore::Create({});
  reflex::EntryStore* const entries = store->get();
  auto cache = reflex::Cache::Create({}, std::move(*store), clock, logger);
  const std::unique_ptr<reflex::Embedder> words = reflex::NewBuiltInEmbedder();
  std::deque<std::function<void()>> jobs;  // In place of a thread.
  const auto background = [&jobs](std::function<void()> work) {
    jobs.push_back(std::move(work));
    return true;
  };
  reflex::SemanticTier::Parts parts;
  parts.cache = cache->get();
  parts.store = entries;
  parts.words = words.get();
  parts.index =
      reflex::NewLocalIndex(words->dimension(), reflex::StoredVectors(*entries, words->model_id(), words->dimension()), background);
  parts.clock = &clock;
  parts.logger = &logger;
  parts.background = background;
  reflex::SemanticOptions options;
  options.scan_max = 0;  // The index is asked for the smallest scope too.
  options.time_limit = std::chrono::seconds(30);
  auto tier = reflex::SemanticTier::Create(options, std::move(parts));
  if (!tier) return tier.error().message;
  (*tier)->StartLoading();

  auto entry = std::make_shared<reflex::Entry>();
  entry->key.bytes[0] = 2;
  entry->scope.bytes[0] = 3;
  entry->question = "How do I reverse a linked list in Python?";
  entry->canonical = reflex::CanonicalDigest(entry->question);
  entry->created_ms = clock.WallMs();
  entry->expires_ms = entry->created_ms + 60'000;
  entry->reply = "backwards, one by one";
  if (!(*cache)->Insert(entry, (*cache)->epoch())) return "not kept";
  (*tier)->Stored(entry, nullptr);
  for (; !jobs.empty(); jobs.pop_front()) jobs.front()();

  reflex::SimilarQuery query{.scope = entry->scope, .question = "How do I revrese a linked list in Python?"};
  query.usable = [](const reflex::Entry&) { return true; };
  const reflex::SimilarFound found = (*tier)->Find(query);
  return found.entry ? found.entry->reply : "nothing";
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
  std::printf("other words: %s\n", AskInOtherWords(clock, logger).c_str());
  return 0;
}
