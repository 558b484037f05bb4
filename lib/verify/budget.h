#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "reflex/result.h"
#include "reflex/semantic_tier.h"
#include "verify/budget_evidence.h"

namespace reflex::verify {

struct BudgetOptions {
  // The share of wrong hits among semantic hits that is allowed, 0.0005 to 0.2.
  double max_wrong_hits = 0.003;
  // The offline table, by ascending threshold; shares out of fold.
  std::vector<Model::Row> table;
  // False: the offline threshold stands, whatever labels say.
  bool audits = true;
  // True: while labels do not count, stand at the loosest threshold where the bound of the prior alone keeps to the limit, not at
  // the offline one. What that buys and costs: docs/budget.md.
  bool margin = false;
};

// Something an operator wants to read in the log.
struct BudgetEvent {
  enum class Kind : std::uint8_t {
    kTightened,
    kRelaxed,
    kOff,          // No semantic hits in this namespace any more.
    kOn,           // Again some.
    kReportOnly,   // The comparator errs too often: labels move nothing until it does not. For all namespaces.
    kLabelsCount,  // Controls show that the comparator is good enough: labels move thresholds. For all namespaces.
  };
  Kind kind = Kind::kTightened;
  std::string name_space;
  double from = 0, to = 0;  // Thresholds; above 1 is never. 0 with kReportOnly and kLabelsCount.
  double upper = 0;  // The upper bound of wrong hits at the new threshold; of the comparator's error where that is the subject.
};

// Which score suffices in which namespace, by the offline table and by labels of served hits.
//
// Operation: a namespace begins at the offline threshold. Labels of audits and users are added to the table's prior; where the
// upper 95 % bound of wrong hits exceeds the limit the threshold moves one step tighter, at most one a label, and at the tightest
// the tier is off there. Nothing moves until controls show that the comparator of audits errs less often than the limit. The
// method, what it keeps in simulation and what it cannot keep: docs/budget.md.
//
// Concurrency: thread-safe; one lock, held for microseconds. No clock, no I/O.
//
// Limitations: kOwnMax namespaces have an estimate of their own, those last used; others share one, which holds what was learned of
// those that lost their place. It is never off: one namespace must not end the tier for all that are new.
class BudgetBook {
 public:
  static constexpr std::size_t kOwnMax = 1000;
  // Namespaces with longer names share.
  static constexpr std::size_t kNameBytesMax = 256;
  // The shared estimate's name in Busiest and View. No namespace of the gateway can have it: theirs are ASCII.
  static constexpr std::string_view kShared = "…";

  // Returns: kInvalidArgument for a limit out of range or a table that does not ascend or has numbers outside 0 to 1.
  static Result<std::unique_ptr<BudgetBook>> Create(BudgetOptions options);

  // The score a semantic hit needs here; above 1: none is served.
  double Threshold(std::string_view name_space) EXCLUDES(mutex_);
  // A semantic hit was served; gives the namespace a place among those with an estimate of their own.
  void CountHit(std::string_view name_space) EXCLUDES(mutex_);

  // The outcome of an audit; one that is undecided is not handed in. `score`: of the hit, where it is known (1 for a canonical
  // one); it tells labels of before a step apart. `control`: the cached question itself was asked again, which labels the
  // comparator, not a hit.
  std::optional<BudgetEvent> Label(std::string_view name_space, std::optional<double> score, bool wrong, bool control)
      EXCLUDES(mutex_);
  // A user's verdict on a served hit: a label in which the comparator has no part.
  std::optional<BudgetEvent> Feedback(std::string_view name_space, std::optional<double> score, bool wrong) EXCLUDES(mutex_);

  // `estimate`, `lower` and `upper` are of the threshold in force, the comparator's error subtracted; the bounds are one-sided, 95
  // % each. `labels` and `wrong_labels` are as counted there. `offline` where labels do not move the threshold or there are none.
  BudgetView View(std::string_view name_space) const EXCLUDES(mutex_);
  // Most hits first, then by name; the shared estimate among them once it holds anything. The bounds are worked out without the
  // lock: up to 0.1 ms for each of those that have labels.
  std::vector<BudgetView> Busiest(std::size_t limit) const EXCLUDES(mutex_);
  // The namespaces where the tier is off, by name.
  std::vector<std::string> NamespacesOff() const EXCLUDES(mutex_);

  // What changed since the last call, as notes to keep: erase, then put. Keys are ASCII, at most 70 bytes; values at most 4 KiB.
  struct Changes {
    std::vector<std::string> erase;
    std::vector<std::pair<std::string, std::string>> put;
  };
  Changes Save() EXCLUDES(mutex_);
  // All that is known is offered again by the next Save, and what could not be erased: for when a note could not be kept.
  void SaveAgain(std::vector<std::string> not_erased) EXCLUDES(mutex_);
  // Takes one note back, before use. Nothing changes when it fails; the caller says so and goes on. Returns: kCorrupt;
  // kNewerFormat; kInvalidArgument for evidence of another table or limit, which says nothing here; kFull beyond kOwnMax
  // namespaces.
  Result<void> Load(std::string_view key, std::string_view value) EXCLUDES(mutex_);

  const Ladder& ladder() const { return ladder_; }

 private:
  struct Estimate {
    Estimate(std::string_view name, const Ladder& ladder, std::size_t ground) : name_space(name), evidence(ladder), rung(ground) {}
    std::string name_space;
    Evidence evidence;
    std::size_t rung = 0;  // ladder.size(): off.
    std::uint64_t hits = 0;
    bool changed = false, saved = false;
  };
  using Own = std::list<Estimate>;
  // What all estimates are seen with.
  struct Standing {
    bool labels_count = false;
    Controls controls;
  };

  explicit BudgetBook(BudgetOptions options);

  // Marks it as used. The shared one where there is no own.
  Estimate& Find(std::string_view name_space) REQUIRES(mutex_);
  Estimate& FindOrAdd(std::string_view name_space) REQUIRES(mutex_);
  const Estimate* Peek(std::string_view name_space) const REQUIRES(mutex_);
  void DropOldest() REQUIRES(mutex_);
  std::size_t RungInForce(const Estimate& estimate, bool labels_count) const { return labels_count ? estimate.rung : ground_; }
  Standing Stands() const REQUIRES(mutex_) { return {labels_count_, controls_}; }
  double ThresholdOf(std::size_t rung) const;
  bool StepOnce(Estimate& estimate) REQUIRES(mutex_);
  std::optional<BudgetEvent> AddLabel(Estimate& estimate, std::optional<double> score, bool wrong, bool audited) REQUIRES(mutex_);
  std::optional<BudgetEvent> AddControl(bool wrong) REQUIRES(mutex_);
  BudgetView ViewOf(const Estimate& estimate, const Standing& standing) const;
  Result<void> LoadEstimate(std::string_view key, std::string_view value) REQUIRES(mutex_);

  const double max_wrong_hits_;
  const bool audits_;
  const Ladder ladder_;
  const std::size_t ground_;  // Where a namespace stands while labels do not count.

  mutable base::Mutex mutex_;
  Own own_ GUARDED_BY(mutex_);  // Last used first.
  std::unordered_map<std::string_view, Own::iterator> places_ GUARDED_BY(mutex_);
  Estimate shared_ GUARDED_BY(mutex_);
  Controls controls_ GUARDED_BY(mutex_);
  bool controls_changed_ GUARDED_BY(mutex_) = false;
  bool labels_count_ GUARDED_BY(mutex_) = false;
  std::vector<std::string> erased_ GUARDED_BY(mutex_);  // Keys of saved notes whose namespace lost its place.
};

}  // namespace reflex::verify
