#include "verify/verifier.h"

#include <algorithm>

#include "verify/measures.h"

namespace reflex::verify {
namespace {

// No list of words tells each language; that the English ones know few of a text's words tells that it is none of theirs.
bool IsMostlyUnknown(const Reading& reading) {
  constexpr std::size_t kUnknownMin = 2;  // One is what a question may be about.
  constexpr double kFunctionMax = 0.3;    // An English question about unknown things still asks in English.
  const text::ScriptShare& script = reading.script;
  const auto unknown = static_cast<std::size_t>(
      std::ranges::count_if(reading.unknown, [](const text::PlainWord& word) { return word.begin < text::kScriptBytes; }));
  const double content = static_cast<double>(script.words) * (1 - script.function);
  return unknown >= kUnknownMin && script.function < kFunctionMax && 2 * static_cast<double>(unknown) > content;
}

}  // namespace

bool IsCompetent(const Reading& reading) {
  return reading.utf8 && !reading.too_long && !reading.words.empty() && reading.script.english && !IsMostlyUnknown(reading);
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
