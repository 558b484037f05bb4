#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "verify/model.h"

namespace reflex::verify {

// One step of the ladder: a threshold, and the share of wrong hits to expect from there on, by the offline table.
struct Rung {
  double threshold = 0, wrong_share = 0;
  friend bool operator==(const Rung&, const Rung&) = default;
};

// The thresholds a namespace may stand at, loosest first. Rung 0 is the offline threshold; each step expects at least a quarter
// fewer wrong hits, and the last rung is the table's strictest row. Immutable.
class Ladder {
 public:
  static constexpr std::size_t kRungsMax = 32;
  static constexpr double kStep = 0.75;
  // Shares below are taken for this: a table cannot know them, and a prior of nothing would never change its mind.
  static constexpr double kShareMin = 1e-5;

  // `table` by ascending threshold. Empty where no row is strict enough for `max_wrong_hits`.
  static Ladder Make(std::span<const Model::Row> table, double max_wrong_hits);

  std::size_t size() const { return rungs_.size(); }
  bool empty() const { return rungs_.empty(); }
  const Rung& operator[](std::size_t rung) const { return rungs_[rung]; }
  // Changes with any threshold or share.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  std::vector<Rung> rungs_;
  std::string fingerprint_;
};

// How often the comparator of audits finds two answers to one and the same question different: what controls tell. Older ones
// halved.
struct Controls {
  double asked = 0, wrong = 0;

  void Add(bool came_out_wrong);
  // As observed.
  double Share() const { return asked > 0 ? wrong / asked : 0; }
  double UpperShare() const;
  // Whether it errs less often than `max_wrong_hits`, more likely than not (Jeffreys' prior), by at least kMin controls.
  bool ShowErrorBelow(double max_wrong_hits) const;
  // The same with 95 % confidence: what it takes to end the tier somewhere, for then there are no further labels.
  bool ProveErrorBelow(double max_wrong_hits) const;

  static constexpr double kMin = 20;
};

// What labels say of one namespace, kept for each rung apart. Not thread-safe.
class Evidence {
 public:
  static constexpr double kPriorLabels = 2000;
  static constexpr double kHalveAt = 5000;
  static constexpr double kConfidence = 0.95;

  struct Cell {
    double labels = 0;   // Hits at this rung that were labelled.
    double wrong = 0;    // Those labelled wrong.
    double audited = 0;  // What `wrong` would be if the comparator had called every audited hit wrong.
  };
  // The share of wrong hits: a Beta distribution.
  struct Share {
    double a = 1, b = 1;
    double Mean() const { return a / (a + b); }
    double Upper() const;
    double Lower() const;
    bool UpperExceeds(double share) const;
  };

  explicit Evidence(const Ladder& ladder) : cells_(ladder.size()) {}

  // A label of a hit that was served at `served`, a rung of the ladder. `score`: what the hit had; NaN is none.
  void Add(const Ladder& ladder, std::size_t served, std::optional<double> score, bool wrong, bool audited);
  // Adds what another evidence of the same ladder knows.
  void Add(const Evidence& other);

  // Prior and labels of one rung, the comparator's error `error` subtracted.
  Share At(const Ladder& ladder, std::size_t rung, double error) const;
  static Share PriorAt(const Ladder& ladder, std::size_t rung);

  // One step at most, from `rung` (ladder.size(): off) to the rung that what is known asks for.
  std::size_t Step(const Ladder& ladder, std::size_t rung, double max_wrong_hits, const Controls& controls) const;

  const std::vector<Cell>& cells() const { return cells_; }
  double counted() const { return counted_; }
  bool empty() const { return counted_ <= 0; }
  // As read from a note. `cells` has one for each rung.
  void Restore(std::vector<Cell> cells, double counted);

 private:
  void HalveIfMany();

  std::vector<Cell> cells_;
  double counted_ = 0;  // Labels, older ones halved.
};

}  // namespace reflex::verify
