#pragma once

#include <optional>

#include "text/facts.h"

// The guards that look for words that exclude each other, and for two things that change places. Thread-safe; linear in the texts'
// words but for the few that have a listed opposite.
namespace reflex::text {

// A word here, its listed opposite there ("encrypt", "decrypt"), or a listed contrast that is all that differs.
std::optional<Conflict> FindAntonymConflict(const Reading& a, const Reading& b);

// "A to B" here, "B to A" there, each name once, with the same word between.
std::optional<Conflict> FindOrderConflict(const Reading& a, const Reading& b);

// As FindOrderConflict, with any word between.
bool AreSwapped(const Reading& a, const Reading& b);

// "A is higher than B", "B is lower than A": opposite comparatives, and two words in another order.
bool AreTurnedRound(const Reading& a, const Reading& b);

}  // namespace reflex::text
