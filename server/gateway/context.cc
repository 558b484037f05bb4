#include "gateway/context.h"

#include <charconv>

namespace reflex::gateway {

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHit: return "hit-l1-exact";
    case Outcome::kCanonical: return "hit-l2-canonical";
    case Outcome::kVerified: return "hit-l3-verified";
    case Outcome::kMiss: return "miss";
    case Outcome::kRefresh: return "refresh";
    case Outcome::kBypass: return "bypass";
    case Outcome::kError: return "error";
    case Outcome::kOwn: return "own";
  }
  return "error";
}

void ShortText::Append(std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  Append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

}  // namespace reflex::gateway
