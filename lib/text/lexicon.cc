#include "text/lexicon.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <string>
#include <tuple>

#include "text/chars.h"
#include "text/edit.h"
#include "text/list_lines.h"

#define REFLEX_LEXICON(kind)                                  \
  extern "C" const char reflex_data_lexicon_##kind##_begin[]; \
  extern "C" const char reflex_data_lexicon_##kind##_end[]
REFLEX_LEXICON(tools);
REFLEX_LEXICON(entities);
REFLEX_LEXICON(aliases);
REFLEX_LEXICON(antonyms);
REFLEX_LEXICON(contrasts);
REFLEX_LEXICON(synonyms);
REFLEX_LEXICON(function_words);
REFLEX_LEXICON(courtesy);
REFLEX_LEXICON(negations);
REFLEX_LEXICON(idf);
REFLEX_LEXICON(known_words);
REFLEX_LEXICON(rare_words);
REFLEX_LEXICON(technical);
#define REFLEX_LEXICON_BYTES(kind) std::string_view(reflex_data_lexicon_##kind##_begin, reflex_data_lexicon_##kind##_end)

namespace reflex::text {
namespace {

enum RelationKind : std::uint16_t { kSynonyms, kContrasts, kAntonyms };
constexpr std::size_t kPhraseWordsMax = 4;
constexpr std::size_t kKnownLettersMin = 4;  // Of each word in the list.

// Of a slot of an index.
constexpr std::uint32_t kPositionMask = 0xffffff;
constexpr std::uint32_t TagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 56) << 24; }

// The known word whose line begins there.
std::string_view KnownAt(std::uint32_t position) {
  const std::string_view bytes = REFLEX_LEXICON_BYTES(known_words);
  return bytes.substr(position, bytes.find('\n', position) - position);
}

// By halving, as the list is only asked about words that the known ones do not explain: an index would cost each process memory.
bool IsRare(std::string_view word) {
  const std::string_view bytes = REFLEX_LEXICON_BYTES(rare_words);
  std::size_t begin = 0, end = bytes.size();
  while (begin < end) {
    std::size_t line = begin + (end - begin) / 2;
    while (line > begin && bytes[line - 1] != '\n') --line;
    const std::string_view found = bytes.substr(line, bytes.find('\n', line) - line);
    if (found == word) return true;
    if (found < word) {
      begin = line + found.size() + 1;
    } else {
      end = line;
    }
  }
  return false;
}

// "plann" of "planned": the last letter twice, after one vowel.
bool EndsDoubled(std::string_view base) {
  const std::size_t n = base.size();
  const auto vowel = [&](std::size_t at) { return Contains("aeiou", base[at]); };
  return n >= 5 && base[n - 1] == base[n - 2] && Contains("bdglmnprt", base[n - 1]) && vowel(n - 3) && !vowel(n - 4);
}

}  // namespace

template <class KeyOf>
std::uint32_t Lexicon::Index::Find(std::string_view key, const KeyOf& key_of) const {
  if (slots_.empty()) return kNone;
  const std::uint64_t hash = HashWord(key);
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const std::uint32_t slot = slots_[at];
    if (slot == kNone) return kNone;
    if ((slot & ~kPositionMask) == TagOf(hash) && key_of(slot & kPositionMask) == key) return slot & kPositionMask;
  }
}

void Lexicon::Index::Put(std::uint64_t hash, std::uint32_t position) {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != kNone) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = TagOf(hash) | position;
}

template <class KeyOf>
void Lexicon::Index::Add(std::string_view key, std::uint32_t position, std::size_t count, const KeyOf& key_of) {
  assert(position < kPositionMask);
  if (count * 2 >= slots_.size()) Grow(count, key_of);
  Put(HashWord(key), position);
}

