// Makes a store with many entries, for measuring starts and large stores. usage: fill_store FOLDER ENTRIES BYTES_EACH
// [VECTOR_BYTES]
//
// The entries are shaped like stored chat answers; their keys are digests of their numbers, so no request will hit them. With
// VECTOR_BYTES each has that many bytes of a vector, of no known embedder, and a scope that it shares with some others.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "reflex/clock.h"
#include "reflex/lmdb_options.h"
#include "reflex/lmdb_store.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace {

using reflex::Entry;
using reflex::ErrorCode;

constexpr std::int64_t kLifeMs = 365LL * 24 * 3600 * 1000;

// Different text in every entry, so that no layer gains from equal pages.
std::string Answer(std::uint64_t number, std::size_t bytes) {
  std::string text =
      R"({"id":"chatcmpl-filled","object":"chat.completion","created":1700000000,"choices":[{"message":{"content":")";
  std::uint64_t state = number * 6364136223846793005ULL + 1442695040888963407ULL;
  while (text.size() < bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    text += std::to_string(state) + ' ';
  }
  text.resize(bytes);
  return text;
}

struct Sizes {
  std::uint64_t entries = 0;
  std::size_t bytes = 0, vector_bytes = 0;
};

constexpr std::uint64_t kScopes = 1000;

reflex::EntryPtr MakeEntry(std::uint64_t number, const Sizes& sizes, std::int64_t now_ms) {
  auto entry = std::make_shared<Entry>();
  entry->key = reflex::base::HashBytes("fill " + std::to_string(number));
  entry->created_ms = now_ms;
  entry->expires_ms = now_ms + kLifeMs;
  entry->usage = {.input_tokens = 120, .output_tokens = 300};
  entry->model = "gpt-4o-mini";
  entry->reply = Answer(number, sizes.bytes);
  if (sizes.vector_bytes > 0) {
    entry->scope = reflex::base::HashBytes("scope " + std::to_string(number % kScopes));
    entry->canonical = reflex::base::HashBytes("canonical " + std::to_string(number));
  }
  return entry;
}

std::string VectorOf(std::uint64_t number, std::size_t bytes) {
  std::string vector(bytes, '\0');
  for (char& byte : vector) byte = static_cast<char>((number = number * 6364136223846793005ULL + 1442695040888963407ULL) >> 56);
  return vector;
}

int Fail(std::string_view what, const reflex::Error& error) {
  std::fprintf(stderr, "fill_store: %.*s: %s\n", static_cast<int>(what.size()), what.data(), error.message.c_str());
  return 1;
}

constexpr std::chrono::milliseconds kFlushLimit{60'000};

// Calls `put`; while the queue is full, waits for the writer once, then it has to fit.
template <class Put>
reflex::Result<void> Queue(reflex::EntryStore& store, const Put& put) {
  auto result = put();
  if (result || result.error().code != ErrorCode::kFull) return result;
  REFLEX_CHECK(store.Flush(kFlushLimit));
  return put();
}

int Fill(reflex::EntryStore& store, const reflex::Clock& clock, const Sizes& sizes) {
  for (std::uint64_t number = 0; number < sizes.entries; ++number) {
    const reflex::EntryPtr entry = MakeEntry(number, sizes, clock.WallMs());
    auto put = Queue(store, [&] { return store.Put(entry); });
    if (put && sizes.vector_bytes > 0) {
      put = Queue(store, [&] { return store.PutVector(entry->key, VectorOf(number, sizes.vector_bytes)); });
    }
    if (!put) return Fail("entry " + std::to_string(number), put.error());
    if (number % 100'000 == 0) std::fprintf(stderr, "%llu entries\n", static_cast<unsigned long long>(number));
  }
  if (auto flushed = store.Flush(kFlushLimit); !flushed) return Fail("flush", flushed.error());
  const reflex::StoreStats stats = store.Stats();
  std::printf("%llu entries, file %.2f GB\n", static_cast<unsigned long long>(stats.entries),
              static_cast<double>(stats.file_bytes) / 1e9);
  return stats.entries == sizes.entries ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: fill_store FOLDER ENTRIES BYTES_EACH [VECTOR_BYTES]\n");
    return 2;
  }
  reflex::SystemClock clock;
  reflex::NullLogger logger;
  reflex::store::LmdbOptions options;
  options.path = argv[1];
  auto store = reflex::store::LmdbStore::Open(options, clock, logger);
  if (!store) return Fail(argv[1], store.error());
  const Sizes sizes{.entries = std::strtoull(argv[2], nullptr, 10),
                    .bytes = std::strtoull(argv[3], nullptr, 10),
                    .vector_bytes = argc == 5 ? std::strtoull(argv[4], nullptr, 10) : 0};
  return Fill(**store, clock, sizes);
}
