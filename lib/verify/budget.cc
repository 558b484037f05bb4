#include "verify/budget.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "verify/budget_notes.h"

namespace reflex::verify {
namespace {

constexpr double kNever = 2;

// The loosest rung whose prior alone has its upper bound within the limit; the tightest where there is none.
std::size_t Margin(const Ladder& ladder, double max_wrong_hits) {
  std::size_t rung = 0;
  while (rung + 1 < ladder.size() && Evidence::PriorAt(ladder, rung).UpperExceeds(max_wrong_hits)) ++rung;
  return rung;
}

}  // namespace

Result<std::unique_ptr<BudgetBook>> BudgetBook::Create(BudgetOptions options) {
  // Written so that NaN is refused.
  if (!(options.max_wrong_hits >= 0.0005 && options.max_wrong_hits <= 0.2)) {
    return Fail(ErrorCode::kInvalidArgument, "max_wrong_hits must be 0.0005 to 0.2");
  }
  double last = -1;
  for (const Model::Row& row : options.table) {
    if (!(row.threshold > last && row.threshold >= 0 && row.threshold <= 1 && row.wrong_share >= 0 && row.wrong_share <= 1)) {
      return Fail(ErrorCode::kInvalidArgument, "the table of thresholds must ascend, its numbers lie between 0 and 1");
    }
    last = row.threshold;
  }
  return std::unique_ptr<BudgetBook>(new BudgetBook(std::move(options)));
}

BudgetBook::BudgetBook(BudgetOptions options)
    : max_wrong_hits_(options.max_wrong_hits),
      audits_(options.audits),
      ladder_(Ladder::Make(options.table, options.max_wrong_hits)),
      ground_(options.margin ? Margin(ladder_, options.max_wrong_hits) : 0),
      shared_(kShared, ladder_, ground_) {}

double BudgetBook::ThresholdOf(std::size_t rung) const { return rung < ladder_.size() ? ladder_[rung].threshold : kNever; }

BudgetBook::Estimate& BudgetBook::Find(std::string_view name_space) {
  const auto place = places_.find(name_space);
  if (place == places_.end()) return shared_;
  own_.splice(own_.begin(), own_, place->second);
  return own_.front();
}

BudgetBook::Estimate& BudgetBook::FindOrAdd(std::string_view name_space) {
  Estimate& found = Find(name_space);
  if (&found != &shared_ || name_space == kShared || name_space.size() > kNameBytesMax) return found;
  if (own_.size() >= kOwnMax) DropOldest();
  own_.emplace_front(name_space, ladder_, ground_);
  places_.emplace(own_.front().name_space, own_.begin());
  return own_.front();
}

const BudgetBook::Estimate* BudgetBook::Peek(std::string_view name_space) const {
  const auto place = places_.find(name_space);
  return place == places_.end() ? nullptr : &*place->second;
}

void BudgetBook::DropOldest() {
  const Estimate& oldest = own_.back();
  shared_.hits += oldest.hits;
  if (!oldest.evidence.empty()) {
    shared_.evidence.Add(oldest.evidence);
    shared_.changed = true;
    // Nobody may be served under the shared estimate for long, so that no label would move it: it moves now.
    while (labels_count_ && StepOnce(shared_)) {
    }
  }
  if (oldest.saved) erased_.push_back(BudgetKey(oldest.name_space));
  places_.erase(oldest.name_space);
  own_.pop_back();
}

double BudgetBook::Threshold(std::string_view name_space) {
  base::MutexLock lock(mutex_);
  return ThresholdOf(RungInForce(Find(name_space), labels_count_));
}

void BudgetBook::CountHit(std::string_view name_space) {
  base::MutexLock lock(mutex_);
  ++FindOrAdd(name_space).hits;
}

std::optional<BudgetEvent> BudgetBook::Label(std::string_view name_space, std::optional<double> score, bool wrong, bool control) {
  base::MutexLock lock(mutex_);
  if (control) return AddControl(wrong);
  return AddLabel(FindOrAdd(name_space), score, wrong, true);
}

std::optional<BudgetEvent> BudgetBook::Feedback(std::string_view name_space, std::optional<double> score, bool wrong) {
  base::MutexLock lock(mutex_);
  return AddLabel(FindOrAdd(name_space), score, wrong, false);
}

bool BudgetBook::StepOnce(Estimate& estimate) {
  std::size_t to = estimate.evidence.Step(ladder_, estimate.rung, max_wrong_hits_, controls_);
  if (&estimate == &shared_) to = std::min(to, ladder_.size() - 1);
  return std::exchange(estimate.rung, to) != to;
}

std::optional<BudgetEvent> BudgetBook::AddLabel(Estimate& estimate, std::optional<double> score, bool wrong, bool audited) {
  if (ladder_.empty()) return std::nullopt;
  const std::size_t from = RungInForce(estimate, labels_count_), off = ladder_.size();
  // A label that arrives when the namespace is off is of a hit from before.
  estimate.evidence.Add(ladder_, std::min(from, off - 1), score, wrong, audited);
  estimate.changed = true;
  if (!labels_count_ || !StepOnce(estimate)) return std::nullopt;
  const std::size_t to = estimate.rung;
  using Kind = BudgetEvent::Kind;
  const Kind kind = to == off ? Kind::kOff : from == off ? Kind::kOn : to > from ? Kind::kTightened : Kind::kRelaxed;
  return BudgetEvent{kind, estimate.name_space, ThresholdOf(from), ThresholdOf(to), ViewOf(estimate, Stands()).upper};
}

std::optional<BudgetEvent> BudgetBook::AddControl(bool wrong) {
  controls_.Add(wrong);
  controls_changed_ = true;
  const bool counts = audits_ && !ladder_.empty() && controls_.ShowErrorBelow(max_wrong_hits_);
  if (std::exchange(labels_count_, counts) == counts) return std::nullopt;
  using Kind = BudgetEvent::Kind;
  return BudgetEvent{counts ? Kind::kLabelsCount : Kind::kReportOnly, "", 0, 0, controls_.UpperShare()};
}

BudgetView BudgetBook::ViewOf(const Estimate& estimate, const Standing& standing) const {
  BudgetView view;
  view.name_space = estimate.name_space;
  view.max_wrong_hits = max_wrong_hits_;
  const std::size_t rung = RungInForce(estimate, standing.labels_count);
  view.threshold = ThresholdOf(rung);
  view.off = view.threshold > 1;
  view.hits = estimate.hits;
  view.offline = !standing.labels_count || estimate.evidence.empty();
  if (ladder_.empty()) return view;
  const std::size_t shown = std::min(rung, ladder_.size() - 1);
  const Evidence::Share share = estimate.evidence.At(ladder_, shown, standing.controls.Share());
  view.estimate = share.Mean();
  view.lower = share.Lower();
  view.upper = share.Upper();
  view.labels = estimate.evidence.cells()[shown].labels;
  view.wrong_labels = estimate.evidence.cells()[shown].wrong;
  return view;
}

BudgetView BudgetBook::View(std::string_view name_space) const {
  base::MutexLock lock(mutex_);
  const Estimate* const own = Peek(name_space);
  BudgetView view = ViewOf(own != nullptr ? *own : shared_, Stands());
  if (own == nullptr) view.name_space = name_space;
  return view;
}

std::vector<BudgetView> BudgetBook::Busiest(std::size_t limit) const {
  std::vector<Estimate> chosen;
  Standing standing;
  {
    base::MutexLock lock(mutex_);
    std::vector<const Estimate*> all;
    for (const Estimate& estimate : own_) all.push_back(&estimate);
    if (shared_.hits > 0 || !shared_.evidence.empty()) all.push_back(&shared_);
    const auto busier = [](const Estimate* a, const Estimate* b) {
      return std::tie(b->hits, a->name_space) < std::tie(a->hits, b->name_space);
    };
    const std::size_t count = std::min(limit, all.size());
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count), busier);
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(*all[i]);
    standing = Stands();
  }
  std::vector<BudgetView> views;
  // Most have no labels, and one view.
  std::map<std::size_t, BudgetView> unlabelled;
  for (const Estimate& estimate : chosen) {
    if (!estimate.evidence.empty()) {
      views.push_back(ViewOf(estimate, standing));
      continue;
    }
    const auto [at, fresh] = unlabelled.try_emplace(estimate.rung);
    if (fresh) at->second = ViewOf(estimate, standing);
    views.push_back(at->second);
    views.back().name_space = estimate.name_space;
    views.back().hits = estimate.hits;
  }
  return views;
}

