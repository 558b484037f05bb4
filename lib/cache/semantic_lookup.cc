#include "cache/semantic_lookup.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/digest.h"
#include "cache/semantic_limits.h"
#include "text/canonical.h"
#include "text/present.h"

namespace reflex::cache {
namespace {

bool MeansLater(ErrorCode code) { return code == ErrorCode::kBusy || code == ErrorCode::kFull; }

std::int64_t DeadlineFrom(Clock& clock, std::chrono::nanoseconds limit) { return clock.SteadyNs() + limit.count(); }

}  // namespace

Lookup::Lookup(const LookupParts& parts, const SimilarQuery& query, Explanation* trace)
    : parts_(parts), query_(query), trace_(trace), deadline_ns_(DeadlineFrom(parts.clock, parts.options.time_limit)) {}

// Cheapest first. Every stage returns false when the look-up has ended.
SimilarFound Lookup::Run() {
  const bool goes_on = Admit() && ReadMembers() && TryCanonical() && ReadQuestion() && (small_ ? GatherSmall() : GatherLarge()) &&
                       JudgeAll() && ServeAccepted() && AskModel() && AskReranker();
  if (goes_on) Explain();
  return std::move(found_);
}

bool Lookup::Miss(SimilarMiss miss) {
  found_.miss = miss;
  return false;
}

bool Lookup::MissBy(std::string_view what, const Error& error) {
  if (error.code == ErrorCode::kTimeout) return Miss(SimilarMiss::kTimeout);
  if (MeansLater(error.code)) return Miss(SimilarMiss::kBusy);
  if (error.code == ErrorCode::kTooLarge) return Miss(SimilarMiss::kTooLong);
  parts_.complain(what, error);
  return Miss(SimilarMiss::kFailed);
}

bool Lookup::InTime() { return parts_.clock.SteadyNs() < deadline_ns_ || Miss(SimilarMiss::kTimeout); }

// An entry that answers for the present grows old as well where only its own question is known to ask for it.
bool Lookup::Usable(const Entry& entry) {
  const std::int64_t now_ms = parts_.clock.WallMs();
  if (entry.expires_ms <= now_ms) return false;
  const std::chrono::milliseconds present_ttl = parts_.options.present_ttl;
  const bool old = present_ttl.count() == 0 || entry.created_ms + present_ttl.count() < now_ms;
  if (old && (present_ || text::AsksForPresent(entry.question))) {
    saw_present_ = true;
    return false;
  }
  return !query_.usable || query_.usable(entry);
}

SimilarMiss Lookup::NoCandidate() const {
  if (saw_blocked_) return SimilarMiss::kBlocked;
  return saw_present_ ? SimilarMiss::kPresent : SimilarMiss::kNoCandidate;
}

bool Lookup::Blocked(const Entry& entry) const { return parts_.blocked.Has({query_.scope, canonical_digest_, entry.canonical}); }

bool Lookup::Admit() {
  if (query_.scope == Digest{} || query_.question.empty()) return Miss(SimilarMiss::kNoCandidate);
  if (query_.question.size() > parts_.options.question_bytes_max) return Miss(SimilarMiss::kTooLong);
  present_ = text::AsksForPresent(query_.question);
  if (present_ && parts_.options.present_ttl.count() == 0) return Miss(SimilarMiss::kPresent);
  threshold_ = parts_.budgets.Threshold(query_.name_space);
  if (trace_ != nullptr) trace_->threshold = threshold_;
  return threshold_ <= 1 || Miss(SimilarMiss::kBudget);
}

bool Lookup::ReadMembers() {
  auto members = parts_.store.FindScope(query_.scope, parts_.options.scan_max + 1);
  if (!members) return MissBy("find_scope", members.error());
  members_ = std::move(*members);
  small_ = members_.size() <= parts_.options.scan_max;
  if (trace_ != nullptr) trace_->scope_entries = members_.size();
  return !members_.empty() || Miss(SimilarMiss::kNoCandidate);
}

// Equal canonical texts; the digest only points at them.
bool Lookup::TryCanonical() {
  canonical_ = text::CanonicalText(query_.question);
  canonical_digest_ = base::HashBytes(canonical_);  // CanonicalDigest, without reading the text again.
  std::vector<Digest> keys;
  if (small_) {
    for (const ScopeMember& member : members_) {
      if (member.canonical == canonical_digest_ && keys.size() < kCanonicalMax) keys.push_back(member.key);
    }
  } else {
    auto found = parts_.store.FindCanonical(query_.scope, canonical_digest_, kCanonicalMax);
    if (!found) return MissBy("find_canonical", found.error());
    keys = std::move(*found);
  }
  const auto heads = parts_.store.FindHeads(keys);
  if (!heads) return MissBy("find_heads", heads.error());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const EntryPtr& head = (*heads)[i];
    if (head == nullptr || head->scope != query_.scope || text::CanonicalText(head->question) != canonical_) continue;
    CandidateView* const view = Trace(*head);
    if (view != nullptr) {
      view->compared = true;
      view->similarity = view->score = 1;
    }
    if (!Usable(*head)) continue;
    if (Blocked(*head)) {
      saw_blocked_ = true;
      if (view != nullptr) view->blocked = true;
      continue;
    }
    if (Serve(*head, SimilarLayer::kCanonical, 1, 1)) return false;
  }
  if (query_.verify && parts_.options.verify) return InTime();
  return Miss(NoCandidate());
}

