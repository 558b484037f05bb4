// The local vector index on clustered vectors: recall against exact float search, time of a search, time to build, memory.
//
//   vector_bench [--vectors=N] [--dimension=D] [--queries=N] [--lists-from=N] [--list-entries=N] [--read-permille=N]
//   [--oversampling=N]
//                [--file] [--no-lists] [--kernels]
//
// Vectors are made of 10,000 centres: the cosine of a vector and its centre is uniform in 0.6 to 0.95, and queries are made the
// same way. They lie as f16, in an anonymous shared mapping (so that they do not count as the index's memory) or, with --file, in a
// mapped file; Search converts what it fetches. --kernels prints the time to read a code, for each kind of code the processor can
// run.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/half.h"
#include "base/worker_pool.h"
#include "vector/code.h"
#include "vector/kernels.h"
#include "vector/local_index.h"

namespace {

using reflex::vector::LocalIndex;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::size_t vectors = 100'000;
  std::uint32_t dimension = 384;
  std::size_t queries = 1000;
  bool file = false, lists = true, kernels = false;
  reflex::vector::LocalIndexOptions index;
};

double Seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

// A line of /proc/self/status in bytes.
std::size_t Status(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) * 1024;
  }
  return 0;
}

// SplitMix64's finaliser: labels spread as digests do.
std::uint64_t LabelOf(std::uint64_t number) {
  number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9ull;
  number = (number ^ number >> 27) * 0x94d049bb133111ebull;
  return number ^ number >> 31;
}
// Its inverse.
std::uint64_t NumberOf(std::uint64_t label) {
  label = (label ^ label >> 31 ^ label >> 62) * 0x319642b2d24d8ec3ull;
  label = (label ^ label >> 27 ^ label >> 54) * 0x96de1b173f119089ull;
  return label ^ label >> 30 ^ label >> 60;
}

class Vectors {
 public:
  explicit Vectors(const Settings& settings) : dimension_(settings.dimension), centres_(kCentres * dimension_) {
    std::normal_distribution<float> normal;
    for (float& value : centres_) value = normal(random_);
    bytes_ = (settings.vectors * 2 * dimension_ + 4095) / 4096 * 4096;
    int descriptor = -1;
    if (settings.file) {
      std::string path = "/tmp/reflex-vectors-XXXXXX";
      descriptor = ::mkstemp(path.data());
      ::unlink(path.c_str());
      if (descriptor < 0 || ::ftruncate(descriptor, static_cast<off_t>(bytes_)) != 0) std::abort();
    }
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | (settings.file ? 0 : MAP_ANONYMOUS), descriptor, 0);
    if (memory == MAP_FAILED) std::abort();
    data_ = static_cast<std::uint8_t*>(memory);
    std::vector<float> vector(dimension_);
    for (std::size_t i = 0; i < settings.vectors; ++i) {
      Make(vector);
      reflex::base::EncodeHalf(vector, {data_ + i * 2 * dimension_, 2 * dimension_});
    }
  }
  ~Vectors() { ::munmap(data_, bytes_); }

  // A new vector of length 1 near a centre.
  void Make(std::span<float> out) {
    const float* centre = centres_.data() + random_() % kCentres * dimension_;
    const float cosine = std::uniform_real_distribution<float>(0.6f, 0.95f)(random_);
    std::normal_distribution<float> normal;
    double cross = 0, own = 0, square = 0;
    for (std::size_t i = 0; i < dimension_; ++i) {
      out[i] = normal(random_);
      cross += static_cast<double>(out[i]) * centre[i];
      own += static_cast<double>(centre[i]) * centre[i];
    }
    for (std::size_t i = 0; i < dimension_; ++i) {
      out[i] -= static_cast<float>(cross / own) * centre[i];
      square += static_cast<double>(out[i]) * out[i];
    }
    const float along = cosine / static_cast<float>(std::sqrt(own)),
                across = std::sqrt(1 - cosine * cosine) / static_cast<float>(std::sqrt(square));
    for (std::size_t i = 0; i < dimension_; ++i) out[i] = along * centre[i] + across * out[i];
  }

  void Get(std::size_t i, std::span<float> out) const {
    reflex::base::DecodeHalf({data_ + i * 2 * dimension_, 2 * dimension_}, out);
  }

 private:
  static constexpr std::size_t kCentres = 10'000;
  const std::size_t dimension_;
  std::mt19937_64 random_{1};
  std::vector<float> centres_;
  std::size_t bytes_ = 0;
  std::uint8_t* data_ = nullptr;
};

// The labels of the 5 nearest by exact cosine, for each query; all queries in one pass over the vectors.
std::vector<std::vector<std::pair<float, std::size_t>>> Exact(const Settings& settings, const Vectors& vectors,
                                                              const std::vector<std::vector<float>>& queries) {
  std::vector<std::vector<std::pair<float, std::size_t>>> nearest(queries.size());
  const auto& kernels = reflex::vector::AllKernels().back();
  const auto part = [&](std::size_t begin, std::size_t end) {
    std::vector<float> stored(settings.dimension);
    for (std::size_t i = 0; i < settings.vectors; ++i) {
      vectors.Get(i, stored);
      for (std::size_t q = begin; q < end; ++q) {
        float cross = 0, own = 0;
        kernels.dots(queries[q].data(), stored.data(), stored.size(), &cross, &own);
        const float similarity = cross / std::sqrt(own);
        auto& best = nearest[q];
        if (best.size() == 5 && similarity <= best.back().first) continue;
        best.insert(std::upper_bound(best.begin(), best.end(), std::pair(similarity, i), std::greater<>()), {similarity, i});
        if (best.size() > 5) best.pop_back();
      }
    }
  };
  std::thread other(part, 0, queries.size() / 2);
  part(queries.size() / 2, queries.size());
  other.join();
  return nearest;
}

