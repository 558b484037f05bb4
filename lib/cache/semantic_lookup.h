#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cache/reading_cache.h"
#include "cache/semantic_budget.h"
#include "cache/semantic_filing.h"
#include "cache/semantic_judge.h"
#include "cache/semantic_notes.h"
#include "reflex/semantic_tier.h"

namespace reflex::cache {

// What all look-ups share. Everything outlives them.
struct LookupParts {
  const SemanticOptions& options;
  Cache& cache;
  EntryStore& store;
  VectorIndex* index;    // May be null.
  VectorFiling* filing;  // Null with the index.
  PairScorer* reranker;  // May be null.
  Clock& clock;
  const PairJudge& judge;
  ReadingCache& readings;
  const BlockedPairs& blocked;
  NamespaceBudgets& budgets;
  std::function<void(std::string_view what, const Error&)> complain;
};

// One decision: is there an entry whose answer serves this question? Used once, by one thread.
class Lookup {
 public:
  // `trace` (may be null) is filled with everything that led to the decision; it changes nothing in it. All outlive the object.
  Lookup(const LookupParts& parts, const SimilarQuery& query, Explanation* trace);
  Lookup(LookupParts&& parts, const SimilarQuery& query, Explanation* trace) = delete;

  SimilarFound Run();
  // Whether the index's embedder was asked for a vector.
  bool embedded() const { return embedded_; }

 private:
  struct Candidate {
    EntryPtr head;
    std::optional<float> similarity;  // As the index said.
    Judgement judgement;
    double threshold = 2;
    bool accepted = false;
    std::size_t row = 0;  // Of trace_->candidates.
    double score() const { return judgement.verdict.score; }
    bool vetoed() const { return !judgement.verdict.conflicts.empty(); }
  };

  // Each stage may end the look-up: with a hit or with a reason in found_.
  bool Admit();
  bool ReadMembers();
  bool TryCanonical();
  bool ReadQuestion();
  bool GatherSmall();
  bool GatherLarge();
  bool JudgeAll();
  bool AskModel();
  bool ServeAccepted();
  bool AskReranker();
  void Explain();

  bool Miss(SimilarMiss miss);
  bool MissBy(std::string_view what, const Error& error);
  bool InTime();
  bool Usable(const Entry& entry);
  SimilarMiss NoCandidate() const;
  bool Blocked(const Entry& entry) const;
  void KeepNearest();
  void AddCandidate(EntryPtr head, std::optional<float> similarity);
  bool EmbedForIndex();
  // Fetches the entry whole, checks it again and serves it.
  bool Serve(const Entry& head, SimilarLayer layer, float similarity, float score);
  double ThresholdOf(bool by_model) const;
  void Note(const Candidate& candidate);
  void SortCandidates();
  CandidateView* Trace(const Entry& head);

  const LookupParts& parts_;
  const SimilarQuery& query_;
  Explanation* const trace_;
  const std::int64_t deadline_ns_;
  SimilarFound found_;
  bool present_ = false, small_ = true, embedded_ = false, saw_blocked_ = false, saw_present_ = false;
  double threshold_ = 2;  // Of the verifier that judges with the index's vectors.
  std::string canonical_;
  Digest canonical_digest_;
  std::vector<ScopeMember> members_;
  std::optional<Question> question_;
  std::vector<Candidate> candidates_;
};

}  // namespace reflex::cache