bool Lookup::ReadQuestion() {
  question_.emplace(query_.question);
  if (question_->reading.too_long) return Miss(SimilarMiss::kTooLong);
  if (!verify::IsCompetent(question_->reading)) return Miss(SimilarMiss::kLanguage);
  return InTime();
}

void Lookup::AddCandidate(EntryPtr head, std::optional<float> similarity) {
  Candidate candidate;
  candidate.similarity = similarity;
  CandidateView* const view = Trace(*head);
  if (view != nullptr) candidate.row = trace_->candidates.size() - 1;
  if (!Usable(*head)) return;
  candidate.head = std::move(head);
  candidates_.push_back(std::move(candidate));
}

// A small scope: all its entries. Vectors are there only where the scope was larger once.
bool Lookup::GatherSmall() {
  const bool own = parts_.judge.has_own();
  bool any_vector = false;
  std::vector<Digest> keys;
  for (const ScopeMember& member : members_) {
    if (member.canonical != canonical_digest_) keys.push_back(member.key);
  }
  auto heads = parts_.store.FindHeads(keys);
  if (!heads) return MissBy("find_heads", heads.error());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EntryPtr& head = (*heads)[i];
    if (head == nullptr || head->scope != query_.scope) continue;
    if (own && !any_vector) {
      const auto vector = parts_.store.FindVector(keys[i]);
      any_vector = vector && !vector->empty();
    }
    AddCandidate(std::move(head), std::nullopt);
  }
  KeepNearest();
  return !any_vector || EmbedForIndex();
}

// Reading a text takes ten times as long as embedding it with the quick embedder.
void Lookup::KeepNearest() {
  const std::size_t kept = parts_.options.candidates_max;
  if (candidates_.size() <= kept) return;
  std::vector<std::pair<float, std::size_t>> near;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    near.emplace_back(-parts_.judge.QuickSimilarity(*question_, candidates_[i].head->question), i);
  }
  std::ranges::nth_element(near, near.begin() + static_cast<std::ptrdiff_t>(kept));
  std::vector<Candidate> nearest;
  for (std::size_t i = 0; i < kept; ++i) nearest.push_back(std::move(candidates_[near[i].second]));
  candidates_ = std::move(nearest);
}

bool Lookup::EmbedForIndex() {
  const std::int64_t left_ns = deadline_ns_ - parts_.clock.SteadyNs();
  if (left_ns <= 0) return Miss(SimilarMiss::kTimeout);
  const auto embedding = parts_.judge.EmbedForIndex(*question_, std::chrono::nanoseconds(left_ns));
  if (!embedding) return MissBy("embed", embedding.error());
  embedded_ = true;
  if (trace_ != nullptr) trace_->embedded = true;
  if (parts_.filing == nullptr) return InTime();
  auto vector = std::make_shared<SimilarVector>();
  const bool with_words = !parts_.judge.embedder().quick() && parts_.judge.embedder().has_words();
  vector->text = (*embedding)->text;
  vector->record = WriteRecord(parts_.filing->maker(), **embedding, question_->tokens, with_words);
  found_.vector = std::move(vector);
  return InTime();
}

