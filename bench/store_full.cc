// The store when it is full: turnovers at the limit, a purge of half, a reader held for a minute, as another process's snapshot
// would. Prints a table of ratios to an empty store.
//   store_full [limit MiB = 256] [turnovers = 5] [reader seconds = 60]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include <vector>

#include <lmdb.h>

#include "base/digest.h"
#include "reflex/clock.h"
#include "reflex/lmdb_store.h"
#include "reflex/logger.h"

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using reflex::Entry;
using reflex::store::LmdbOptions;
using reflex::store::LmdbStore;

reflex::SystemClock g_clock;
reflex::NullLogger g_logger;
std::mt19937_64 g_random{1};

double Seconds(Steady::duration time) { return std::chrono::duration<double>(time).count(); }
double Mib(double bytes) { return bytes / (1 << 20); }

// 0.5 to 64 KB, evenly by logarithm.
std::size_t NextSize() {
  return static_cast<std::size_t>(512 * std::pow(128.0, std::uniform_real_distribution<double>(0, 1)(g_random)));
}

struct Phase {
  double bytes = 0;
  double seconds = 0;
  std::vector<double> reads_us;

  void Add(Phase other) {
    bytes += other.bytes;
    seconds += other.seconds;
    reads_us.insert(reads_us.end(), other.reads_us.begin(), other.reads_us.end());
  }
  double PutRate() const { return seconds > 0 ? bytes / seconds : 0; }
  double ReadP99() {
    if (reads_us.empty()) return 0;
    std::sort(reads_us.begin(), reads_us.end());
    return reads_us[reads_us.size() * 99 / 100];
  }
};

class Run {
 public:
  Run(LmdbStore& store, std::string noise, std::uint64_t window) : store_(store), noise_(std::move(noise)), window_(window) {}

  // Puts so many bytes as fast as the store takes them, waiting where its queue is full, and reads a recent entry now and then.
  Phase Put(double bytes, double seconds_max = 1e9) {
    Phase phase;
    const auto start = Steady::now();
    const std::uint64_t dropped_before = store_.Stats().puts_dropped;
    double queued = 0;
    std::uint64_t refused = 0, count = 0;
    while (queued < bytes && Seconds(Steady::now() - start) < seconds_max) {
      auto entry = std::make_shared<Entry>();
      entry->key = reflex::base::HashBytes(std::to_string(next_));
      entry->model = next_ % 2 == 0 ? "even" : "odd";
      entry->created_ms = g_clock.WallMs();
      entry->expires_ms = entry->created_ms + 86'400'000;
      const std::size_t size = NextSize();
      entry->reply = noise_.substr(g_random() % (noise_.size() - size), size);
      if (!store_.Put(std::move(entry))) {
        ++refused;
        ::usleep(500);
        continue;
      }
      queued += static_cast<double>(size);
      ++next_;
      ++count;
      if (next_ % 8 == 0) Read(phase);
    }
    (void)store_.Flush(60s);
    phase.seconds = Seconds(Steady::now() - start);
    // What the writer dropped for want of room was not put.
    const std::uint64_t lost = store_.Stats().puts_dropped - dropped_before - refused;
    phase.bytes =
        queued * (count > lost ? static_cast<double>(count - lost) / static_cast<double>(std::max<std::uint64_t>(count, 1)) : 0);
    return phase;
  }

 private:
  void Read(Phase& phase) {
    // Any of the newest half of what fits, so that most reads are of the file and not of the queue.
    const std::uint64_t back = 1 + g_random() % std::min<std::uint64_t>(next_, window_);
    const auto key = reflex::base::HashBytes(std::to_string(next_ - back));
    const auto start = Steady::now();
    const auto found = store_.Find(key);
    phase.reads_us.push_back(Seconds(Steady::now() - start) * 1e6);
  }

  LmdbStore& store_;
  const std::string noise_;
  const std::uint64_t window_;
  std::uint64_t next_ = 0;
};

