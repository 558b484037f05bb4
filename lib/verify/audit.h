#pragma once

#include <cstdint>
#include <string_view>

namespace reflex::verify {

enum class AuditLabel : std::uint8_t { kRight, kWrong, kUndecided };

// Compares the answer that was served with one just given to the question. Wrong only where both say much the same and a fact
// differs; right where they are equal but for form, or nearly so; undecided otherwise, which is what most long answers are. Never
// sure: controls measure how often it errs. Linear for long texts, thread-safe.
AuditLabel CompareAnswers(std::string_view served, std::string_view fresh);

// Which hits are audited.
struct AuditSampling {
  double share = 0;               // Of semantic hits, 0 to 1; 0: none.
  std::uint32_t per_minute = 10;  // At most; a minute counts from its first audit.
};

enum class AuditKind : std::uint8_t { kNone, kHit, kControl };

// What ShouldAudit remembers. Not thread-safe.
struct AuditState {
  double due = 0;
  std::uint64_t chosen = 0;
  std::int64_t minute_began_ns = 0;
  std::uint32_t in_minute = 0;
};

inline constexpr std::uint64_t kControlEvery = 5;

// For every semantic hit, once: whether it is to be audited, spread evenly by a counter. One audit in five is a control: the cached
// question itself is asked again. `now_ns`: a steady clock.
AuditKind ShouldAudit(const AuditSampling& sampling, AuditState& state, std::int64_t now_ns);

}  // namespace reflex::verify
