// Saves and loads of a full store: how long they take, and what look-ups notice of it.
//   snapshot_bench [ENTRIES] [FOLDER]     1,000,000 entries of 2 KB with vectors of 384 halves, in the temporary folder
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "reflex/clock.h"
#include "reflex/lmdb_store.h"

namespace {

using namespace reflex;
using Steady = std::chrono::steady_clock;

constexpr std::size_t kReplyBytes = 1800, kVectorBytes = 64 + 2 * 384;
constexpr int kLookupsPerSecond = 1000;

double SecondsSince(Steady::time_point start) { return std::chrono::duration<double>(Steady::now() - start).count(); }

// As compressible as text is: words of a small vocabulary.
std::string TextOf(std::uint64_t number, std::size_t bytes) {
  std::string text;
  for (std::uint64_t state = number + 1; text.size() < bytes;) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    text += "word" + std::to_string(state >> 52) + ' ';
  }
  text.resize(bytes);
  return text;
}

EntryPtr EntryOf(std::uint64_t number) {
  auto entry = std::make_shared<Entry>();
  entry->key = base::HashBytes("key " + std::to_string(number));
  entry->created_ms = SystemClock().WallMs();
  entry->expires_ms = entry->created_ms + 86'400'000;
  entry->model = "gpt-4o";
  entry->scope = base::HashBytes("scope " + std::to_string(number % 100));
  entry->canonical = base::HashBytes("canonical " + std::to_string(number));
  entry->question = TextOf(number, 100);
  entry->reply = TextOf(number, kReplyBytes);
  return entry;
}

std::string VectorOf(std::uint64_t number) {
  std::string bytes(kVectorBytes, '\0');
  for (char& byte : bytes) byte = static_cast<char>((number = number * 6364136223846793005ull + 1442695040888963407ull) >> 56);
  return bytes;
}

void Fill(store::LmdbStore& store, std::uint64_t entries) {
  for (std::uint64_t i = 0; i < entries; ++i) {
    const EntryPtr entry = EntryOf(i);
    while (!store.Put(entry)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    while (!store.PutVector(entry->key, VectorOf(i))) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!store.Flush(std::chrono::minutes(5))) std::abort();
}

// Look-ups at a fixed rate until told to stop; a late one counts from when it was due.
class Lookups {
 public:
  Lookups(store::LmdbStore& store, std::uint64_t entries) : thread_([this, &store, entries] { Run(store, entries); }) {}
  ~Lookups() {
    stop_ = true;
    thread_.join();
  }
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;

  // 99 % were at most so slow, in microseconds, since the last call; and how many found nothing.
  void Report(const char* what) {
    stop_ = true;
    thread_.join();
    std::sort(us_.begin(), us_.end());
    std::printf("%-22s %8zu look-ups, p50 %7.1f us, p99 %7.1f us, %llu failed\n", what, us_.size(), us_[us_.size() / 2],
                us_[us_.size() * 99 / 100], static_cast<unsigned long long>(failed_));
    thread_ = std::thread([] {});
  }

 private:
  void Run(store::LmdbStore& store, std::uint64_t entries) {
    auto due = Steady::now();
    for (std::uint64_t i = 7; !stop_; i = i * 6364136223846793005ull + 1442695040888963407ull) {
      due += std::chrono::microseconds(1'000'000 / kLookupsPerSecond);
      std::this_thread::sleep_until(due);
      const auto begin = std::max(due, Steady::now() - std::chrono::seconds(10));
      const auto found = store.Find(base::HashBytes("key " + std::to_string((i >> 20) % entries)));
      if (!found || !*found) ++failed_;
      us_.push_back(std::chrono::duration<double, std::micro>(Steady::now() - begin).count());
    }
  }

  std::atomic<bool> stop_{false};
  std::vector<double> us_;
  std::uint64_t failed_ = 0;
  std::thread thread_;
};

// What the load is measured by: so many bytes written and synced once.
double WriteAndSync(const std::filesystem::path& file, std::uint64_t bytes) {
  const std::string piece = TextOf(3, 1 << 20);
  const auto start = Steady::now();
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (std::uint64_t at = 0; at < bytes; at += piece.size()) {
    if (::write(fd, piece.data(), piece.size()) < 0) std::abort();
  }
  if (fd < 0 || ::fsync(fd) != 0) std::abort();
  ::close(fd);
  const double seconds = SecondsSince(start);
  std::filesystem::remove(file);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t entries = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::filesystem::path folder = (argc > 2 ? std::filesystem::path(argv[2]) : std::filesystem::temp_directory_path()) /
                                       ("snapshot-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  SystemClock clock;
  NullLogger logger;
  store::LmdbOptions options;
  options.limit_bytes = std::max<std::uint64_t>(entries * 6000, 64u << 20);
  options.path = folder / "from";
  auto from = std::move(*store::LmdbStore::Open(options, clock, logger));
  Fill(*from, entries);
  {
    Lookups lookups(*from, entries);
    std::this_thread::sleep_for(std::chrono::seconds(5));
    lookups.Report("without a save");
  }
  SnapshotSaving saving;
  saving.file = folder / "one.snapshot";
  {
    Lookups lookups(*from, entries);
    const auto start = Steady::now();
    const auto saved = from->SaveSnapshot(saving);
    if (!saved) return std::fprintf(stderr, "%s\n", saved.error().message.c_str()), 1;
    std::printf("save: %.2f s, %.2f GB\n", SecondsSince(start), static_cast<double>(saved->bytes) / 1e9);
    lookups.Report("beside the save");
  }
  options.path = folder / "to";
  auto to = std::move(*store::LmdbStore::Open(options, clock, logger));
  const auto start = Steady::now();
  const auto loaded = to->LoadSnapshot({.file = saving.file, .keep_vector = {}, .progress = {}});
  if (!loaded) return std::fprintf(stderr, "%s\n", loaded.error().message.c_str()), 1;
  const double load = SecondsSince(start);
  const auto bytes = std::filesystem::file_size(options.path / "data.mdb");
  const double write = WriteAndSync(folder / "bytes", bytes);
  std::printf("load: %.2f s for %llu entries, %.2f GB; writing and syncing those bytes: %.2f s; ratio %.2f\n", load,
              static_cast<unsigned long long>(loaded->entries), static_cast<double>(bytes) / 1e9, write, load / write);
  from.reset();
  to.reset();
  std::filesystem::remove_all(folder);
  return 0;
}