// A large scope: the nearest of the index.
bool Lookup::GatherLarge() {
  if (parts_.index == nullptr) return Miss(NoCandidate());
  if (parts_.filing->loading()) return Miss(SimilarMiss::kLoading);
  if (!EmbedForIndex()) return false;
  const auto near = parts_.index->Search(query_.scope, found_.vector->text, parts_.options.candidates_max);
  if (!near) {
    // Not one known word: there is nothing to look for.
    if (near.error().code == ErrorCode::kInvalidArgument) return Miss(SimilarMiss::kNoCandidate);
    return MissBy("search", near.error());
  }
  // A shared index may be new, or have lost the scope: filing one of its entries again finds out.
  if (near->empty() && parts_.index->shared()) parts_.filing->Stored(query_.scope, members_.front().key, nullptr);
  std::size_t bytes = 0;
  for (const Neighbor& neighbor : *near) {
    if (candidates_.size() >= kReadAlways && neighbor.similarity < kSimilarityMin) break;
    auto head = parts_.store.FindHeadByLabel(neighbor.label);
    if (!head) return MissBy("find_head", head.error());
    if (*head == nullptr || (*head)->scope != query_.scope || (*head)->canonical == canonical_digest_) continue;
    bytes += (*head)->question.size();
    if (candidates_.size() >= kReadAlways && bytes > kReadBytesMax) break;
    AddCandidate(std::move(*head), neighbor.similarity);
  }
  return InTime();
}

double Lookup::ThresholdOf(bool by_model) const {
  if (by_model || !parts_.judge.has_own()) return threshold_;
  // The budget counts in the table of the model's verifier: the same share of wrong hits in the table of the built-in one.
  double share = 1;
  for (const auto& row : parts_.judge.verifier(true).model().table()) {
    if (row.threshold <= threshold_) share = std::min(share, row.wrong_share);
  }
  return parts_.judge.verifier(false).model().ThresholdFor(share);
}

bool Lookup::JudgeAll() {
  const double thresholds[] = {ThresholdOf(false), ThresholdOf(true)};
  for (Candidate& candidate : candidates_) {
    if (!InTime()) return false;
    const auto cached = parts_.readings.Read(*candidate.head);
    candidate.judgement = parts_.judge.Judge(*question_, candidate.head->key, *cached, candidate.similarity);
    candidate.threshold = thresholds[candidate.judgement.by_model ? 1 : 0];
    candidate.accepted = candidate.judgement.verdict.Accepts(candidate.threshold);
    Note(candidate);
  }
  SortCandidates();
  return true;
}

void Lookup::Note(const Candidate& candidate) {
  if (trace_ == nullptr) return;
  CandidateView& view = trace_->candidates[candidate.row];
  view.compared = true;
  view.similarity = candidate.judgement.similarity;
  view.score = static_cast<float>(candidate.score());
  view.threshold = candidate.threshold;
  view.blocked = Blocked(*candidate.head);
  view.differences.clear();
  for (const auto& conflict : candidate.judgement.verdict.conflicts) {
    view.differences.push_back({conflict.guard, conflict.a, conflict.b});
  }
}

// By key where nothing else tells them apart, so that one question has one answer.
void Lookup::SortCandidates() {
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(b.score(), b.judgement.similarity, a.head->key) < std::tuple(a.score(), a.judgement.similarity, b.head->key);
  });
}

bool Lookup::ServeAccepted() {
  std::size_t tried = 0;
  for (Candidate& candidate : candidates_) {
    if (!candidate.accepted) continue;
    if (tried++ == kServedMax) break;
    if (Blocked(*candidate.head)) {
      saw_blocked_ = true;
      continue;
    }
    const auto score = static_cast<float>(candidate.score());
    if (Serve(*candidate.head, SimilarLayer::kVerified, candidate.judgement.similarity, score)) return false;
  }
  return true;
}

// The model's word vectors, for the best entries of a small scope, which have no vectors and were judged with the built-in ones. In
// a large one the question has had its embedding. A model that has no time leaves them as they are.
bool Lookup::AskModel() {
  if (!parts_.judge.has_own() || !small_) return true;
  std::size_t asked = 0;
  for (Candidate& candidate : candidates_) {
    const verify::Verdict& verdict = candidate.judgement.verdict;
    if (asked == kModelAskedMax || verdict.score < kModelScoreMin) break;
    if (candidate.judgement.by_model || candidate.accepted || candidate.vetoed()) continue;
    ++asked;
    const std::int64_t left_ns = deadline_ns_ - parts_.clock.SteadyNs();
    if (left_ns <= 0) return Miss(SimilarMiss::kTimeout);
    const auto cached = parts_.readings.Read(*candidate.head);
    auto judged = parts_.judge.JudgeByModel(*question_, candidate.head->key, *cached, std::chrono::nanoseconds(left_ns));
    embedded_ = true;
    if (trace_ != nullptr) trace_->embedded = true;
    if (!judged && judged.error().code == ErrorCode::kTooLarge) {
      if (!question_->by_model) return Miss(SimilarMiss::kTooLong);
      continue;  // The entry's question is.
    }
    if (!judged) {
      if (!MeansLater(judged.error().code) && judged.error().code != ErrorCode::kTimeout) parts_.complain("embed", judged.error());
      break;
    }
    candidate.judgement = std::move(*judged);
    candidate.threshold = ThresholdOf(true);
    candidate.accepted = candidate.judgement.verdict.Accepts(candidate.threshold);
    Note(candidate);
  }
  if (asked == 0) return true;
  SortCandidates();
  return ServeAccepted();
}

