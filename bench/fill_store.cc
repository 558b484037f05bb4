// Makes a store with many entries, for measuring starts and large stores.
// usage: fill_store [check] FOLDER ENTRIES BYTES_EACH [VECTOR_BYTES]
//
// The entries are shaped like stored chat answers; their keys are digests of their numbers, so no request will hit them. With
// VECTOR_BYTES they have questions, lie in scopes of 1,000, and have so many bytes kept as their vector (832 is what 384 numbers
// take). `check` compares a store with what would have been made: the count, and a sample of some 10,000 entries.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
constexpr std::uint64_t kScopeEntries = 1'000;

constexpr std::chrono::milliseconds kFlushLimit{60'000};

struct Shape {
  std::size_t reply_bytes = 0;
  std::size_t vector_bytes = 0;
};

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

reflex::EntryPtr MakeEntry(std::uint64_t number, const Shape& shape, std::int64_t now_ms) {
  auto entry = std::make_shared<Entry>();
  entry->key = reflex::base::HashBytes("fill " + std::to_string(number));
  entry->created_ms = now_ms;
  entry->expires_ms = now_ms + kLifeMs;
  entry->usage = {.input_tokens = 120, .output_tokens = 300};
  entry->model = "gpt-4o-mini";
  entry->reply = Answer(number, shape.reply_bytes);
  if (shape.vector_bytes == 0) return entry;
  entry->question = "How does a write-ahead log keep store number " + std::to_string(number) + " consistent?";
  entry->scope = reflex::base::HashBytes("scope " + std::to_string(number / kScopeEntries));
  entry->canonical = reflex::base::HashBytes(entry->question);
  return entry;
}

int Fail(std::string_view what, const reflex::Error& error) {
  std::fprintf(stderr, "fill_store: %.*s: %s\n", static_cast<int>(what.size()), what.data(), error.message.c_str());
  return 1;
}

// Does it, once more after a commit where the queue is full: then it has to fit.
template <class Change>
reflex::Result<void> WithRoom(reflex::EntryStore& store, const Change& change) {
  auto done = change();
  if (done || done.error().code != ErrorCode::kFull) return done;
  if (auto flushed = store.Flush(kFlushLimit); !flushed) return flushed;
  return change();
}

int Fill(reflex::EntryStore& store, const reflex::Clock& clock, std::uint64_t entries, const Shape& shape) {
  for (std::uint64_t number = 0; number < entries; ++number) {
    const reflex::EntryPtr entry = MakeEntry(number, shape, clock.WallMs());
    auto put = WithRoom(store, [&] { return store.Put(entry); });
    if (put && shape.vector_bytes > 0) {
      put = WithRoom(store, [&] { return store.PutVector(entry->key, Answer(~number, shape.vector_bytes)); });
    }
    if (!put) return Fail("entry " + std::to_string(number), put.error());
    if (number % 100'000 == 0) std::fprintf(stderr, "%llu entries\n", static_cast<unsigned long long>(number));
  }
  if (auto flushed = store.Flush(kFlushLimit); !flushed) return Fail("flush", flushed.error());
  const reflex::StoreStats stats = store.Stats();
  std::printf("%llu entries, file %.2f GB\n", static_cast<unsigned long long>(stats.entries),
              static_cast<double>(stats.file_bytes) / 1e9);
  return stats.entries == entries ? 0 : 1;
}

bool IsAsMade(reflex::EntryStore& store, std::uint64_t number, const Shape& shape) {
  const auto found = store.Find(MakeEntry(number, shape, 0)->key);
  if (!found || *found == nullptr || **found != *MakeEntry(number, shape, (*found)->created_ms)) return false;
  const auto vector = store.FindVector((*found)->key);
  return vector && *vector == (shape.vector_bytes > 0 ? Answer(~number, shape.vector_bytes) : "");
}

int Check(reflex::EntryStore& store, std::uint64_t entries, const Shape& shape) {
  const std::uint64_t step = std::max<std::uint64_t>(1, entries / 10'000);
  std::uint64_t looked = 0, other = 0;
  for (std::uint64_t number = 0; number < entries; number += step, ++looked) other += IsAsMade(store, number, shape) ? 0 : 1;
  const std::uint64_t count = store.Stats().entries;
  std::printf("%llu entries, %llu of a sample of %llu differ\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(other), static_cast<unsigned long long>(looked));
  return count == entries && other == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc > 1 && std::string_view(argv[1]) == "check";
  const std::vector<std::string> words(argv + (check ? 2 : 1), argv + argc);
  if (words.size() != 3 && words.size() != 4) {
    std::fprintf(stderr, "usage: fill_store [check] FOLDER ENTRIES BYTES_EACH [VECTOR_BYTES]\n");
    return 2;
  }
  reflex::SystemClock clock;
  reflex::NullLogger logger;
  reflex::store::LmdbOptions options;
  options.path = words[0];
  auto store = reflex::store::LmdbStore::Open(options, clock, logger);
  if (!store) return Fail(words[0], store.error());
  const std::uint64_t entries = std::stoull(words[1]);
  const Shape shape{.reply_bytes = std::stoull(words[2]), .vector_bytes = words.size() == 4 ? std::stoull(words[3]) : 0};
  return check ? Check(**store, entries, shape) : Fill(**store, clock, entries, shape);
}