std::vector<std::string> BudgetBook::NamespacesOff() const {
  base::MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const Estimate& estimate : own_) {
    if (ThresholdOf(RungInForce(estimate, labels_count_)) > 1) names.push_back(estimate.name_space);
  }
  std::ranges::sort(names);
  return names;
}

BudgetBook::Changes BudgetBook::Save() {
  base::MutexLock lock(mutex_);
  Changes changes;
  changes.erase = std::exchange(erased_, {});
  const auto put = [&](Estimate& estimate, std::string key, bool shared) {
    if (!std::exchange(estimate.changed, false)) return;
    estimate.saved = true;
    EstimateNote note;
    if (!shared) note.name_space = estimate.name_space;
    note.shared = shared;
    note.rung = estimate.rung;
    note.counted = estimate.evidence.counted();
    note.cells = estimate.evidence.cells();
    changes.put.emplace_back(std::move(key), WriteEstimate(note, ladder_));
  };
  for (Estimate& estimate : own_) {
    if (estimate.changed) put(estimate, BudgetKey(estimate.name_space), false);
  }
  put(shared_, std::string(kSharedKey), true);
  if (std::exchange(controls_changed_, false)) changes.put.emplace_back(kControlsKey, WriteControls(controls_));
  return changes;
}

void BudgetBook::SaveAgain(std::vector<std::string> not_erased) {
  base::MutexLock lock(mutex_);
  // One that has a place again has a note again.
  for (const Estimate& estimate : own_) std::erase(not_erased, BudgetKey(estimate.name_space));
  std::ranges::move(not_erased, std::back_inserter(erased_));
  for (Estimate& estimate : own_) estimate.changed |= !estimate.evidence.empty();
  shared_.changed |= !shared_.evidence.empty();
  controls_changed_ |= controls_.asked > 0;
}