// The last judge, for what lies just below the threshold.
bool Lookup::AskReranker() {
  if (parts_.reranker == nullptr) return true;
  const auto logit = [](double p) { return std::log(std::clamp(p, 1e-9, 1 - 1e-9) / (1 - std::clamp(p, 1e-9, 1 - 1e-9))); };
  const SemanticOptions& options = parts_.options;
  std::size_t asked = 0;
  for (const Candidate& candidate : candidates_) {
    const verify::Verdict& verdict = candidate.judgement.verdict;
    if (asked == kRerankedMax) break;
    if (candidate.accepted || !verdict.competent || candidate.vetoed() || candidate.threshold > 1) continue;
    if (logit(verdict.score) < logit(candidate.threshold) - kGreyLogits) continue;
    if (Blocked(*candidate.head)) continue;
    ++asked;
    const std::int64_t left_ns = deadline_ns_ - parts_.clock.SteadyNs();
    if (left_ns <= 0) return Miss(SimilarMiss::kTimeout);
    const auto cached = parts_.readings.Read(*candidate.head);
    const auto said = parts_.reranker->Score(question_->reading.prepared, cached->prepared, std::chrono::nanoseconds(left_ns));
    if (!said) return MissBy("rerank", said.error());
    const double probability = 1 / (1 + std::exp(-(options.reranker_scale * static_cast<double>(*said) + options.reranker_offset)));
    if (trace_ != nullptr) trace_->candidates[candidate.row].reranker = static_cast<float>(probability);
    if (!(probability >= options.reranker_threshold)) continue;
    const auto score = static_cast<float>(verdict.score);
    if (Serve(*candidate.head, SimilarLayer::kVerified, candidate.judgement.similarity, score)) return false;
  }
  return true;
}

// The reason of a miss is that of the best candidate: the most similar one if a guard objects to it, else the one of the best
// score.
void Lookup::Explain() {
  found_.miss = NoCandidate();
  if (candidates_.empty() || saw_blocked_) return;
  const auto similarity = [](const Candidate& candidate) { return candidate.judgement.similarity; };
  const Candidate& nearest = *std::ranges::max_element(candidates_, {}, similarity);
  const Candidate& best = nearest.vetoed() ? nearest : candidates_.front();
  found_.miss = best.vetoed()                      ? SimilarMiss::kGuard
                : best.judgement.verdict.competent ? SimilarMiss::kScore
                                                   : SimilarMiss::kLanguage;
  if (best.accepted) found_.miss = SimilarMiss::kNoCandidate;  // It was gone when it was to be served.
  if (best.vetoed()) found_.guard = best.judgement.verdict.conflicts.front().guard;
  found_.similarity = best.judgement.similarity;
  found_.score = static_cast<float>(best.score());
}

bool Lookup::Serve(const Entry& head, SimilarLayer layer, float similarity, float score) {
  EntryPtr entry = parts_.cache.FindInMemory(head.key);
  if (entry == nullptr) entry = parts_.cache.FindInStore(head.key);
  if (entry == nullptr || entry->scope != query_.scope || entry->question != head.question || !Usable(*entry)) return false;
  found_.entry = std::move(entry);
  found_.layer = layer;
  found_.similarity = similarity;
  found_.score = score;
  return true;
}

CandidateView* Lookup::Trace(const Entry& head) {
  if (trace_ == nullptr) return nullptr;
  CandidateView& view = trace_->candidates.emplace_back();
  view.key = head.key;
  view.question = head.question;
  view.canonical = text::CanonicalText(head.question);
  view.usable = Usable(head);
  return &view;
}

}  // namespace reflex::cache
