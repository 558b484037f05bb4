// The time of one decision of the semantic tier, on one thread, in one large scope: with the built-in embedder, or with a file of
// all-MiniLM-L6-v2 beside the time of its embedding alone.
//
//   semantic_bench [--entries=N] [--queries=N] [--words=MIN-MAX] [--memory] [--lexicon=FILE] [--model=FILE.gguf]
//
// Questions are made of listed words by their frequency, MIN to MAX words long, in families: nine in ten are another question of
// the family with some words changed, so that the index finds candidates that are alike and the verifier has work to do. What is
// asked is half of these, half new families. Entries are filed as the gateway does it, in the background; asked is when all of that
// is done. Times are of the thread's processor, so that a busy machine does not count; "by the clock" is what a caller waits.
// --memory uses a MemoryStore in place of an LmdbStore in a folder of its own.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "base/worker_pool.h"
#include "inference/gguf_embedder.h"
#include "inference/static_embedder.h"
#include "reflex/cache.h"
#include "reflex/lmdb_store.h"
#include "reflex/memory_store.h"
#include "reflex/semantic_tier.h"
#include "text/canonical.h"
#include "vector/local_index.h"
#include "verify/reading.h"

namespace {

using namespace reflex;
using Steady = std::chrono::steady_clock;

struct Settings {
  std::size_t entries = 100'000, queries = 5'000, words_min = 12, words_max = 150;
  bool memory = false;
  std::string lexicon = "models/lexicon/idf.txt";
  std::string model;  // Judged with the weights in models/minilm.
};

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Time this thread has had on a processor.
double ThreadMicroseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double Microseconds(Steady::time_point since) { return std::chrono::duration<double, std::micro>(Steady::now() - since).count(); }

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "semantic_bench: %s\n", why.c_str());
  std::exit(1);
}

class Questions {
 public:
  explicit Questions(const Settings& settings) : settings_(settings) {
    std::ifstream file(settings.lexicon);
    std::vector<double> shares;
    for (std::string word; file >> word;) {
      std::string rest;
      std::getline(file, rest);
      const double idf = std::atof(rest.c_str());
      if (idf <= 0 || !std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; })) continue;
      words_.push_back(word);
      shares.push_back(std::exp(-idf));
    }
    if (words_.size() < 100) Die("no words in " + settings.lexicon);
    by_share_ = std::discrete_distribution<std::size_t>(shares.begin(), shares.end());
  }

  // The same numbers give the same question. Variant 0 is the family's own.
  std::string Make(std::uint64_t family, std::uint64_t variant) {
    std::mt19937_64 random(family);
    std::uniform_int_distribution<std::size_t> length(settings_.words_min, settings_.words_max);
    std::vector<std::size_t> text(length(random));
    for (std::size_t& word : text) word = by_share_(random);
    std::mt19937_64 change(family * 1'000'003 + variant);
    for (std::size_t i = 0; variant > 0 && i < 1 + text.size() / 12; ++i) text[change() % text.size()] = by_share_(change);
    std::string question;
    for (std::size_t i = 0; i < text.size(); ++i) question += (i == 0 ? "" : i % 17 == 0 ? ". " : " ") + words_[text[i]];
    return question + "?";
  }

 private:
  const Settings& settings_;
  std::vector<std::string> words_;
  std::discrete_distribution<std::size_t> by_share_;
};

EntryPtr MakeEntry(const Digest& scope, const std::string& question, std::int64_t now_ms) {
  auto entry = std::make_shared<Entry>();
  entry->key = base::HashBytes(question);
  entry->created_ms = now_ms;
  entry->expires_ms = now_ms + 1'000'000'000;
  entry->model = "m";
  entry->reply = std::string(400, 'r');
  entry->scope = scope;
  entry->canonical = CanonicalDigest(question);
  entry->question = question;
  return entry;
}

void Print(const char* name, std::vector<double>& times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[std::min(times.size() - 1, static_cast<std::size_t>(share * static_cast<double>(times.size())))];
  };
  std::printf("%-34s n %6zu   p50 %8.1f   p90 %8.1f   p99 %8.1f   max %8.1f us\n", name, times.size(), at(0.5), at(0.9), at(0.99),
              times.back());
}

std::unique_ptr<EntryStore> OpenStore(const Settings& settings, const std::filesystem::path& folder, Clock& clock, Logger& logger) {
  if (settings.memory) {
    auto store = store::MemoryStore::Create({.limit_bytes = 4ull << 30, .entries = 10'000'000});
    if (!store) Die(store.error().message);
    return std::move(*store);
  }
  store::LmdbOptions options;
  options.path = folder;
  auto store = store::LmdbStore::Open(options, clock, logger);
  if (!store) Die(store.error().message);
  return std::move(*store);
}