// Twice the room; the positions up to the newest one are put in again.
template <class KeyOf>
void Lexicon::Index::Grow(std::size_t count, const KeyOf& key_of) {
  std::vector<std::uint32_t> old = std::move(slots_);
  slots_.assign(std::max<std::size_t>(1024, old.size() * 2), kNone);
  while (count * 2 >= slots_.size()) slots_.assign(slots_.size() * 2, kNone);
  for (const std::uint32_t slot : old) {
    if (slot != kNone) Put(HashWord(key_of(slot & kPositionMask)), slot & kPositionMask);
  }
}

const Lexicon& Lexicon::Get() {
  static const Lexicon lexicon;
  return lexicon;
}

Lexicon::Lexicon() {
  entries_.reserve(1 << 14);
  ReadGroups(REFLEX_LEXICON_BYTES(tools), LexiconEntry::kTool);
  ReadGroups(REFLEX_LEXICON_BYTES(entities), LexiconEntry::kEntity);
  ReadWords(REFLEX_LEXICON_BYTES(function_words), LexiconEntry::kFunction);
  ReadWords(REFLEX_LEXICON_BYTES(negations), LexiconEntry::kNegation);
  ReadWords(REFLEX_LEXICON_BYTES(courtesy), LexiconEntry::kCourtesy);
  ReadGroups(REFLEX_LEXICON_BYTES(aliases), 0);
  ReadWeights(REFLEX_LEXICON_BYTES(idf));
  std::vector<Membership> members;
  ReadRelation(REFLEX_LEXICON_BYTES(synonyms), kSynonyms, members);
  ReadRelation(REFLEX_LEXICON_BYTES(contrasts), kContrasts, members);
  ReadRelation(REFLEX_LEXICON_BYTES(antonyms), kAntonyms, members);
  SortRelations(members);
  ReadTechnical(REFLEX_LEXICON_BYTES(technical));
  ReadKnown(REFLEX_LEXICON_BYTES(known_words));
  entries_.shrink_to_fit();
  kin_.shrink_to_fit();
}

LexiconEntry& Lexicon::Entry(std::string_view word) {
  const auto key_of = [this](std::uint32_t position) { return entries_[position].word; };
  const std::uint32_t found = by_word_.Find(word, key_of);
  if (found != Index::kNone) return entries_[found];
  LexiconEntry& entry = entries_.emplace_back();
  entry.word = entry.canonical = word;
  by_word_.Add(word, static_cast<std::uint32_t>(entries_.size() - 1), entries_.size(), key_of);
  return entry;
}

const LexiconEntry* Lexicon::Find(std::string_view word) const {
  const std::uint32_t found = by_word_.Find(word, [this](std::uint32_t position) { return entries_[position].word; });
  return found == Index::kNone ? nullptr : &entries_[found];
}

// A group of names: the first member is the main form of all that have none yet. A word that carries no meaning of its own ("it",
// "us") is never taken for another name, whatever a list says.
void Lexicon::ReadGroups(std::string_view bytes, std::uint16_t flags) {
  ForEachLine(bytes, [&](std::string_view line) {
    std::string_view canonical;
    std::uint16_t inherited = flags;
    ForEachMember(line, kPhraseWordsMax, [&](std::string_view member) {
      LexiconEntry& entry = Entry(member);
      if (canonical.empty()) {
        canonical = entry.canonical;
        inherited |= entry.flags & (LexiconEntry::kTool | LexiconEntry::kEntity);
        if (const LexiconEntry* main = Find(canonical)) inherited |= main->flags & (LexiconEntry::kTool | LexiconEntry::kEntity);
      } else if (entry.canonical == entry.word && !entry.Has(LexiconEntry::kFunction)) {
        entry.canonical = canonical;
      }
      entry.flags |= inherited;
      NotePhrase(entry);
    });
  });
}

void Lexicon::ReadWords(std::string_view bytes, std::uint16_t flags) {
  ForEachLine(bytes, [&](std::string_view line) {
    LexiconEntry& entry = Entry(line);
    entry.flags |= flags;
    NotePhrase(entry);
  });
}

void Lexicon::ReadTechnical(std::string_view bytes) {
  ForEachLine(bytes, [&](std::string_view line) {
    ForEachMember(line, kPhraseWordsMax, [&](std::string_view member) { Entry(member).flags |= LexiconEntry::kTechnical; });
  });
}

