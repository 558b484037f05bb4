// What the bound on wrong hits keeps, in simulated streams: docs/budget.md. Seeds are fixed; nothing is timed.
//
//   budget_sim [--requests=N] [--streams=N] [--audit-share=X] [--margin=1] [--scores=FILE --canonical=N --without=N]
//
// FILE is what `reflex eval stream --scores` writes: a line "score<TAB>right" for each candidate, after a header. --canonical: hits
// by canonical text beside them, --without: requests without a candidate. Streams are then shuffles of these, one after the other
// until they are N requests long, and thresholds come from the program's own table. Without a file: drawn from a model of such a
// stream, with each stream with a table of its own, counted on 20,000 requests of another seed.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "verify/budget.h"
#include "verify/model.h"

namespace reflex::verify {
namespace {

using Random = std::mt19937_64;

struct Request {
  double score = -1;  // Below 0: no candidate.
  bool right = true;
};
using Draw = std::function<Request(Random&)>;

// Fewer than any standard library's: the same numbers everywhere.
double Uniform(Random& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }
double Normal(Random& random) {
  const double u = 1 - Uniform(random), v = Uniform(random);
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
}

// Shares of canonical hits and of candidates as on the stream of docs/quality.md, scores by logit. `wrongness` multiplies the wrong
// candidates, `popular` is the share of requests that a trap of the highest score catches.
struct Generator {
  double wrongness = 1, popular = 0;
  Request operator()(Random& random) const {
    const double kind = Uniform(random);
    const auto score = [&](double mean, double deviation) { return 1 / (1 + std::exp(-(mean + deviation * Normal(random)))); };
    if (kind < popular) return {0.9995, false};
    if (kind < 0.52) return {1, true};
    if (kind < 0.78) return {score(4.0, 1.8), true};
    if (kind < 0.78 + 0.06 * wrongness) return {score(-1.0, 1.9), false};
    return {};
  }
};

std::vector<Model::Row> CountTable(const Draw& draw, std::uint64_t seed) {
  Random random(seed);
  std::vector<Request> sample;
  for (int i = 0; i < 20'000; ++i) {
    const Request request = draw(random);
    if (request.score >= 0) sample.push_back(request);
  }
  std::ranges::sort(sample, {}, [](const Request& r) { return -r.score; });
  std::vector<Model::Row>
      rows;  // Strictest first; one behind each wrong hit, so each row's share holds down to the next wrong one.
  double hits = 0, wrong = 0;
  for (const Request& request : sample) {
    if (!request.right) {
      if (rows.empty() || request.score < rows.back().threshold) rows.push_back({std::nextafter(request.score, 2.0), 0});
      rows.back().wrong_share = (wrong + 1) / (hits + 1);
      ++wrong;
    }
    ++hits;
  }
  std::ranges::reverse(rows);
  std::erase_if(rows, [](const Model::Row& row) { return row.threshold > 1; });
  return rows;
}

// What labels are like.
struct Comparator {
  std::string_view name;
  double false_alarms = 0, overlooked = 0;
};

struct Outcome {
  double hit_share = 0, wrong_share = 0, of_best = 0, end_threshold = 0;
  bool off = false, counted = false;
};

// Hits and wrong hits by score, for the best threshold that a stream would have allowed.
class Hindsight {
 public:
  void Add(const Request& request) {
    if (request.score < 0) return;
    auto& bin = bins_[static_cast<std::size_t>(request.score * (kBins - 1))];
    ++bin.hits;
    bin.wrong += request.right ? 0 : 1;
  }
  std::uint64_t BestHits(double max_wrong_hits) const {
    std::uint64_t hits = 0, wrong = 0, best = 0;
    for (auto bin = bins_.rbegin(); bin != bins_.rend(); ++bin) {
      hits += bin->hits;
      wrong += bin->wrong;
      if (static_cast<double>(wrong) <= max_wrong_hits * static_cast<double>(hits)) best = hits;
    }
    return best;
  }