class Bench {
 public:
  Bench(const Settings& settings, const std::filesystem::path& folder)
      : settings_(settings), questions_(settings), pool_(1, 1024, 0) {
    auto store = OpenStore(settings, folder, clock_, logger_);
    store_ = store.get();
    auto cache = Cache::Create({}, std::move(store), clock_, logger_);
    if (!cache) Die(cache.error().message);
    cache_ = std::move(*cache);
    SemanticTier::Parts parts;
    if (!settings.model.empty()) OpenModel(parts);
    parts.cache = cache_.get();
    parts.store = store_;
    parts.words = &words_;
    parts.clock = &clock_;
    parts.logger = &logger_;
    parts.background = [this](std::function<void()> job) { return pool_.Submit(std::move(job)); };
    const Embedder& embedder = model_ != nullptr ? *model_ : static_cast<const Embedder&>(words_);
    parts.index = vector::LocalIndex::Create(embedder.dimension(), {},
                                             StoredVectors(*store_, embedder.model_id(), embedder.dimension()), parts.background);
    auto tier = SemanticTier::Create({}, std::move(parts));
    if (!tier) Die(tier.error().message);
    tier_ = std::move(*tier);
  }

  void Fill() {
    const auto start = Steady::now();
    for (std::size_t i = 0; i < settings_.entries; ++i) {
      const EntryPtr entry = MakeEntry(scope_, questions_.Make(i / 10, i % 10), clock_.WallMs());
      if (!cache_->Insert(entry, cache_->epoch())) Die("an entry was not stored");
      tier_->Stored(entry, nullptr);
      // Not faster than the writer and the filing can follow.
      if (i % 512 == 511) {
        while (tier_->Stats().index.vectors + 1024 < i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    if (!cache_->Flush(std::chrono::seconds(60))) Die("the store was not flushed");
    // A few questions come out equal, so the number of vectors is not known before.
    std::uint64_t vectors = 0;
    do {
      vectors = tier_->Stats().index.vectors;
      tier_->LooksWorthwhile(scope_);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    } while (tier_->Stats().index.vectors != vectors || pool_.QueueLength() > 0);
    const SemanticStats stats = tier_->Stats();
    std::printf(
        "filled %zu entries in %.1f s: %llu vectors, %llu kept as lists, index %.1f bytes a vector\n", settings_.entries,
        Microseconds(start) / 1e6, static_cast<unsigned long long>(stats.index.vectors),
        static_cast<unsigned long long>(stats.index.lists),
        static_cast<double>(stats.index.memory_bytes) / static_cast<double>(std::max<std::uint64_t>(1, stats.index.vectors)));
  }

  void Ask() {
    std::vector<double> all, waited, by_length[3], hits;
    std::size_t misses[16] = {};
    std::mt19937_64 random(7);
    for (std::size_t i = 0; i < settings_.queries; ++i) {
      const bool known = i % 2 == 0;
      const std::string question =
          questions_.Make(known ? random() % (settings_.entries / 10) : 1'000'000 + i, known ? 100 + random() % 100 : 0);
      SimilarQuery query;
      query.scope = scope_;
      query.question = question;
      const auto start = Steady::now();
      const double before = ThreadMicroseconds();
      const SimilarFound found = tier_->Find(query);
      const double took = ThreadMicroseconds() - before;
      waited.push_back(Microseconds(start));
      all.push_back(took);
      const std::size_t words = static_cast<std::size_t>(std::count(question.begin(), question.end(), ' ')) + 1;
      by_length[words < 50 ? 0 : words < 100 ? 1 : 2].push_back(took);
      if (found.entry != nullptr) {
        hits.push_back(took);
      } else {
        ++misses[static_cast<std::size_t>(found.miss)];
      }
    }
    Print("decision", all);
    Print("decision, by the clock", waited);
    Print("  up to 49 words", by_length[0]);
    Print("  50 to 99 words", by_length[1]);
    Print("  100 words and more", by_length[2]);
    Print("  hits", hits);
    std::printf("misses: no candidate %zu, guard %zu, score %zu, timeout %zu, failed %zu, others %zu\n", misses[0], misses[1],
                misses[2], misses[static_cast<std::size_t>(SimilarMiss::kTimeout)],
                misses[static_cast<std::size_t>(SimilarMiss::kFailed)],
                misses[3] + misses[4] + misses[5] + misses[6] + misses[7] + misses[8] + misses[9]);
  }

  void AskWhereNothingIs() {
    std::vector<double> look, miss;
    for (std::size_t i = 0; i < settings_.queries; ++i) {
      const std::string question = questions_.Make(2'000'000 + i, 0);
      const Digest scope = base::HashBytes("empty " + std::to_string(i));
      auto start = Steady::now();
      if (tier_->LooksWorthwhile(scope)) Die("something in an empty scope");
      look.push_back(Microseconds(start));
      SimilarQuery query;
      query.scope = scope;
      query.question = question;
      start = Steady::now();
      if (tier_->Find(query).entry != nullptr) Die("a hit in an empty scope");
      miss.push_back(Microseconds(start));
    }
    Print("LooksWorthwhile, empty scope", look);
    Print("miss in an empty scope", miss);
  }

  // What a decision consists of.
  void AskParts() {
    std::vector<double> canonical, read, embed, by_model;
    for (std::size_t i = 0; i < std::min<std::size_t>(settings_.queries, 2000); ++i) {
      const std::string question = questions_.Make(3'000'000 + i, 0);
      auto start = Steady::now();
      const std::string text = text::CanonicalText(question);
      canonical.push_back(Microseconds(start));
      start = Steady::now();
      const verify::Reading reading = verify::Read(question);
      read.push_back(Microseconds(start));
      const auto spans = verify::WordSpans(reading);
      if (model_ != nullptr) {
        const double before = ThreadMicroseconds();
        if (!model_->Embed(reading.prepared, verify::TokenSpans(reading), std::chrono::seconds(10))) Die("no vector of the model");
        by_model.push_back(ThreadMicroseconds() - before);
      }
      start = Steady::now();
      if (!words_.Embed(reading.prepared, spans, std::chrono::seconds(1)) || text.empty()) Die("no vector");
      embed.push_back(Microseconds(start));
    }
    Print("part: canonical text", canonical);
    Print("part: reading", read);
    Print("part: words embedded", embed);
    Print("part: embedded by the model", by_model);
  }

 private:
  void OpenModel(SemanticTier::Parts& parts) {
    auto model = inference::OpenGguf(settings_.model, {});
    if (!model) Die(model.error().message);
    model_ = std::move(*model);
    verifier_ = ReadAll("models/minilm/verifier.txt");
    pair_net_ = ReadAll("models/minilm/pair_net.bin");
    constexpr std::string_view kName = "all-MiniLM-L6-v2";
    const std::size_t name = verifier_.find("embedder " + std::string(kName));
    if (name == std::string::npos) Die("no weights in models/minilm");
    verifier_.replace(name + std::string_view("embedder ").size(), kName.size(), model_->model_id());
    parts.model = model_.get();
    parts.model_verifier = verifier_;
    parts.pair_net = pair_net_;
  }

  const Settings& settings_;
  Questions questions_;
  SystemClock clock_;
  NullLogger logger_;
  inference::StaticEmbedder words_;
  std::string verifier_, pair_net_;
  std::unique_ptr<Embedder> model_;
  EntryStore* store_ = nullptr;
  std::unique_ptr<Cache> cache_;
  std::unique_ptr<SemanticTier> tier_;
  const Digest scope_ = base::HashBytes("scope");
  base::WorkerPool pool_;
};

Settings Parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = argument.substr(std::min(argument.size(), argument.find('=') + 1));
    if (argument.starts_with("--entries=")) {
      settings.entries = std::strtoull(value.c_str(), nullptr, 10);
    } else if (argument.starts_with("--queries=")) {
      settings.queries = std::strtoull(value.c_str(), nullptr, 10);
    } else if (argument.starts_with("--words=") && value.find('-') != std::string::npos) {
      settings.words_min = std::strtoull(value.c_str(), nullptr, 10);
      settings.words_max = std::strtoull(value.c_str() + value.find('-') + 1, nullptr, 10);
    } else if (argument == "--memory") {
      settings.memory = true;
    } else if (argument.starts_with("--model=")) {
      settings.model = value;
    } else if (argument.starts_with("--lexicon=")) {
      settings.lexicon = value;
    } else {
      Die("unknown argument " + argument);
    }
  }
  if (settings.entries < 10 || settings.queries == 0 || settings.words_min == 0 || settings.words_max < settings.words_min) {
    Die("--entries at least 10, --queries at least 1, --words=MIN-MAX");
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = Parse(argc, argv);
  const auto folder = std::filesystem::temp_directory_path() / ("semantic_bench." + std::to_string(::getpid()));
  {
    Bench bench(settings, folder);
    bench.Fill();
    bench.Ask();
    bench.AskWhereNothingIs();
    bench.AskParts();
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return 0;
}
