#include "verify/audit.h"

#include <algorithm>
#include <string_view>

#include "text/canonical.h"
#include "text/facts.h"
#include "text/reading.h"
#include "verify/verifier.h"

namespace reflex::verify {
namespace {

// Shares of content words, by weight, that the other answer has as well.
constexpr double kNearlyAll = 0.9, kMostly = 0.5;
// Longer answers hold too many facts for one that differs to mean anything.
constexpr std::size_t kAnswerBytesMax = 16 << 10;

// Guards for what an answer claims. The others are for what a question wants: two right answers may quote, name and code apart.
bool IsClaim(std::string_view guard) {
  constexpr std::string_view kClaims[] = {"numbers", "negation",   "direction", "language",
                                          "entity",  "quantifier", "order",     "antonym"};
  return std::ranges::find(kClaims, guard) != std::end(kClaims);
}

double SharedWeight(const text::Reading& a, const text::Reading& b) {
  double all = 0, shared = 0;
  for (const text::Word& word : a.words) {
    if (word.type == text::WordType::kFunction) continue;
    all += static_cast<double>(word.weight);
    if (b.index.Has(word.stem_hash) || b.index.Has(word.canonical_hash)) shared += static_cast<double>(word.weight);
  }
  return all > 0 ? shared / all : 0;
}

}  // namespace

AuditLabel CompareAnswers(std::string_view served, std::string_view fresh) {
  if (served.empty() || fresh.empty()) return AuditLabel::kUndecided;
  if (served == fresh) return AuditLabel::kRight;
  if (served.size() > kAnswerBytesMax || fresh.size() > kAnswerBytesMax) return AuditLabel::kUndecided;
  if (text::CanonicalText(served) == text::CanonicalText(fresh)) return AuditLabel::kRight;
  const text::Reading a = text::Read(served), b = text::Read(fresh);
  if (!IsCompetent(a) || !IsCompetent(b)) return AuditLabel::kUndecided;
  const double shared = std::min(SharedWeight(a, b), SharedWeight(b, a));
  if (shared < kMostly) return AuditLabel::kUndecided;
  const auto conflicts = text::FindConflicts(a, b);
  if (conflicts.empty()) return shared >= kNearlyAll ? AuditLabel::kRight : AuditLabel::kUndecided;
  const bool claims = std::ranges::any_of(conflicts, [](const text::Conflict& conflict) { return IsClaim(conflict.guard); });
  return claims ? AuditLabel::kWrong : AuditLabel::kUndecided;
}

}  // namespace reflex::verify
