#include "text/opposites.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "text/reading.h"

namespace reflex::text {
namespace {

using Found = std::optional<Conflict>;

// "A to B" here, "B to A" there, each name once; with the same word between unless `any_word`.
Found Swapped(const Reading& a, const Reading& b, bool any_word) {
  for (const Relation& relation : a.facts.relations) {
    const Word &left = a.words[relation.left], &right = a.words[relation.right];
    const std::uint32_t left_b = b.index.OnlyOfStem(left.stem_hash), right_b = b.index.OnlyOfStem(right.stem_hash);
    if (left_b == WordIndex::kNone || right_b == WordIndex::kNone || left_b <= right_b) continue;
    if (a.index.OnlyOfStem(left.stem_hash) == WordIndex::kNone || a.index.OnlyOfStem(right.stem_hash) == WordIndex::kNone) continue;
    for (const Relation& other : b.facts.relations) {
      if (other.left != right_b || other.right != left_b) continue;
      if (any_word || b.words[other.word].lower == a.words[relation.word].lower) {
        return Conflict{"order", left.lower + " " + a.words[relation.word].lower + " " + right.lower,
                        right.lower + " " + b.words[other.word].lower + " " + left.lower};
      }
    }
  }
  return std::nullopt;
}

// Whether two words that both texts have once stand in another order.
bool HasInversion(const Reading& a, const Reading& b) {
  std::uint32_t last = 0;
  for (const Word& word : a.words) {
    if (word.type == WordType::kFunction || a.index.OnlyOfStem(word.stem_hash) == WordIndex::kNone) continue;
    const std::uint32_t position = b.index.OnlyOfStem(word.stem_hash);
    if (position == WordIndex::kNone) continue;
    if (position < last) return true;
    last = position;
  }
  return false;
}

// "A is bigger than B" turned round is "B is smaller than A".
bool IsComparative(std::string_view word) {
  constexpr auto kOthers =
      std::to_array<std::string_view>({"more", "less", "fewer", "worse", "before", "after", "above", "below", "over", "under"});
  return word.ends_with("er") || std::ranges::find(kOthers, word) != kOthers.end();
}

bool HasOpposite(const Word& word) { return !word.kin.antonyms.empty() || !word.root_opposites.empty(); }

// Whether the words exclude each other, in whatever form either is.
bool AreOpposites(const Word& x, const Word& y) {
  if (x.root_hash == y.root_hash) return false;
  const auto share = [](const GroupList& own, const Word& other) {
    return own.SharesWith(other.kin.antonyms) || own.SharesWith(other.root_opposites);
  };
  return share(x.kin.antonyms, y) || share(x.root_opposites, y);
}

struct Opposable {
  const Word* word;
  bool both;  // The text names its opposite too ("advantages and disadvantages"): it does not stand on one side.
};

// The words of a text that have an opposite and are in the other text in no form.
std::vector<Opposable> FindOpposable(const Reading& reading, const Reading& other) {
  constexpr std::size_t kOpposableMax = 64;  // A text with more asks no one thing.
  std::vector<Opposable> found;
  for (const Word& word : reading.words) {
    if (!HasOpposite(word) || found.size() == kOpposableMax) continue;
    if (std::ranges::any_of(other.words, [&](const Word& next) { return next.root_hash == word.root_hash; })) continue;
    found.push_back({&word, std::ranges::any_of(reading.words, [&](const Word& next) { return AreOpposites(word, next); })});
  }
  return found;
}

// A word of A and its listed opposite in B, neither in both texts; only comparatives if asked so.
std::optional<std::pair<const Word*, const Word*>> FindOpposites(const Reading& a, const Reading& b, bool comparatives) {
  const std::vector<Opposable> of_a = FindOpposable(a, b);
  if (of_a.empty()) return std::nullopt;
  const std::vector<Opposable> of_b = FindOpposable(b, a);
  for (const auto& [word, both_a] : of_a) {
    for (const auto& [other, both_b] : of_b) {
      if (comparatives && !(IsComparative(word->lower) && IsComparative(other->lower))) continue;
      if (!(both_a && both_b) && AreOpposites(*word, *other)) return std::pair(word, other);
    }
  }
  return std::nullopt;
}

// A listed contrast that is all that differs: words that exclude each other, in a middle of one or two words, as many on either
// side.
Found OnlyContrast(const Reading& a, const Reading& b) {
  constexpr std::size_t kMiddleMax = 2;
  const auto same = [](const Word& x, const Word& y) { return x.stem_hash == y.stem_hash; };
  const auto first = std::ranges::mismatch(a.words, b.words, same);
  const auto begin = static_cast<std::size_t>(first.in1 - a.words.begin());
  std::size_t end_a = a.words.size(), end_b = b.words.size();
  while (end_a > begin && end_b > begin && same(a.words[end_a - 1], b.words[end_b - 1])) {
    --end_a;
    --end_b;
  }
  if (end_a != end_b || end_a - begin > kMiddleMax) return std::nullopt;
  for (std::size_t i = begin; i < end_a; ++i) {
    for (std::size_t j = begin; j < end_b; ++j) {
      const Word &x = a.words[i], &y = b.words[j];
      if (x.kin.contrasts.SharesWith(y.kin.contrasts) && !x.kin.synonyms.SharesWith(y.kin.synonyms))
        return Conflict{"antonym", x.lower, y.lower};
    }
  }
  return std::nullopt;
}

}  // namespace

Found FindAntonymConflict(const Reading& a, const Reading& b) {
  // A denial more on one side turns an opposite round again.
  if (a.facts.negations.size() % 2 == b.facts.negations.size() % 2) {
    if (const auto pair = FindOpposites(a, b, false)) return Conflict{"antonym", pair->first->lower, pair->second->lower};
  }
  return OnlyContrast(a, b);
}

Found FindOrderConflict(const Reading& a, const Reading& b) { return Swapped(a, b, false); }

bool AreSwapped(const Reading& a, const Reading& b) { return Swapped(a, b, true).has_value(); }

bool AreTurnedRound(const Reading& a, const Reading& b) { return FindOpposites(a, b, true) && HasInversion(a, b); }

}  // namespace reflex::text