// A read transaction in another process, until the pipe closes.
class HeldReader {
 public:
  explicit HeldReader(const std::filesystem::path& path) {
    int ready[2], stop[2];
    if (::pipe(ready) != 0 || ::pipe(stop) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(stop[1]);
      MDB_env* env = nullptr;
      MDB_txn* txn = nullptr;
      char byte = 0;
      mdb_env_create(&env);
      mdb_env_set_maxdbs(env, 4);
      const bool open =
          mdb_env_open(env, path.c_str(), MDB_RDONLY, 0600) == 0 && mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == 0;
      if (!open || ::write(ready[1], &byte, 1) != 1) _exit(1);
      (void)!::read(stop[0], &byte, 1);
      mdb_txn_abort(txn);
      _exit(0);
    }
    char byte;
    if (::read(ready[0], &byte, 1) != 1) std::abort();
    stop_ = stop[1];
  }
  ~HeldReader() {
    ::close(stop_);
    ::waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_ = 0;
  int stop_ = -1;
};

void Print(const char* name, Phase& phase, Phase& base, const LmdbStore& store) {
  const auto stats = store.Stats();
  std::printf("| %-26s | %7.1f | %.2fx | %7.0f | %.2fx | %.2fx | %llu |\n", name, Mib(phase.PutRate()),
              phase.PutRate() / base.PutRate(), phase.ReadP99(), phase.ReadP99() / base.ReadP99(),
              static_cast<double>(stats.file_bytes) / static_cast<double>(stats.limit_bytes),
              static_cast<unsigned long long>(stats.puts_dropped));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const double limit = std::atof(argc > 1 ? argv[1] : "256") * (1 << 20);
  const int turnovers = std::atoi(argc > 2 ? argv[2] : "5");
  const double reader_seconds = std::atof(argc > 3 ? argv[3] : "60");
  std::string pattern = (std::filesystem::temp_directory_path() / "reflex-full-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return 1;
  LmdbOptions options;
  options.path = pattern + "/store";
  options.limit_bytes = static_cast<std::uint64_t>(limit);
  auto opened = LmdbStore::Open(options, g_clock, g_logger);
  if (!opened) {
    std::printf("%s\n", opened.error().message.c_str());
    return 1;
  }
  LmdbStore& store = **opened;
  std::string noise(4 << 20, '\0');
  for (char& byte : noise) byte = static_cast<char>(g_random());
  constexpr double kMeanBytes = 63.5 * 1024 / 4.852;  // Of sizes spread evenly by logarithm from 0.5 to 64 KB.
  Run run(store, std::move(noise), static_cast<std::uint64_t>(limit / 2 / kMeanBytes) + 1);

  std::printf(
      "| phase                      | MiB/s   | puts  | p99 us  | p99   | file  | refused |\n|---|---|---|---|---|---|---|\n");
  Phase empty = run.Put(limit * 0.8);
  Print("empty store", empty, empty, store);
  for (int i = 1; i <= turnovers; ++i) {
    Phase phase = run.Put(limit);
    Print(("turnover " + std::to_string(i)).c_str(), phase, empty, store);
  }
  const auto start = Steady::now();
  const auto erased = store.EraseIf([](const Entry& entry) { return entry.model == "odd"; });
  std::printf("| purge of half: %llu entries in %.1f s |\n", erased ? static_cast<unsigned long long>(*erased) : 0ull,
              Seconds(Steady::now() - start));
  Phase purged = run.Put(limit);
  Print("after the purge", purged, empty, store);
  {
    // What is freed while a reader holds an old state cannot be reused: a fifth of the limit, spread over its time, still fits.
    // Then as much as possible, which does not, and must not grow the file.
    const HeldReader reader(options.path);
    constexpr int kBursts = 20;
    Phase held;
    for (int i = 0; i < kBursts; ++i) {
      held.Add(run.Put(limit / 5 / kBursts));
      ::usleep(static_cast<useconds_t>(reader_seconds / kBursts * 1e6));
    }
    Print("reader held", held, empty, store);
    Phase flood = run.Put(1e18, 10);
    Print("reader held, flooded", flood, empty, store);
  }
  Phase after = run.Put(limit);
  Print("reader gone", after, empty, store);
  opened->reset();
  std::filesystem::remove_all(pattern);
  return 0;
}