void MeasureKernels(const Settings& settings) {
  const std::size_t words = reflex::vector::WordsOf(settings.dimension);
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> codes(words * settings.vectors);
  for (auto& word : codes) word = random();
  std::vector<std::uint16_t> out(512);
  for (const auto& kernels : reflex::vector::AllKernels()) {
    double best = 1e9;
    for (int run = 0; run < 20; ++run) {
      const auto start = Clock::now();
      for (std::size_t i = 0; i + 512 <= settings.vectors; i += 512) {
        kernels.scan(codes.data(), reinterpret_cast<const char*>(&codes[i * words]), words * 8, words, 512, out.data());
      }
      best = std::min(best, Seconds(start));
    }
    std::printf("%-9s %.2f ns a code of %u bits\n", std::string(kernels.name).c_str(),
                best * 1e9 / static_cast<double>(settings.vectors / 512 * 512), settings.dimension);
  }
}

void MeasureSearch(const LocalIndex& index, const std::vector<std::vector<float>>& queries,
                   const std::vector<std::vector<std::pair<float, std::size_t>>>& exact) {
  const reflex::Digest scope;
  double best50 = 1e9, best99 = 1e9;
  std::size_t right = 0, all = 0;
  for (int run = 0; run < 5; ++run) {
    std::vector<double> times;
    right = all = 0;
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const auto start = Clock::now();
      const auto found = index.Search(scope, queries[q], 5);
      times.push_back(Seconds(start) * 1e3);
      if (!found) std::abort();
      all += exact[q].size();
      for (const auto& [similarity, i] : exact[q]) {
        right += static_cast<std::size_t>(
            std::count_if(found->begin(), found->end(), [&](const auto& n) { return n.label == LabelOf(i); }));
      }
    }
    std::sort(times.begin(), times.end());
    best50 = std::min(best50, times[times.size() / 2]);
    best99 = std::min(best99, times[times.size() * 99 / 100]);
  }
  std::printf("search: p50 %.3f ms, p99 %.3f ms (best of 5 runs of %zu), recall@5 %.4f, oversampling %zu\n", best50, best99,
              queries.size(), static_cast<double>(right) / static_cast<double>(all), index.Oversampling(5));
}

void Measure(Settings settings) {
  Vectors vectors(settings);
  std::vector<std::vector<float>> queries(settings.queries, std::vector<float>(settings.dimension));
  for (auto& query : queries) vectors.Make(query);
  const auto exact = Exact(settings, vectors, queries);
  const std::size_t before = Status("RssAnon");
  if (!settings.lists) settings.index.lists_from = 1u << 20;
  reflex::base::WorkerPool pool(1, 16, 0);
  const auto index = LocalIndex::Create(
      settings.dimension, settings.index,
      [&](std::uint64_t label, std::span<float> out) {
        vectors.Get(NumberOf(label), out);
        return true;
      },
      [&](std::function<void()> job) { return pool.Submit(std::move(job)); });
  if (!index) {
    std::puts("an option is out of range");
    std::exit(1);
  }
  std::vector<float> vector(settings.dimension);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < settings.vectors; ++i) {
    vectors.Get(i, vector);
    if (!index->Add({}, LabelOf(i), vector, {})) std::abort();
  }
  const double added = Seconds(start);
  // Lists are ready when no full block waits; the tail stays flat and is no segment.
  while (true) {
    const auto stats = index->Stats();
    if (stats.segments == stats.lists) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const auto stats = index->Stats();
  std::printf("%zu x %u: added in %.2f s (%.2f us each), lists ready after %.1f s: %lu segments, %lu in lists\n", settings.vectors,
              settings.dimension, added, added * 1e6 / static_cast<double>(settings.vectors), Seconds(start), stats.segments,
              stats.lists);
  std::fflush(stdout);
  MeasureSearch(*index, queries, exact);
  std::printf("memory: RssAnon %.1f bytes an entry, by Stats %.1f\n",
              static_cast<double>(Status("RssAnon") - before) / static_cast<double>(settings.vectors),
              static_cast<double>(stats.memory_bytes) / static_cast<double>(settings.vectors));
}

}  // namespace

int main(int count, char** arguments) {
  Settings settings;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::size_t value = equals == std::string::npos ? 0 : std::strtoull(argument.c_str() + equals + 1, nullptr, 10);
    if (name == "--vectors")
      settings.vectors = value;
    else if (name == "--dimension")
      settings.dimension = static_cast<std::uint32_t>(value);
    else if (name == "--queries")
      settings.queries = std::max<std::size_t>(value, 2);
    else if (name == "--lists-from")
      settings.index.lists_from = value;
    else if (name == "--list-entries")
      settings.index.lists.list_entries = value;
    else if (name == "--read-permille")
      settings.index.lists.read_permille = value;
    else if (name == "--oversampling")
      settings.index.oversampling = value;
    else if (name == "--file")
      settings.file = true;
    else if (name == "--no-lists")
      settings.lists = false;
    else if (name == "--kernels")
      settings.kernels = true;
    else {
      std::printf("unknown argument %s\n", argument.c_str());
      return 1;
    }
  }
  if (settings.kernels)
    MeasureKernels(settings);
  else
    Measure(settings);
}