// Found by hash: the list is asked for every word of every text that is read.
void Lexicon::ReadKnown(std::string_view bytes) {
  std::size_t count = 0;
  ForEachLine(bytes, [&](std::string_view line) {
    known_.Add(line, static_cast<std::uint32_t>(line.data() - bytes.data()), ++count, KnownAt);
  });
}

void Lexicon::ReadWeights(std::string_view bytes) {
  ForEachLine(bytes, [&](std::string_view line) {
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos) return;
    float weight = 0;
    const std::string_view number = line.substr(space + 1);
    if (std::from_chars(number.data(), number.data() + number.size(), weight).ec != std::errc()) return;
    Entry(line.substr(0, space)).idf = weight;
    idf_max_ = std::max(idf_max_, weight);
  });
}

// Each line is a group; its members' stems get the group's number.
void Lexicon::ReadRelation(std::string_view bytes, std::uint16_t relation, std::vector<Membership>& out) {
  const auto key_of = [this](std::uint32_t position) { return kin_[position].stem; };
  std::uint16_t group = 0;
  ForEachLine(bytes, [&](std::string_view line) {
    if (group == 0xffff) return;
    ++group;
    ForEachMember(line, kPhraseWordsMax, [&](std::string_view member) {
      LexiconEntry& entry = Entry(member);
      NotePhrase(entry);
      if (relation == kAntonyms) entry.flags |= LexiconEntry::kAntonym;
      const std::string_view stem = Stem(entry.canonical);
      std::uint32_t row = by_stem_.Find(stem, key_of);
      if (row == Index::kNone) {
        row = static_cast<std::uint32_t>(kin_.size());
        kin_.push_back({.stem = stem});
        by_stem_.Add(stem, row, kin_.size(), key_of);
      }
      out.push_back({row, relation, group});
    });
  });
}

void Lexicon::SortRelations(std::vector<Membership>& members) {
  std::ranges::sort(members, [](const Membership& a, const Membership& b) {
    return std::tie(a.row, a.relation, a.group) < std::tie(b.row, b.relation, b.group);
  });
  groups_.reserve(members.size());
  for (const Membership& member : members) {
    KinRow& row = kin_[member.row];
    if (row.count[member.relation] == 0) row.begin[member.relation] = static_cast<std::uint32_t>(groups_.size());
    if (row.count[member.relation] > 0 && groups_.back() == member.group) continue;
    ++row.count[member.relation];
    row.bits[member.relation] |= 1ull << (member.group % 64);
    groups_.push_back(member.group);
  }
}

void Lexicon::NotePhrase(LexiconEntry& entry) {
  const std::size_t space = entry.word.find(' ');
  if (space == std::string_view::npos || entry.Has(LexiconEntry::kPhrase)) return;
  entry.flags |= LexiconEntry::kPhrase;
  const auto words = static_cast<std::uint8_t>(std::ranges::count(entry.word, ' ') + 1);
  LexiconEntry& head = Entry(entry.word.substr(0, space));  // May move `entry`: it is not used after this.
  head.flags |= LexiconEntry::kPhraseHead;
  head.phrase_words = std::max(head.phrase_words, words);
}

Kin Lexicon::FindKin(std::string_view stem) const {
  const std::uint32_t found = by_stem_.Find(stem, [this](std::uint32_t position) { return kin_[position].stem; });
  if (found == Index::kNone) return {};
  const KinRow& row = kin_[found];
  const auto list = [&](RelationKind relation) {
    return GroupList{std::span(groups_).subspan(row.begin[relation], row.count[relation]), row.bits[relation]};
  };
  return {.synonyms = list(kSynonyms), .contrasts = list(kContrasts), .antonyms = list(kAntonyms)};
}

bool Lexicon::KnownOrListed(std::string_view word) const {
  const LexiconEntry* entry = Find(word);
  return (entry && (entry->flags != 0 || entry->canonical != entry->word)) || Known(word);
}

