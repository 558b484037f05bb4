#pragma once

#include <cstdint>
#include <string_view>

namespace reflex::verify {

enum class AuditLabel : std::uint8_t { kRight, kWrong, kUndecided };

// Compares the answer that was served with one just given to the question. Wrong only where both say much the same and a fact
// differs; right where they are equal but for form, or nearly so; undecided otherwise, which is what most long answers are. Never
// sure: controls measure how often it errs. Linear for long texts, thread-safe.
AuditLabel CompareAnswers(std::string_view served, std::string_view fresh);

}  // namespace reflex::verify
