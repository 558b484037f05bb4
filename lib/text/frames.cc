#include "text/frames.h"

#include <algorithm>
#include <span>

#include "text/chars.h"
#include "text/list_lines.h"

extern "C" const char reflex_data_lexicon_frames_begin[];
extern "C" const char reflex_data_lexicon_frames_end[];

namespace reflex::text {
namespace {

// Words a phrase has at most, and words of a text that are looked at.
constexpr std::size_t kFrameWordsMax = 9, kTextWordsMax = 200;

struct Piece {
  std::string_view lower;
  std::uint32_t word = 0;
};

// The hash of a phrase with one more word.
std::uint64_t Longer(std::uint64_t hash, std::string_view word) { return HashWord(word, HashWord(" ", hash)); }

class FrameList {
 public:
  static const FrameList& Get() {
    static const FrameList list;
    return list;
  }

  // The kind of the phrase with this hash; 0 when it is not listed.
  std::uint8_t Find(std::uint64_t hash) const {
    const auto found = std::ranges::lower_bound(rows_, hash, {}, &Row::hash);
    return found != rows_.end() && found->hash == hash ? found->kind : 0;
  }
  // Words of the longest phrase that begins with the word with this hash; 0 when none does.
  std::size_t LongestFrom(std::uint64_t hash) const {
    const auto found = std::ranges::lower_bound(heads_, hash, {}, &Head::hash);
    return found != heads_.end() && found->hash == hash ? found->words : 0;
  }
  std::string_view name(std::uint8_t kind) const {
    return kind == 0 || kind > names_.size() ? std::string_view() : names_[kind - 1u];
  }

 private:
  struct Row {
    std::uint64_t hash = 0;
    std::uint8_t kind = 0;
  };
  struct Head {
    std::uint64_t hash = 0;
    std::size_t words = 0;
  };

  FrameList() {
    ForEachLine(std::string_view(reflex_data_lexicon_frames_begin, reflex_data_lexicon_frames_end), [&](std::string_view line) {
      const std::size_t colon = line.find(": ");
      if (colon == std::string_view::npos || names_.size() == 255) return;
      names_.push_back(line.substr(0, colon));
      const auto kind = static_cast<std::uint8_t>(names_.size());
      ForEachMember(line.substr(colon + 2), kFrameWordsMax, [&](std::string_view phrase) {
        // Cut as texts are, so that "what's" and its like are found.
        const std::vector<Word> words = SplitSingleWords(phrase, kFrameWordsMax);
        if (words.empty()) return;
        std::uint64_t hash = HashWord(words.front().lower);
        heads_.push_back({hash, words.size()});
        for (const Word& word : std::span(words).subspan(1)) hash = Longer(hash, word.lower);
        rows_.push_back({hash, kind});
      });
    });
    // The first line that has a phrase keeps it.
    std::ranges::sort(rows_, [](const Row& a, const Row& b) { return a.hash != b.hash ? a.hash < b.hash : a.kind < b.kind; });
    rows_.erase(std::ranges::unique(rows_, {}, &Row::hash).begin(), rows_.end());
    std::ranges::sort(heads_, [](const Head& a, const Head& b) { return a.hash != b.hash ? a.hash < b.hash : a.words > b.words; });
    heads_.erase(std::ranges::unique(heads_, {}, &Head::hash).begin(), heads_.end());
  }

  std::vector<std::string_view> names_;
  std::vector<Row> rows_;
  std::vector<Head> heads_;
};

}  // namespace

std::uint8_t MarkFrame(std::vector<Word>& words) {
  const FrameList& list = FrameList::Get();
  // Phrases apart again.
  std::vector<Piece> pieces;
  for (std::uint32_t at = 0; at < words.size() && pieces.size() < kTextWordsMax; ++at) {
    for (std::string_view rest = words[at].lower; !rest.empty();) {
      const std::size_t size = std::min(rest.find(' '), rest.size());
      pieces.push_back({rest.substr(0, size), at});
      rest.remove_prefix(std::min(size + 1, rest.size()));
    }
  }
  std::uint8_t kind = 0;
  std::size_t longest = 0, first = 0;
  for (std::size_t begin = 0; begin < pieces.size(); ++begin) {
    std::uint64_t hash = HashWord(pieces[begin].lower);
    const std::size_t most = std::min(list.LongestFrom(hash), pieces.size() - begin);
    for (std::size_t size = 1; size <= most; ++size) {
      if (size > 1) hash = Longer(hash, pieces[begin + size - 1].lower);
      const std::uint8_t found = size > longest ? list.Find(hash) : 0;
      if (found == 0) continue;
      kind = found;
      longest = size;
      first = begin;
    }
  }
  for (std::size_t i = first; i < first + longest;) {
    Word& word = words[pieces[i].word];
    const std::size_t parts = std::max<std::size_t>(word.parts, 1);
    const bool whole = pieces[i].word != (i == 0 ? UINT32_MAX : pieces[i - 1].word) && i + parts <= first + longest;
    const bool plain = word.type == WordType::kContent || word.type == WordType::kAntonym || word.type == WordType::kNumber;
    if (whole && plain) {
      word.type = WordType::kFunction;
      word.weight *= kFunctionWeight;
    }
    i += whole ? parts : 1;
  }
  return kind;
}

std::string_view FrameName(std::uint8_t kind) { return FrameList::Get().name(kind); }

}  // namespace reflex::text
