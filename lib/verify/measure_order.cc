// Order of words and arguments, wording, and one text inside the other.
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "text/chars.h"
#include "verify/measures.h"
#include "verify/vectors.h"

namespace reflex::verify {
namespace {

using text::WordType;

// The share of pairs of common words that stand in the other order.
float Inversions(const Side& a, const Side& b) {
  std::unordered_map<std::uint64_t, std::uint32_t> position;
  for (std::uint32_t i = 0; i < b.size(); ++i) position[b.stem[i]] = i;
  std::vector<std::uint32_t> sequence;
  for (const std::uint64_t stem : a.stem) {
    if (const auto found = position.find(stem); found != position.end()) sequence.push_back(found->second);
  }
  std::size_t inverted = 0;
  for (std::size_t p = 1; p < sequence.size(); ++p) {
    for (std::size_t q = 0; q < p; ++q) inverted += sequence[q] > sequence[p];
  }
  const double pairs = static_cast<double>(sequence.size()) * (static_cast<double>(sequence.size()) - 1) / 2;
  return static_cast<float>(static_cast<double>(inverted) / std::max(1., pairs));
}

std::vector<std::uint64_t> ContentStems(const Side& side) {
  std::vector<std::uint64_t> stems;
  for (std::size_t i = 0; i < side.size(); ++i) {
    if (!side.IsFunction(i)) stems.push_back(side.stem[i]);
  }
  return stems;
}

float SortedJaccard(std::vector<std::uint64_t> x, std::vector<std::uint64_t> y) {
  std::ranges::sort(x);
  std::ranges::sort(y);
  if (x.empty() && y.empty()) return 1;
  std::vector<std::uint64_t> common;
  std::ranges::set_intersection(x, y, std::back_inserter(common));
  return static_cast<float>(common.size()) / static_cast<float>(x.size() + y.size() - common.size());
}

std::vector<std::uint64_t> Bigrams(const std::vector<std::uint64_t>& stems) {
  std::vector<std::uint64_t> bigrams;
  for (std::size_t i = 0; i + 1 < stems.size(); ++i) bigrams.push_back(stems[i] * 0x9e3779b97f4a7c15 + stems[i + 1]);
  return bigrams;
}

// The share of A's and B's relations ("x before y") that the other text has as well; 1 when neither has any.
float RelationShare(const Side& a, const Side& b) {
  const auto keys = [](const Side& side) {
    std::vector<std::uint64_t> out;
    for (const text::Relation& relation : side.reading->facts.relations) {
      out.push_back((side.stem[relation.left] * 31 + side.stem[relation.word]) * 31 + side.stem[relation.right]);
    }
    return out;
  };
  return SortedJaccard(keys(a), keys(b));
}

bool HasBreak(std::string_view text, std::size_t begin, std::size_t end) {
  return begin < end && text.substr(begin, end - begin).find_first_of(".!?:;,-\n") != std::string_view::npos;
}

}  // namespace

void MeasureOrder(const Alignment& alignment, Features& out) {
  const Side &a = alignment.a(), &b = alignment.b();
  const auto x = ContentStems(a), y = ContentStems(b);
  At<"orderdiff">(out) = x != y && x.size() == y.size() && std::ranges::is_permutation(x, y);
  At<"inv">(out) = Inversions(a, b);
  At<"charratio">(out) = CommonBytes(a.reading->lower, b.reading->lower);
  At<"firstsame">(out) = a.stem.front() == b.stem.front();
  At<"relation_share">(out) = RelationShare(a, b);
  At<"bigram_jacc">(out) = SortedJaccard(Bigrams(a.stem), Bigrams(b.stem));
  At<"content_jacc">(out) = SortedJaccard(x, y);
  At<"last_same">(out) = !x.empty() && !y.empty() && x.back() == y.back();
  At<"content_lendiff">(out) = static_cast<float>(std::max(x.size(), y.size()) - std::min(x.size(), y.size()));
}

// The shorter text as one run of the longer one's words: what stands before and after it?
void MeasureContainment(const Alignment& alignment, Features& out) {
  const bool a_shorter = alignment.a().size() <= alignment.b().size();
  const Side &inner = a_shorter ? alignment.a() : alignment.b(), &outer = a_shorter ? alignment.b() : alignment.a();
  const auto found = std::ranges::search(outer.stem, inner.stem);
  if (found.empty()) return;
  const std::size_t before = static_cast<std::size_t>(found.begin() - outer.stem.begin()), end = before + inner.size();
  const std::size_t after = outer.size() - end;
  const std::string_view text = outer.reading->prepared;
  At<"contained">(out) = inner.size() == outer.size() ? 2 : 1;
  At<"npre">(out) = static_cast<float>(before);
  At<"nsuf">(out) = static_cast<float>(after);
  const bool apart_before = before == 0 || HasBreak(text, outer.word(before - 1).span.end, outer.word(before).span.begin);
  const bool apart_after = after == 0 || HasBreak(text, outer.word(end - 1).span.end, outer.word(end).span.begin);
  At<"sep">(out) = apart_before && apart_after;
  if (before + after == 0) return;
  float courtesy = 0, typed = 0, weight = 0;
  for (std::size_t i = 0; i < outer.size(); ++i) {
    if (i == before) i = end;
    if (i >= outer.size()) break;
    const text::Word& word = outer.word(i);
    const text::LexiconEntry* entry = text::Lexicon::Get().Find(word.lower);
    courtesy += word.type == WordType::kFunction || (entry && entry->Has(text::LexiconEntry::kCourtesy));
    typed += word.type <= WordType::kAntonym;
    weight = std::max(weight, entry && entry->idf >= 0 ? entry->idf : text::Lexicon::Get().idf_max());
  }
  At<"xboil">(out) = courtesy / static_cast<float>(before + after);
  At<"xtyped">(out) = typed;
  At<"xidf">(out) = weight / text::Lexicon::Get().idf_max();
}

}  // namespace reflex::verify
