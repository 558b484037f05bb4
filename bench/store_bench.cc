// Times of the store's single operations, and of starting it: empty, and with a million entries of 2 KB (--benchmark_filter=Start
// with REFLEX_BENCH_ENTRIES to change the number).
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/digest.h"
#include "reflex/clock.h"
#include "reflex/lmdb_store.h"
#include "reflex/logger.h"
#include "store/file_check.h"
#include "store/record.h"

namespace {

using namespace std::chrono_literals;
using reflex::Entry;
using reflex::EntryPtr;
using reflex::store::LmdbOptions;
using reflex::store::LmdbStore;

reflex::SystemClock g_clock;
reflex::NullLogger g_logger;

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

EntryPtr MakeEntry(std::uint64_t number, std::size_t bytes) {
  auto entry = std::make_shared<Entry>();
  entry->key = reflex::base::HashBytes(std::to_string(number));
  entry->created_ms = g_clock.WallMs();
  entry->expires_ms = entry->created_ms + 86'400'000;
  entry->model = "gpt-4o-mini";
  entry->reply.assign(bytes, static_cast<char>('a' + number % 26));
  return entry;
}

std::unique_ptr<LmdbStore> Open(const std::filesystem::path& path) {
  LmdbOptions options;
  options.path = path / "store";
  auto store = LmdbStore::Open(options, g_clock, g_logger);
  if (!store) std::abort();
  return std::move(*store);
}

void Fill(LmdbStore& store, std::uint64_t entries, std::size_t bytes) {
  for (std::uint64_t i = 0; i < entries; ++i) {
    const EntryPtr entry = MakeEntry(i, bytes);
    while (!store.Put(entry)) (void)store.Flush(10s);
  }
  (void)store.Flush(60s);
}

void Find(benchmark::State& state) {
  const Folder folder;
  const auto store = Open(folder.path());
  const auto bytes = static_cast<std::size_t>(state.range(0));
  Fill(*store, 5'000, bytes);
  std::vector<reflex::Digest> keys;
  for (std::uint64_t i = 0; i < 5'000; ++i) keys.push_back(reflex::base::HashBytes(std::to_string(i)));
  std::size_t i = 0;
  for (auto _ : state) {
    auto found = store->Find(keys[i = (i + 997) % keys.size()]);
    if (!found || *found == nullptr) state.SkipWithError("not found");
  }
}
BENCHMARK(Find)->Arg(1'500)->Arg(16'000)->Arg(64'000);

void PutAndCommit(benchmark::State& state) {
  const Folder folder;
  const auto store = Open(folder.path());
  std::uint64_t number = 0;
  for (auto _ : state) {
    const EntryPtr entry = MakeEntry(number++, static_cast<std::size_t>(state.range(0)));
    while (!store->Put(entry)) (void)store->Flush(10s);
  }
  (void)store->Flush(60s);
}
BENCHMARK(PutAndCommit)->Arg(1'500)->Arg(64'000)->UseRealTime();

void ChecksumOf(benchmark::State& state) {
  const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(reflex::store::Checksum(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ChecksumOf)->Arg(2'000)->Arg(64'000);

void StartEmpty(benchmark::State& state) {
  for (auto _ : state) {
    const Folder folder;
    const auto store = Open(folder.path());
  }
}
BENCHMARK(StartEmpty)->Unit(benchmark::kMillisecond)->UseRealTime();

// Args: 1 to leave the file as a process that was killed does, so that the start checks it.
void StartFull(benchmark::State& state) {
  const char* wanted = std::getenv("REFLEX_BENCH_ENTRIES");
  const std::uint64_t entries = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1'000'000;
  static const Folder folder;
  static const bool filled = [&] {
    Fill(*Open(folder.path()), entries, 2'000);
    return true;
  }();
  benchmark::DoNotOptimize(filled);
  for (auto _ : state) {
    state.PauseTiming();
    if (state.range(0) == 1) std::filesystem::remove(folder.path() / "store" / "closed");
    state.ResumeTiming();
    const auto store = Open(folder.path());
    auto found = store->Find(reflex::base::HashBytes("7"));
    if (!found || *found == nullptr) state.SkipWithError("not found");
    state.PauseTiming();
    const_cast<std::unique_ptr<LmdbStore>&>(store).reset();
    state.ResumeTiming();
  }
}
BENCHMARK(StartFull)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(5);

}  // namespace
