#include "verify/budget_evidence.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/digest.h"
#include "verify/budget_beta.h"

namespace reflex::verify {

Ladder Ladder::Make(std::span<const Model::Row> table, double max_wrong_hits) {
  // From the strictest row down, as long as all rows keep to the limit: a row promises no less than those above it.
  std::vector<Rung> rows;
  double worst = kShareMin;
  for (auto row = table.rbegin(); row != table.rend() && row->wrong_share <= max_wrong_hits; ++row) {
    worst = std::max(worst, row->wrong_share);
    rows.push_back({row->threshold, worst});
  }
  std::ranges::reverse(rows);
  Ladder ladder;
  std::vector<Rung>& rungs = ladder.rungs_;
  for (const Rung& row : rows) {
    if (rungs.size() + 1 == kRungsMax) break;
    if (rungs.empty() || row.wrong_share <= rungs.back().wrong_share * kStep) rungs.push_back(row);
  }
  if (!rows.empty() && rungs.back().wrong_share > rows.back().wrong_share) rungs.push_back(rows.back());
  std::string text;
  for (const Rung& rung : rungs) {
    char line[64];
    const int size = std::snprintf(line, sizeof line, "%.17g %.17g\n", rung.threshold, rung.wrong_share);
    text.append(line, static_cast<std::size_t>(size));
  }
  ladder.fingerprint_ = base::ToHex(base::HashBytes(text)).substr(0, 16);
  return ladder;
}

void Controls::Add(bool came_out_wrong) {
  asked += 1;
  wrong += came_out_wrong ? 1 : 0;
  if (asked < Evidence::kHalveAt) return;
  asked /= 2;
  wrong /= 2;
}

double Controls::UpperShare() const { return BetaQuantile(wrong + 0.5, asked - wrong + 0.5, Evidence::kConfidence); }

bool Controls::ShowErrorBelow(double max_wrong_hits) const {
  return asked >= kMin && BetaProbability(wrong + 0.5, asked - wrong + 0.5, max_wrong_hits) >= 0.5;
}

bool Controls::ProveErrorBelow(double max_wrong_hits) const { return asked >= kMin && UpperShare() <= max_wrong_hits; }

double Evidence::Share::Upper() const { return BetaQuantile(a, b, kConfidence); }
double Evidence::Share::Lower() const { return BetaQuantile(a, b, 1 - kConfidence); }
bool Evidence::Share::UpperExceeds(double share) const { return BetaProbability(a, b, share) < kConfidence; }

// A label at one rung says something of the others, through the table: where it expects half as many wrong hits, a wrong hit is
// half a wrong one at the stricter rung, and a right hit half a label at the looser one. So a step is not answered by the same
// labels again, and steps back are not paid with hits that were never served. docs/budget.md.
void Evidence::Add(const Ladder& ladder, std::size_t served, std::optional<double> score, bool wrong, bool audited) {
  const bool scored = score && *score == *score;
  // Served before the last step, if the threshold of now would have refused it.
  while (scored && served > 0 && *score < ladder[served].threshold) --served;
  for (std::size_t rung = 0; rung < cells_.size(); ++rung) {
    double labels = 1, weight = 1;
    if (rung < served) {
      labels = ladder[served].wrong_share / ladder[rung].wrong_share;
    } else if (rung > served && scored) {
      if (*score < ladder[rung].threshold) continue;
    } else if (rung > served) {
      weight = ladder[rung].wrong_share / ladder[served].wrong_share;
    }
    Cell& cell = cells_[rung];
    cell.labels += labels;
    if (wrong) cell.wrong += weight;
    if (audited) cell.audited += weight;
  }
  counted_ += 1;
  HalveIfMany();
}

void Evidence::Add(const Evidence& other) {
  for (std::size_t rung = 0; rung < cells_.size(); ++rung) {
    cells_[rung].labels += other.cells_[rung].labels;
    cells_[rung].wrong += other.cells_[rung].wrong;
    cells_[rung].audited += other.cells_[rung].audited;
  }
  counted_ += other.counted_;
  HalveIfMany();
}

void Evidence::HalveIfMany() {
  while (counted_ >= kHalveAt) {
    counted_ /= 2;
    for (Cell& cell : cells_) {
      cell.labels /= 2;
      cell.wrong /= 2;
      cell.audited /= 2;
    }
  }
}

void Evidence::Restore(std::vector<Cell> cells, double counted) {
  cells_ = std::move(cells);
  counted_ = counted;
}

Evidence::Share Evidence::PriorAt(const Ladder& ladder, std::size_t rung) {
  const double share = ladder[rung].wrong_share;
  return {.a = kPriorLabels * share, .b = kPriorLabels * (1 - share)};
}

Evidence::Share Evidence::At(const Ladder& ladder, std::size_t rung, double error) const {
  const Cell& cell = cells_[rung];
  Share share = PriorAt(ladder, rung);
  const double wrong = std::max(0.0, cell.wrong - error * cell.audited);
  share.a += wrong;
  share.b += std::max(0.0, cell.labels - wrong);
  return share;
}

std::size_t Evidence::Step(const Ladder& ladder, std::size_t rung, double max_wrong_hits, const Controls& controls) const {
  const std::size_t off = ladder.size(), tightest = off - 1;
  const auto exceeds = [&](std::size_t at) { return At(ladder, at, controls.Share()).UpperExceeds(max_wrong_hits); };
  // Off: above the limit, and above what the prior alone allows where that is more.
  const auto ends = [&] {
    return controls.ProveErrorBelow(max_wrong_hits) && exceeds(tightest) &&
           At(ladder, tightest, controls.Share()).Upper() > PriorAt(ladder, tightest).Upper();
  };
  if (rung == off) return ends() ? off : tightest;
  if (exceeds(rung)) return rung < tightest || ends() ? rung + 1 : rung;
  return rung > 0 && !exceeds(rung - 1) ? rung - 1 : rung;
}

}  // namespace reflex::verify