Result<void> BudgetBook::Load(std::string_view key, std::string_view value) {
  base::MutexLock lock(mutex_);
  if (key != kControlsKey) return LoadEstimate(key, value);
  REFLEX_TRY(controls_, ReadControls(value));
  labels_count_ = audits_ && !ladder_.empty() && controls_.ShowErrorBelow(max_wrong_hits_);
  return {};
}

Result<void> BudgetBook::LoadEstimate(std::string_view key, std::string_view value) {
  REFLEX_TRY(auto note, ReadEstimate(value, ladder_));
  if (ladder_.empty()) return Fail(ErrorCode::kInvalidArgument, "a budget note is of other thresholds than those in force");
  const bool named_right = note.shared ? key == kSharedKey : key == BudgetKey(note.name_space);
  if (!named_right || note.name_space.size() > kNameBytesMax || (!note.shared && note.name_space == kShared)) {
    return Fail(ErrorCode::kCorrupt, "a budget note is damaged: it lies under another's key");
  }
  if (note.shared && note.rung == ladder_.size()) return Fail(ErrorCode::kCorrupt, "a budget note is damaged: line \"rung\"");
  if (!note.shared && Peek(note.name_space) == nullptr && own_.size() >= kOwnMax) {
    return Fail(ErrorCode::kFull, "more than " + std::to_string(kOwnMax) + " budget notes");
  }
  Estimate& estimate = note.shared ? shared_ : FindOrAdd(note.name_space);
  estimate.evidence.Restore(std::move(note.cells), note.counted);
  estimate.rung = note.rung;
  estimate.saved = true;
  return {};
}

}  // namespace reflex::verify