 private:
  static constexpr std::size_t kBins = 100'001;
  struct Bin {
    std::uint32_t hits = 0, wrong = 0;
  };
  std::vector<Bin> bins_ = std::vector<Bin>(kBins);
};

struct Setup {
  std::vector<Model::Row> table;
  double budget = 0, audit_share = 0;
  std::uint64_t requests = 0;
  bool margin = false;
  Comparator comparator;
};

Outcome Simulate(const Setup& setup, const Draw& draw, std::uint64_t seed) {
  auto book = BudgetBook::Create({.max_wrong_hits = setup.budget, .table = setup.table, .margin = setup.margin}).value();
  Random random(seed), noise(seed ^ 0x9e3779b97f4a7c15u);
  double audits_due = 0;
  std::uint64_t audits = 0;
  Hindsight hindsight;
  Outcome outcome;
  std::uint64_t hits = 0, wrong_hits = 0;
  double threshold = book->Threshold("a");
  for (std::uint64_t i = 0; i < setup.requests; ++i) {
    const Request request = draw(random);
    hindsight.Add(request);
    if (request.score < threshold) continue;
    ++hits;
    wrong_hits += request.right ? 0 : 1;
    // Evenly, one in five a control, as the gateway audits.
    audits_due += setup.audit_share;
    if (audits_due < 1) continue;
    audits_due -= 1;
    const bool control = ++audits % 5 == 0;
    const bool right = control || request.right;
    const double draw_of_noise = Uniform(noise);
    const bool wrong = right ? draw_of_noise < setup.comparator.false_alarms : draw_of_noise >= setup.comparator.overlooked;
    // Without the score, as SemanticTier::Label has none.
    const auto event = book->Label("a", std::nullopt, wrong, control);
    if (!event) continue;
    outcome.off |= event->kind == BudgetEvent::Kind::kOff;
    outcome.counted |= event->kind == BudgetEvent::Kind::kLabelsCount;
    threshold = book->Threshold("a");
  }
  const double best = static_cast<double>(hindsight.BestHits(setup.budget));
  outcome.hit_share = static_cast<double>(hits) / static_cast<double>(setup.requests);
  outcome.wrong_share = hits > 0 ? static_cast<double>(wrong_hits) / static_cast<double>(hits) : 0;
  outcome.of_best = best > 0 ? static_cast<double>(hits) / best : 1;
  outcome.end_threshold = threshold;
  return outcome;
}

void Report(std::string_view stream, const Setup& setup, std::vector<Outcome> outcomes) {
  const double count = static_cast<double>(outcomes.size());
  double hits = 0, wrong = 0, worst = 0, of_best = 0, least = 9, end = 0;
  int kept = 0, off = 0, counted = 0;
  for (const Outcome& o : outcomes) {
    hits += o.hit_share / count;
    wrong += o.wrong_share / count;
    of_best += o.of_best / count;
    end += o.end_threshold / count;
    worst = std::max(worst, o.wrong_share);
    least = std::min(least, o.of_best);
    kept += o.wrong_share <= setup.budget ? 1 : 0;
    off += o.off ? 1 : 0;
    counted += o.counted ? 1 : 0;
  }
  std::printf("| %s | %.1f %% | %s | %d of %zu | %.3f %% | %.3f %% | %.3f | %.2f | %.2f | %d | %d | %.3f |\n",
              std::string(stream).c_str(), 100 * setup.budget, std::string(setup.comparator.name).c_str(), kept, outcomes.size(),
              100 * wrong, 100 * worst, hits, of_best, least, counted, off, end);
}

// Shuffles of what a file holds, one after the other.
class Shuffles {
 public:
  explicit Shuffles(const std::vector<Request>& all) : order_(all), at_(all.size()) {}
  Request Next(Random& random) {
    if (at_ == order_.size()) {
      for (std::size_t i = order_.size() - 1; i > 0; --i) std::swap(order_[i], order_[random() % (i + 1)]);
      at_ = 0;
    }
    return order_[at_++];
  }

 private:
  std::vector<Request> order_;
  std::size_t at_;
};

bool ReadScores(const std::string& path, std::vector<Request>& out) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::fprintf(stderr, "%s: cannot be read or is empty\n", path.c_str()), false;
  while (std::getline(file, line)) {
    Request request;
    const char* const end = line.data() + line.size();
    const auto [tab, error] = std::from_chars(line.data(), end, request.score);
    const bool good = error == std::errc() && request.score >= 0 && request.score <= 1 && end - tab == 2 && *tab == '\t' &&
                      (tab[1] == '0' || tab[1] == '1');
    if (!good) return std::fprintf(stderr, "%s: \"%s\" is not score<TAB>0 or 1\n", path.c_str(), line.c_str()), false;
    request.right = tab[1] == '1';
    out.push_back(request);
  }
  return true;
}

struct Arguments {
  std::uint64_t requests = 200'000, streams = 20, canonical = 0, without = 0, margin = 0;
  double audit_share = 0.01;
  std::string scores;
};

template <class T>
bool TakeValue(std::string_view argument, std::string_view name, T& out) {
  if (!argument.starts_with(name)) return false;
  argument.remove_prefix(name.size());
  if constexpr (std::is_same_v<T, std::string>) {
    out = argument;
    return true;
  } else {
    const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), out);
    return error == std::errc() && end == argument.data() + argument.size();
  }
}

