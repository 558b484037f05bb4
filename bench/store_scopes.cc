// What scopes cost: entries put a second, the writer's part included, and the bytes of the file an entry takes; then how long one
// look-up takes. Each round begins with an empty store.
//   store_scopes [entries = 100000] [members a scope, 0 for entries without one = 100] [rounds = 3] [vector bytes = 0]
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "reflex/clock.h"
#include "reflex/lmdb_store.h"
#include "reflex/logger.h"

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using reflex::Digest;
using reflex::base::HashBytes;
using reflex::store::LmdbOptions;
using reflex::store::LmdbStore;

reflex::SystemClock g_clock;
reflex::NullLogger g_logger;

double Seconds(Steady::duration time) { return std::chrono::duration<double>(time).count(); }

// Processor time of all threads, which a busy machine does not change much.
double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Digest ScopeOf(std::uint64_t number) { return HashBytes("scope " + std::to_string(number)); }

reflex::EntryPtr MakeEntry(std::uint64_t number, std::uint64_t members) {
  auto entry = std::make_shared<reflex::Entry>();
  entry->key = HashBytes(std::to_string(number));
  entry->created_ms = g_clock.WallMs();
  entry->expires_ms = entry->created_ms + 86'400'000;
  entry->model = "gpt-4o-mini";
  entry->reply.assign(2'000, static_cast<char>('a' + number % 26));
  if (members > 0) {
    entry->scope = ScopeOf(number / members);
    entry->canonical = HashBytes("canonical " + std::to_string(number));
    entry->question = "how long does it take to boil an egg of size " + std::to_string(number) + "?";
  }
  return entry;
}

// Median microseconds of a call, over `count` of them.
template <class Call>
double MedianUs(std::uint64_t count, Call call) {
  std::vector<double> times;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto start = Steady::now();
    call(i);
    times.push_back(Seconds(Steady::now() - start) * 1e6);
  }
  return Median(std::move(times));
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t entries = std::strtoull(argc > 1 ? argv[1] : "100000", nullptr, 10);
  const std::uint64_t members = std::strtoull(argc > 2 ? argv[2] : "100", nullptr, 10);
  const int rounds = std::atoi(argc > 3 ? argv[3] : "3");
  const std::uint64_t vector_bytes = std::strtoull(argc > 4 ? argv[4] : "0", nullptr, 10);
  std::vector<reflex::EntryPtr> made;
  for (std::uint64_t i = 0; i < entries; ++i) made.push_back(MakeEntry(i, members));
  for (int round = 0; round < rounds; ++round) {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-scopes-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return 1;
    LmdbOptions options;
    options.path = pattern + "/store";
    auto opened = LmdbStore::Open(options, g_clock, g_logger);
    if (!opened) return 1;
    LmdbStore& store = **opened;
    const auto start = Steady::now();
    const double cpu_before = CpuSeconds();
    for (const reflex::EntryPtr& entry : made) {
      while (!store.Put(entry)) (void)store.Flush(10s);
      while (vector_bytes > 0 && !store.PutVector(entry->key, std::string(vector_bytes, 'v'))) (void)store.Flush(10s);
    }
    (void)store.Flush(60s);
    const double seconds = Seconds(Steady::now() - start);
    const double cpu_us = (CpuSeconds() - cpu_before) * 1e6 / static_cast<double>(entries);
    const auto stats = store.Stats();
    std::printf("%.0f puts/s, %.1f us of processor, %.0f bytes of tables and %.0f of the file an entry\n",
                static_cast<double>(entries) / seconds, cpu_us,
                static_cast<double>(stats.used_bytes) / static_cast<double>(entries),
                static_cast<double>(stats.file_bytes) / static_cast<double>(entries));
    const auto key = [&](std::uint64_t i) { return made[(i * 7919) % entries]->key; };
    std::printf("  Find %.1f us", MedianUs(20'000, [&](std::uint64_t i) { (void)store.Find(key(i)); }));
    if (members > 0) {
      std::size_t found = 0;
      const double scope_us =
          MedianUs(20'000, [&](std::uint64_t i) { found += store.FindScope(ScopeOf((i * 7919) % entries / members), 64)->size(); });
      const double head_us = MedianUs(20'000, [&](std::uint64_t i) { (void)store.FindHead(key(i)); });
      const double canonical_us = MedianUs(20'000, [&](std::uint64_t i) {
        (void)store.FindCanonical(made[(i * 7919) % entries]->scope, made[(i * 7919) % entries]->canonical, 4);
      });
      std::printf(", FindScope %.1f us (limit 64, %.0f members a call), FindCanonical %.1f us, FindHead %.1f us", scope_us,
                  static_cast<double>(found) / 20'000, canonical_us, head_us);
    }
    if (vector_bytes > 0) {
      std::printf(", ReadVectorByLabel %.2f us", MedianUs(20'000, [&](std::uint64_t i) {
                    (void)store.ReadVectorByLabel(reflex::LabelOf(key(i)), [](std::string_view) {});
                  }));
    }
    std::printf("\n");
    opened->reset();
    std::filesystem::remove_all(pattern);
  }
  return 0;
}