bool Lexicon::InKnownList(std::string_view word) const { return known_.Find(word, KnownAt) != Index::kNone; }

bool Lexicon::Known(std::string_view word) const {
  return InKnownList(word) || IsFormOfKnown(word) || IsRare(word) || IsCompound(word);
}

// Regular endings and prefixes; what is left must be in the list.
bool Lexicon::IsFormOfKnown(std::string_view word) const {
  struct Ending {
    std::string_view cut, put, after;  // `after`: the last letter of what is left, if only one will do.
  };
  constexpr auto kEndings = std::to_array<Ending>({{"s", "", ""},
                                                   {"es", "", ""},
                                                   {"ies", "y", ""},
                                                   {"d", "", "e"},
                                                   {"ed", "", ""},
                                                   {"ied", "y", ""},
                                                   {"ing", "", ""},
                                                   {"ing", "e", ""},
                                                   {"er", "", ""},
                                                   {"r", "", "e"},
                                                   {"ers", "", ""},
                                                   {"rs", "", "e"},
                                                   {"ly", "", ""},
                                                   {"ness", "", ""},
                                                   {"less", "", ""},
                                                   {"able", "", ""}});
  constexpr auto kPrefixes = std::to_array<std::string_view>({"un", "non", "pre", "sub", "multi", "over", "under"});
  std::string base;
  for (const auto& [cut, put, after] : kEndings) {
    if (!word.ends_with(cut) || word.size() < cut.size() + kKnownLettersMin) continue;
    base.assign(word.substr(0, word.size() - cut.size()));
    if ((!after.empty() && !base.ends_with(after)) || (cut == "s" && base.ends_with('s'))) continue;
    base.append(put);
    if (InKnownList(base)) return true;
    if (put.empty() && EndsDoubled(base)) {
      base.pop_back();
      // "custommer" is no form of "custom".
      if (InKnownList(base) && !InKnownList(base + std::string(cut))) return true;
    }
  }
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
    return word.starts_with(prefix) && word.size() > prefix.size() + kKnownLettersMin && InKnownList(word.substr(prefix.size()));
  });
}

bool Lexicon::IsCompound(std::string_view word) const {
  // Short words that compounds often begin or end with; others of three letters make a compound of many a mistyped word.
  constexpr WordSet kShortFirst(
      std::to_array<std::string_view>({"end", "key", "web", "out", "off", "log", "net", "sun", "day", "air",
                                       "eye", "ear", "sea", "bed", "car", "dog", "cat", "ice", "low", "mid"}));
  constexpr WordSet kShortLast(
      std::to_array<std::string_view>({"box", "map", "set", "day", "way", "man", "men", "log", "out", "off"}));
  bool found = false;
  for (std::size_t at = 3; at + 3 <= word.size() && !found; ++at) {
    const std::string_view first = word.substr(0, at), last = word.substr(at);
    if (!(first.size() == 3 ? kShortFirst.Has(first) : InKnownList(first))) continue;
    found = last.size() == 3 ? first.size() > 3 && kShortLast.Has(last) : InKnownList(last) || IsFormOfKnown(last);
  }
  // "dolllars" is "dollars" mistyped, not a doll and Lars.
  return found && !AnyNeighbour(word, [&](const std::string& next) { return InKnownList(next) || IsFormOfKnown(next); });
}

std::string_view Stem(std::string_view canonical) {
  if (canonical.size() <= 4) return canonical;
  for (const std::string_view suffix : {"ing", "ies", "es", "ed", "s"}) {
    if (canonical.ends_with(suffix) && canonical.size() - suffix.size() >= 3) {
      return canonical.substr(0, canonical.size() - suffix.size());
    }
  }
  return canonical;
}

bool GroupList::SharesWith(const GroupList& other) const {
  if ((bits & other.bits) == 0) return false;
  auto i = groups.begin(), j = other.groups.begin();
  while (i != groups.end() && j != other.groups.end()) {
    if (*i == *j) return true;
    if (*i < *j) {
      ++i;
    } else {
      ++j;
    }
  }
  return false;
}

}  // namespace reflex::text
