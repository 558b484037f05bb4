#include "text/reading.h"

#include <algorithm>
#include <tuple>

#include "base/utf8.h"
#include "text/canonical.h"
#include "text/chars.h"
#include "text/frames.h"
#include "text/respell.h"
#include "text/tasks.h"
#include "text/unicode.h"

namespace reflex::text {
namespace {

// Symbols that are no plain punctuation; hyphens inside words and full stops, question and exclamation marks before a space are
// none.
std::vector<std::uint32_t> Symbols(std::string_view text) {
  std::vector<std::uint32_t> symbols;
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::DecodeAt(text, at);
    const std::size_t next = at + c.length;
    if (c.value < 0x80) {
      const char byte = text[at];
      const bool hyphen = byte == '-' && at > 0 && next < text.size() && IsAlpha(text[at - 1]) && IsAlpha(text[next]);
      if (!hyphen && !IsAlnum(byte) && !IsSpace(byte) && !Contains("_.,!?;:'\"()", byte)) symbols.push_back(c.value);
    } else if (!IsLatinLetter(c.value) && !IsForeignLetter(c.value)) {
      symbols.push_back(c.value);
    }
    at = next;
  }
  std::ranges::sort(symbols);
  return symbols;
}

}  // namespace

WordIndex::WordIndex(const std::vector<Word>& words) {
  stems_.reserve(words.size());
  canonicals_.reserve(words.size());
  for (std::uint32_t at = 0; at < words.size(); ++at) {
    stems_.push_back({words[at].stem_hash, at});
    canonicals_.push_back(words[at].canonical_hash);
  }
  std::ranges::sort(stems_,
                    [](const Place& a, const Place& b) { return std::tie(a.hash, a.position) < std::tie(b.hash, b.position); });
  std::ranges::sort(canonicals_);
}

std::uint32_t WordIndex::FirstOfStem(std::uint64_t hash) const {
  const auto found = std::ranges::lower_bound(stems_, hash, {}, &Place::hash);
  return found != stems_.end() && found->hash == hash ? static_cast<std::uint32_t>(found - stems_.begin()) : kNone;
}

bool WordIndex::Has(std::uint64_t hash) const { return HasStem(hash) || std::ranges::binary_search(canonicals_, hash); }

std::uint32_t WordIndex::OnlyOfStem(std::uint64_t hash) const {
  const std::uint32_t first = FirstOfStem(hash);
  if (first == kNone || (first + 1 < stems_.size() && stems_[first + 1].hash == hash)) return kNone;
  return stems_[first].position;
}

Reading Read(std::string_view text) {
  Reading reading;
  reading.utf8 = base::IsUtf8(text);
  if (!reading.utf8) return reading;
  reading.prepared = PreparedText(text);
  reading.lower = LowerAscii(reading.prepared);
  reading.words = SplitWords(reading.prepared, kReadingWordsMax + 1);
  reading.too_long = reading.words.size() > kReadingWordsMax;
  if (reading.too_long) reading.words.resize(kReadingWordsMax);
  reading.frame = MarkFrame(reading.words);
  reading.index = WordIndex(reading.words);
  reading.script = ReadScript(reading.prepared);
  if (reading.too_long) return reading;
  reading.tokens = TokenText(reading.prepared);
  reading.tasks = FindTasks(reading.tokens);
  reading.leading_task = LeadingTask(reading.tokens);
  reading.task_verbs = FindTaskVerbs(reading.tokens);
  reading.unknown = FindUnknown(reading.lower);
  reading.symbols = Symbols(reading.prepared);
  reading.facts = FindFacts(WithoutCourtesy(text), reading.prepared, reading.words);
  return reading;
}

}  // namespace reflex::text
