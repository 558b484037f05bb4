// Hit ratios of the memory tier beside LRU, on Zipf 0.9 with and without scans, then the time of a look-up and an insert.
//   cache_bench            both
//   cache_bench --ratios   the table only
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include "cache/memory_tier.h"
#include "reflex/types.h"

namespace {

using reflex::Digest;
using reflex::Entry;
using reflex::EntryPtr;

Digest KeyOf(std::uint64_t number) {
  Digest key;
  for (std::size_t i = 0; i < key.bytes.size(); i += 8) {
    number += 0x9E3779B97F4A7C15ull;  // splitmix64
    std::uint64_t mixed = number;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBull;
    mixed ^= mixed >> 31;
    std::memcpy(key.bytes.data() + i, &mixed, sizeof mixed);
  }
  return key;
}

EntryPtr MakeEntry(std::uint64_t number, std::size_t bytes) {
  auto entry = std::make_shared<Entry>();
  entry->key = KeyOf(number);
  entry->reply.assign(bytes, 'x');
  return entry;
}

// Ranks drawn with probability proportional to 1 / rank^0.9.
class Zipf {
 public:
  Zipf(std::uint64_t items, double exponent) : sums_(items) {
    double sum = 0;
    for (std::uint64_t i = 0; i < items; ++i) sums_[i] = sum += std::pow(static_cast<double>(i + 1), -exponent);
  }
  std::uint64_t operator()(std::mt19937_64& random) {
    const double point = std::uniform_real_distribution<double>(0, sums_.back())(random);
    return static_cast<std::uint64_t>(std::lower_bound(sums_.begin(), sums_.end(), point) - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

// The trace as numbers. With `scan`, one of five stretches is a run of a thousand numbers that never come again.
std::vector<std::uint64_t> Trace(bool scan, std::uint64_t length) {
  constexpr std::uint64_t kItems = 100'000;
  constexpr std::uint64_t kStretch = 1'000;
  Zipf zipf(kItems, 0.9);
  std::mt19937_64 random{42};
  std::vector<std::uint64_t> trace;
  std::uint64_t fresh = kItems;
  while (trace.size() < length) {
    const bool scanning = scan && trace.size() / kStretch % 5 == 4;
    for (std::uint64_t i = 0; i < kStretch; ++i) trace.push_back(scanning ? fresh++ : zipf(random));
  }
  return trace;
}

// The yardstick: least recently used by count.
class Lru {
 public:
  explicit Lru(std::uint64_t entries) : limit_(entries) {}
  bool Touch(std::uint64_t number) {
    const auto found = places_.find(number);
    if (found != places_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    order_.push_front(number);
    places_[number] = order_.begin();
    if (order_.size() > limit_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    return false;
  }

 private:
  std::uint64_t limit_;
  std::list<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
};

// Hits among the numbers that are not part of a scan: a scan cannot hit.
void PrintRow(const char* name, bool scan, std::uint64_t entries) {
  const std::vector<std::uint64_t> trace = Trace(scan, 1'000'000);
  Lru lru(entries);
  reflex::cache::MemoryTier tier({.bytes = 1ull << 40, .entries = entries, .shards = 16});
  std::uint64_t asked = 0, lru_hits = 0, our_hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const bool lru_hit = lru.Touch(trace[i]);
    const EntryPtr found = tier.Find(KeyOf(trace[i]));
    if (found == nullptr) tier.Insert(MakeEntry(trace[i], 0));
    if (i < trace.size() / 5 || trace[i] >= 100'000) continue;
    ++asked;
    lru_hits += lru_hit ? 1 : 0;
    our_hits += found != nullptr ? 1 : 0;
  }
  const double lru_ratio = static_cast<double>(lru_hits) / static_cast<double>(asked);
  const double our_ratio = static_cast<double>(our_hits) / static_cast<double>(asked);
  std::printf("| %-22s | %7llu | %.3f | %.3f | %.2fx |\n", name, static_cast<unsigned long long>(entries), lru_ratio, our_ratio,
              our_ratio / lru_ratio);
}

void PrintRatios() {
  std::printf("| trace                  | entries | LRU   | ours  | ratio |\n|---|---|---|---|---|\n");
  for (const std::uint64_t entries : {1'000u, 10'000u, 30'000u}) {
    PrintRow("Zipf 0.9, 100k items", false, entries);
    PrintRow("Zipf 0.9 + 20 % scans", true, entries);
  }
}

void FindHit(benchmark::State& state) {
  reflex::cache::MemoryTier tier({});
  std::vector<Digest> keys;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    keys.push_back(KeyOf(i));
    tier.Insert(MakeEntry(i, 1'500));
  }
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(tier.Find(keys[i = (i + 997) % keys.size()]));
}
BENCHMARK(FindHit);

void FindMiss(benchmark::State& state) {
  reflex::cache::MemoryTier tier({});
  std::vector<Digest> keys;
  for (std::uint64_t i = 0; i < 5'000; ++i) {
    keys.push_back(KeyOf(i + 100'000));
    tier.Insert(MakeEntry(i, 1'500));
  }
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(tier.Find(keys[i = (i + 997) % keys.size()]));
}
BENCHMARK(FindMiss);

void InsertAndEvict(benchmark::State& state) {
  reflex::cache::MemoryTier tier({});
  std::vector<EntryPtr> entries;
  for (std::uint64_t i = 0; i < 40'000; ++i) entries.push_back(MakeEntry(i, 100));
  std::size_t i = 0;
  for (auto _ : state) tier.Insert(entries[i = (i + 1) % entries.size()]);
}
BENCHMARK(InsertAndEvict);

}  // namespace

int main(int argc, char** argv) {
  PrintRatios();
  if (argc > 1 && std::string(argv[1]) == "--ratios") return 0;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
