#include "verify/alignment.h"

#include <algorithm>

#include "text/chars.h"
#include "text/edit.h"
#include "text/lexicon.h"
#include "verify/vectors.h"

namespace reflex::verify {
namespace {

// Similarities that do not come from vectors; measured with the recipe of the features.
constexpr float kSameStem = 0.97f, kSynonym = 0.9f, kContrast = 0.35f;
constexpr std::size_t kTypoLettersMin = 4;

Side MakeSide(const Reading& reading, const Embedding& embedding) {
  Side side;
  side.reading = &reading;
  side.vectors = embedding.words;
  side.dimension = embedding.text.size();
  const std::size_t count = reading.words.size();
  side.stem.reserve(count);
  side.canonical.reserve(count);
  side.kin.reserve(count);
  for (const text::Word& word : reading.words) {
    side.stem.push_back(word.stem_hash);
    side.canonical.push_back(word.canonical_hash);
    side.kin.push_back(&word.kin);
  }
  side.matched.assign(count, 0);
  side.by_synonym.assign(count, 0);
  side.best.assign(count, 0);
  return side;
}

std::vector<std::uint64_t> Sorted(std::vector<std::uint64_t> values) {
  std::ranges::sort(values);
  return values;
}

bool IsRepairable(const text::Word& word) {
  return word.lower.size() >= kTypoLettersMin && word.type != text::WordType::kIdentifier &&
         std::ranges::all_of(word.lower, text::IsAlpha);
}

}  // namespace

Alignment::Alignment(const Reading& a, const Reading& b, const Embedding& ea, const Embedding& eb)
    : a_(MakeSide(a, ea)), b_(MakeSide(b, eb)) {
  RepairTypos();
  Match();
  FillBlock();
  ApplyLists();
  for (std::size_t i = 0; i < a_.left.size(); ++i) {
    for (std::size_t j = 0; j < b_.left.size(); ++j) {
      a_.best[a_.left[i]] = std::max(a_.best[a_.left[i]], Left(i, j));
      b_.best[b_.left[j]] = std::max(b_.best[b_.left[j]], Left(i, j));
    }
  }
  const auto mark = [](Side& side) {
    for (const std::uint32_t i : side.left) side.by_synonym[i] = side.by_synonym[i] && side.best[i] <= kSynonym + 1e-6f;
  };
  mark(a_);
  mark(b_);
}

// An unmatched word that is no English word and is one edit away from an unmatched one that is counts as that word. The first
// letter stays: people seldom miss it, and "methanol" is not "ethanol".
void Alignment::RepairTypos() {
  const text::WordIndex &index_a = a_.reading->index, &index_b = b_.reading->index;
  const text::Lexicon& lexicon = text::Lexicon::Get();
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t j = 0; j < b_.size(); ++j) {
    if (!index_a.HasStem(b_.stem[j]) && IsRepairable(b_.word(j))) candidates.push_back(j);
  }
  for (std::uint32_t i = 0; i < a_.size() && !candidates.empty(); ++i) {
    const text::Word& word = a_.word(i);
    if (index_b.HasStem(a_.stem[i]) || !IsRepairable(word)) continue;
    for (const std::uint32_t j : candidates) {
      const text::Word& other = b_.word(j);
      if (word.lower.front() != other.lower.front() || !text::MayBeMistyped(word.lower, other.lower) || index_a.HasStem(b_.stem[j]))
        continue;
      const bool known = lexicon.KnownOrListed(word.lower);
      if (known == lexicon.KnownOrListed(other.lower)) continue;
      Side &from = known ? a_ : b_, &to = known ? b_ : a_;
      const std::uint32_t source = known ? i : j, target = known ? j : i;
      to.stem[target] = from.stem[source];
      to.canonical[target] = from.canonical[source];
      to.kin[target] = from.kin[source];
      ++typos_;
      break;
    }
  }
}

void Alignment::Match() {
  const auto match = [](Side& side, const Side& other) {
    const std::vector<std::uint64_t> stems = Sorted(other.stem), canonicals = Sorted(other.canonical);
    for (std::uint32_t i = 0; i < side.size(); ++i) {
      side.matched[i] = std::ranges::binary_search(stems, side.stem[i]);
      if (!side.matched[i]) {
        side.left.push_back(i);
        side.best[i] = -1;
      } else if (std::ranges::binary_search(canonicals, side.canonical[i])) {
        side.best[i] = 1;
      } else {
        side.best[i] = kSameStem;
      }
    }
  };
  match(a_, b_);
  match(b_, a_);
}

// Unmatched words against all words of the other text: what matched words offer is final, the rest goes into the block.
void Alignment::FillBlock() {
  std::vector<float> row(std::max(a_.size(), b_.size()));
  block_.resize(a_.left.size() * b_.left.size());
  for (std::size_t i = 0; i < a_.left.size(); ++i) {
    const std::span<float> out(row.data(), b_.size());
    DotRows(a_.Row(a_.left[i]), b_.vectors, out);
    for (std::size_t j = 0; j < out.size(); ++j) {
      if (b_.matched[j]) a_.best[a_.left[i]] = std::max(a_.best[a_.left[i]], out[j]);
    }
    for (std::size_t j = 0; j < b_.left.size(); ++j) block_[i * b_.left.size() + j] = out[b_.left[j]];
  }
  // The other way round only matched words are left to look at.
  std::vector<float> matched;
  std::size_t count = 0;
  for (std::size_t i = 0; i < a_.size(); ++i) {
    if (!a_.matched[i]) continue;
    const std::span<const float> vector = a_.Row(i);
    matched.insert(matched.end(), vector.begin(), vector.end());
    ++count;
  }
  for (const std::uint32_t j : b_.left) {
    const std::span<float> out(row.data(), count);
    DotRows(b_.Row(j), matched, out);
    for (const float similarity : out) b_.best[j] = std::max(b_.best[j], similarity);
  }
}

void Alignment::ApplyLists() {
  contrasted_.assign(block_.size(), 0);
  for (std::size_t i = 0; i < a_.left.size(); ++i) {
    const text::Kin& x = *a_.kin[a_.left[i]];
    if (x.contrasts.empty() && x.synonyms.empty() && x.antonyms.empty()) continue;
    for (std::size_t j = 0; j < b_.left.size(); ++j) {
      const text::Kin& y = *b_.kin[b_.left[j]];
      float& similarity = block_[i * b_.left.size() + j];
      if (x.contrasts.SharesWith(y.contrasts) || x.antonyms.SharesWith(y.antonyms)) {
        ++contrasts_;
        contrasted_[i * b_.left.size() + j] = 1;
        similarity = std::min(similarity, kContrast);
      } else if (x.synonyms.SharesWith(y.synonyms)) {
        ++synonyms_;
        phrase_synonyms_ += a_.word(a_.left[i]).parts > 1 || b_.word(b_.left[j]).parts > 1;
        if (similarity <= kSynonym) {
          similarity = kSynonym;
          a_.by_synonym[a_.left[i]] = b_.by_synonym[b_.left[j]] = 1;
        }
      }
    }
  }
}

}  // namespace reflex::verify
