#include "text/script.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/utf8.h"
#include "text/chars.h"
#include "text/lexicon.h"
#include "text/unicode.h"

namespace reflex::text {
namespace {

// Function words of other languages in Latin letters that are no English words.
constexpr WordSet kOtherLanguages(std::to_array<std::string_view>(
    {"auf", "aus",   "avec", "bei",    "como",   "con", "cómo",  "cosa", "cuál",  "dans",  "das", "dei",  "del",  "della",
     "dem", "den",   "der",  "des",    "di",     "dla", "du",    "eine", "einen", "einer", "el",  "en",   "er",   "es",
     "est", "et",    "för",  "für",    "gli",    "het", "hoe",   "hur",  "ich",   "il",    "ist", "je",   "jest", "kann",
     "las", "le",    "les",  "los",    "mit",    "mon", "nicht", "och",  "où",    "para",  "per", "pour", "por",  "pourquoi",
     "qu",  "quais", "que",  "quel",   "quelle", "qué", "sich",  "sie",  "som",   "sont",  "sur", "una",  "und",  "une",
     "van", "vom",   "von",  "wann",   "warum",  "wat", "wie",   "wo",   "zu",    "zum",   "zur", "è",    "är",   "być",
     "się", "não",   "uma",  "também", "mój",    "ile", "nie",   "czy",  "jak",   "ve",    "bir", "için", "nasıl"}));

}  // namespace

ScriptShare ReadScript(std::string_view text) {
  std::size_t cut = std::min(text.size(), kScriptBytes);
  while (cut > 0 && cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  text = text.substr(0, cut);
  const Lexicon& lexicon = Lexicon::Get();
  std::size_t letters = 0, foreign = 0, function = 0, other = 0;
  ScriptShare share;
  std::string word;
  const auto flush = [&] {
    if (word.empty()) return;
    const std::string lower = ToLowerUnicode(word);
    const LexiconEntry* entry = lexicon.Find(lower);
    ++share.words;
    function += entry &&
                (entry->Has(LexiconEntry::kFunction) || entry->Has(LexiconEntry::kCourtesy) || entry->Has(LexiconEntry::kNegation));
    other += kOtherLanguages.Has(lower);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::DecodeAt(text, at);
    if ((c.value < 0x80 && IsAlpha(text[at])) || IsLatinLetter(c.value)) {
      word.append(text.substr(at, c.length));
      ++letters;
    } else {
      flush();
      if (IsForeignLetter(c.value)) {
        ++letters;
        ++foreign;
      }
    }
    at += c.length;
  }
  flush();
  share.foreign = letters == 0 ? 0 : static_cast<double>(foreign) / static_cast<double>(letters);
  share.function = share.words == 0 ? 0 : static_cast<double>(function) / static_cast<double>(share.words);
  // A word or two of another language may be what an English question is about.
  share.english = share.foreign <= 0.25 &&
                  (other < 2 || static_cast<double>(other) <= 0.15 * static_cast<double>(share.words) || function > other);
  return share;
}

}  // namespace reflex::text
