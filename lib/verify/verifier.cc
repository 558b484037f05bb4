#include "verify/verifier.h"

#include "verify/measures.h"

namespace reflex::verify {

bool IsCompetent(const Reading& reading) {
  return reading.utf8 && !reading.too_long && !reading.words.empty() && reading.script.english;
}

Verdict Verifier::Judge(const Reading& question, const Reading& cached, const Embedding& question_vectors,
                        const Embedding& cached_vectors) const {
  Verdict verdict;
  verdict.competent = IsCompetent(question) && IsCompetent(cached);
  if (!verdict.competent) return verdict;
  verdict.conflicts = text::FindConflicts(question, cached);
  if (!verdict.conflicts.empty()) return verdict;
  verdict.features = CompareWith(verdict.conflicts, question, cached, question_vectors, cached_vectors);
  verdict.score = model_.Score(verdict.features);
  return verdict;
}

}  // namespace reflex::verify
