#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/eval_rows.h"
#include "app/eval_tier.h"
#include "reflex/result.h"

namespace reflex::app {

// One row and what was decided.
struct EvalDecision {
  const EvalRow* row = nullptr;
  EvalFound found;
  double score = 0;    // What --out says: see ScoreForFile.
  bool right = false;  // With labels: a hit that serves the right answer, or (pairs) a miss that had to be one.
  // Of the candidate that came closest where it is no hit of the exact or canonical layer, and wanted: for --scores.
  bool compared = false, compared_same = false;
};

struct EvalRun {
  bool semantic_with_tools = false;
  bool want_scores = false;
  std::function<void(std::size_t done)> progress;
};

// The verifier's score moved so that exactly the hits are at 0.5 and above, in the same order otherwise: what reads the file needs
// to know no threshold.
double ScoreForFile(const EvalFound& found, double threshold);

// Decides all rows, each pair in a scope of its own.
std::vector<EvalDecision> EvalPairs(EvalTier& tier, std::span<const EvalRow> rows, const EvalRun& run);
// Decides all rows in their order, in one scope; misses are stored.
std::vector<EvalDecision> EvalStream(EvalTier& tier, std::span<const EvalRow> rows, const EvalRun& run);
// Decides all rows, each pair in a store of its own as far as scopes are concerned. A body that no cache may look at is a miss.
std::vector<EvalDecision> EvalRequests(EvalTier& tier, std::span<const EvalRow> rows, const EvalRun& run);

}  // namespace reflex::app
