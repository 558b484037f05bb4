#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace reflex::text {

// What the lists say about one word. The views point into the program's own bytes and live as long as it does.
struct LexiconEntry {
  enum Flag : std::uint16_t {
    kTool = 1,         // A language, tool or platform.
    kEntity = 2,       // Another listed name.
    kFunction = 4,     // Carries little of a question's meaning.
    kNegation = 8,     // Denies.
    kCourtesy = 16,    // Greetings, thanks, small talk.
    kPhraseHead = 32,  // At least one listed phrase begins with this word.
    kPhrase = 64,      // Has a space in it.
    kAntonym = 128,    // Has a listed opposite.
    kTechnical = 256,  // Of programming or of running computers.
  };
  std::string_view word;       // As listed: lower case, or with capitals where only that spelling is meant.
  std::string_view canonical;  // The main form of its group; the word itself where there is none.
  float idf = -1;              // Log of the inverse share of questions that have it; -1: not in the list.
  std::uint16_t flags = 0;
  std::uint8_t phrase_words = 0;  // For a phrase head: words of the longest phrase that begins with it.

  bool Has(Flag flag) const { return (flags & flag) != 0; }
};

// The groups of one kind that a stem belongs to, ascending; two stems are related when they share one.
struct GroupList {
  std::span<const std::uint16_t> groups;
  std::uint64_t bits = 0;  // Bit g % 64 for each group g: most pairs that share none are told apart by this alone.

  bool empty() const { return groups.empty(); }
  bool SharesWith(const GroupList& other) const;
};
struct Kin {
  GroupList synonyms, contrasts, antonyms;
};

// The word lists of models/lexicon. Read once, at the first use; nothing is read before that. Thread-safe.
class Lexicon {
 public:
  static const Lexicon& Get();

  // The entry of a word or phrase (words separated by one space), written as in the list; null when it is not listed.
  const LexiconEntry* Find(std::string_view word) const;
  // The relations of a stem (see Stem); empty spans when it has none.
  Kin FindKin(std::string_view stem) const;
  // Whether the word, lower case and at least four letters, is an English word that spelling repair must leave alone: in the list,
  // a regular form of one in the list ("permissions"), two of them written as one ("codebase"), or a rare word ("nitrite").
  bool Known(std::string_view word) const;
  // Whether the word, lower case, is English or stands in a list as more than a rare word: no typing error.
  bool KnownOrListed(std::string_view word) const;
  // The weight of a word that no list knows; the largest there is.
  float idf_max() const { return idf_max_; }
  std::size_t entry_count() const { return entries_.size(); }

  Lexicon(const Lexicon&) = delete;
  Lexicon& operator=(const Lexicon&) = delete;

 private:
  // A map from views to positions below 2^24 - 1, open addressing.
  class Index {
   public:
    static constexpr std::uint32_t kNone = 0xffffffff;
    template <class KeyOf>
    std::uint32_t Find(std::string_view key, const KeyOf& key_of) const;
    template <class KeyOf>
    void Add(std::string_view key, std::uint32_t position, std::size_t count, const KeyOf& key_of);

   private:
    template <class KeyOf>
    void Grow(std::size_t count, const KeyOf& key_of);
    void Put(std::uint64_t hash, std::uint32_t position);
    // A position and, above it, eight bits of the key's hash: nearly every other key is told apart without being read.
    std::vector<std::uint32_t> slots_;
  };
  bool InKnownList(std::string_view word) const;
  bool IsFormOfKnown(std::string_view word) const;
  bool IsCompound(std::string_view word) const;

  struct KinRow {
    std::string_view stem;
    std::uint32_t begin[3] = {};  // Into groups_, by relation.
    std::uint16_t count[3] = {};
    std::uint64_t bits[3] = {};
  };
  struct Membership {
    std::uint32_t row;
    std::uint16_t relation, group;
  };

  Lexicon();
  LexiconEntry& Entry(std::string_view word);
  void ReadGroups(std::string_view bytes, std::uint16_t flags);
  void ReadWords(std::string_view bytes, std::uint16_t flags);
  void ReadTechnical(std::string_view bytes);
  void ReadWeights(std::string_view bytes);
  void ReadKnown(std::string_view bytes);
  void ReadRelation(std::string_view bytes, std::uint16_t relation, std::vector<Membership>& out);
  void SortRelations(std::vector<Membership>& members);
  void NotePhrase(LexiconEntry& entry);

  std::vector<LexiconEntry> entries_;
  std::vector<KinRow> kin_;
  std::vector<std::uint16_t> groups_;
  Index by_word_, by_stem_;
  Index known_;  // Positions are those of lines in the list of known words.
  float idf_max_ = 0;
};

// The stem of a canonical form: cut of ing, ies, es, ed or s where at least three letters stay and the word has more than four.
std::string_view Stem(std::string_view canonical);

}  // namespace reflex::text