constexpr double kBudgets[] = {0.05, 0.02, 0.01, 0.003};
constexpr Comparator kComparators[] = {
    {"right labels", 0, 0}, {"2 % false alarms", 0.02, 0}, {"10 % wrong", 0.1, 0.1}, {"30 % wrong", 0.3, 0.3}};

// `make` gives a fresh source for each stream, `table` the table it is judged with.
void RunAll(std::string_view stream, const Arguments& arguments, const std::function<std::vector<Model::Row>(std::uint64_t)>& table,
            const std::function<Draw()>& make) {
  for (const Comparator& comparator : kComparators) {
    for (const double budget : kBudgets) {
      Setup setup{{}, budget, arguments.audit_share, arguments.requests, arguments.margin != 0, comparator};
      std::vector<Outcome> outcomes;
      for (std::uint64_t i = 0; i < arguments.streams; ++i) {
        setup.table = table(i);
        outcomes.push_back(Simulate(setup, make(), 1000 + i));
      }
      Report(stream, setup, std::move(outcomes));
    }
  }
}

int Run(const Arguments& arguments) {
  std::printf("%llu requests a stream, audits of %.3g %% of hits%s\n\n", static_cast<unsigned long long>(arguments.requests),
              100 * arguments.audit_share, arguments.margin != 0 ? ", with a margin while labels do not count" : "");
  std::printf(
      "| stream | limit | labels | W within | W, mean | W, worst | H, mean | H of best, mean | least | labels counted | off | "
      "threshold at the end |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  if (arguments.scores.empty()) {
    const auto table = [](std::uint64_t stream) { return CountTable(Generator{}, 7000 + stream); };
    RunAll("as the table", arguments, table, [] { return Draw(Generator{}); });
    RunAll("twice as wrong", arguments, table, [] { return Draw(Generator{.wrongness = 2}); });
    RunAll("a popular trap, 0.5 %", arguments, table, [] { return Draw(Generator{.popular = 0.005}); });
    return 0;
  }
  std::vector<Request> all;
  if (!ReadScores(arguments.scores, all)) return 1;
  all.insert(all.end(), arguments.canonical, Request{1, true});
  all.insert(all.end(), arguments.without, Request{});
  if (all.empty()) return std::fprintf(stderr, "%s: no scores\n", arguments.scores.c_str()), 1;
  const auto& model = Model::Builtin();
  if (!model) return std::fprintf(stderr, "%s\n", model.error().message.c_str()), 1;
  RunAll(
      "from the file", arguments, [&model](std::uint64_t) { return model->table(); },
      [&all] { return Draw([shuffles = Shuffles(all)](Random& random) mutable { return shuffles.Next(random); }); });
  return 0;
}

}  // namespace
}  // namespace reflex::verify

int main(int argc, char** argv) {
  reflex::verify::Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    using reflex::verify::TakeValue;
    const bool known =
        TakeValue(argument, "--requests=", arguments.requests) || TakeValue(argument, "--streams=", arguments.streams) ||
        TakeValue(argument, "--audit-share=", arguments.audit_share) || TakeValue(argument, "--scores=", arguments.scores) ||
        TakeValue(argument, "--margin=", arguments.margin) || TakeValue(argument, "--canonical=", arguments.canonical) ||
        TakeValue(argument, "--without=", arguments.without);
    if (!known || arguments.requests == 0 || arguments.streams == 0 ||
        !(arguments.audit_share >= 0 && arguments.audit_share <= 1)) {
      std::fprintf(stderr, "budget_sim: %s is not understood; usage stands at the top of budget_sim.cc\n", argv[i]);
      return 2;
    }
  }
  return reflex::verify::Run(arguments);
}
