#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "text/canonical.h"
#include "text/chars.h"
#include "text/edit.h"
#include "text/lexicon.h"

namespace reflex::text {
namespace {

// A greeting is looked for in this many bytes from either end, so that a long text costs no more than a short one.
constexpr std::size_t kReachBytes = 1024;
// Longer texts keep what stands around them.
constexpr std::size_t kTextBytesMax = 16 << 10;
constexpr std::string_view kCurlyApostrophe = "\xe2\x80\x99";

bool IsWordByte(std::string_view text, std::size_t at) { return IsAlpha(text[at]) || text[at] == '\''; }

// Calls `take` with each word, lower case, curly apostrophes made straight, until it answers false. False then, and when a byte is
// no letter, space or plain punctuation, which no small talk needs.
template <class Take>
bool ForEachPlainWord(std::string_view text, const Take& take) {
  std::string word;
  for (std::size_t at = 0; at <= text.size();) {
    if (at < text.size() && IsWordByte(text, at)) {
      word.push_back(ToLower(text[at++]));
    } else if (text.substr(std::min(at, text.size())).starts_with(kCurlyApostrophe)) {
      word.push_back('\'');
      at += kCurlyApostrophe.size();
    } else {
      if (!word.empty() && !take(std::string_view(word))) return false;
      word.clear();
      if (at < text.size() && !IsSpace(text[at]) && !Contains(".,!?:;-", text[at])) return false;
      ++at;
    }
  }
  return true;
}

// Words that make a run of courtesy words a greeting, thanks or an announcement of a question.
constexpr WordSet kCore(std::to_array<std::string_view>(
    {"hi",      "hello",   "hey",         "howdy",    "yo",      "greetings", "dear",      "please",    "pls",      "plz",
     "kindly",  "thanks",  "thank",       "thankyou", "thx",     "ty",        "cheers",    "tia",       "ta",       "appreciate",
     "sorry",   "obliged", "appreciated", "grateful", "regards", "morning",   "evening",   "afternoon", "question", "wondering",
     "curious", "asking",  "help",        "asap",     "urgent",  "btw",       "hope",      "hoping",    "wondered", "nice",
     "great",   "ok",      "okay",        "well",     "so",      "bother",    "bothering", "fyi",       "idea",     "ideas",
     "stuck",   "asked",   "remember",    "forgot",   "advance"}));
// A sentence that says only that the answer is needed, and when ("I have to get this done before lunch."): it has a
// speaker, a need and behind it an object, and holds no word but these, courtesy and the rest. What is to be done
// with a text ("I need to fix this.") is no such sentence.
constexpr WordSet kSpeaker(std::to_array<std::string_view>({"i", "i'm", "i've", "i'd", "im", "we", "we're", "we've", "me", "us"}));
constexpr WordSet kObject(std::to_array<std::string_view>({"this", "it", "that"}));
constexpr WordSet kNeed(std::to_array<std::string_view>({"need", "needs", "needed", "want", "wanted", "sort", "sorted", "get",
                                                         "getting", "finish", "finished", "done", "do", "wrap"}));
constexpr WordSet kNeedRest(std::to_array<std::string_view>(
    {"must",     "have",  "gotta",   "to",    "out",    "up",     "before",  "after",     "until",    "till",    "within",
     "during",   "lunch", "dinner",  "work",  "school", "class",  "noon",    "tomorrow",  "weekend",  "meeting", "exam",
     "deadline", "still", "finally", "later", "early",  "monday", "tuesday", "wednesday", "thursday", "friday",  "sunday"}));

// Courtesy words that ask for something when they stand beside "answer": "short answer please" is a constraint.
constexpr std::array<std::string_view, 4> kSize = {"short", "simple", "small", "quick"};
constexpr std::array<std::string_view, 3> kSized = {"question", "thing", "one"};
// Where the text is about wording, a greeting may be what it is about.
constexpr WordSet kWording(std::to_array<std::string_view>(
    {"translate", "translation", "say",       "says",    "saying",   "said",    "mean",     "means",     "meaning",  "spell",
     "spelling",  "spelled",     "pronounce", "reply",   "respond",  "rewrite", "rephrase", "proofread", "grammar",  "correct",
     "sentence",  "sentences",   "phrase",    "phrases", "greeting", "greet",   "rhyme",    "rhymes",    "classify", "sentiment"}));

// The core word that an unknown word of six letters and more is meant for; empty when there is none.
std::string_view MeantCore(std::string_view word) {
  constexpr std::size_t kLettersMin = 6;
  if (word.size() < kLettersMin || Lexicon::Get().KnownOrListed(word)) return {};
  return kCore.Find([&](std::string_view core) {
    return core.size() + 1 >= kLettersMin && core.front() == word.front() && OneEditApart(word, core);
  });
}

// A piece of text that holds nothing but courtesy.
bool IsCourtesy(std::string_view segment) {
  const Lexicon& lexicon = Lexicon::Get();
  std::size_t words = 0;
  bool core = false, size = false, sized = false;
  const bool plain = ForEachPlainWord(segment, [&](std::string_view word) {
    if (const std::string_view meant = MeantCore(word); !meant.empty()) word = meant;
    const LexiconEntry* entry = lexicon.Find(word);
    ++words;
    core = core || kCore.Has(word);
    size = size || IsOneOf(kSize, word);
    sized = sized || IsOneOf(kSized, word);
    return word == "and" || (entry && entry->Has(LexiconEntry::kCourtesy) && word != "today");
  });
  return plain && words > 0 && (core || sized) && (!size || sized);
}

// Whether a piece of text that ends a sentence says only that the answer is needed.
bool IsNeed(std::string_view segment) {
  const Lexicon& lexicon = Lexicon::Get();
  bool speaker = false, object = false, need = false;
  const bool plain = ForEachPlainWord(segment, [&](std::string_view word) {
    speaker = speaker || kSpeaker.Has(word);
    object = object || (need && kObject.Has(word));
    need = need || kNeed.Has(word);
    const LexiconEntry* entry = lexicon.Find(word);
    return kNeed.Has(word) || kNeedRest.Has(word) || (entry && entry->Has(LexiconEntry::kCourtesy));
  });
  const std::size_t end = segment.find_last_not_of(" \t\r\n");
  return plain && speaker && object && end != std::string_view::npos && (Contains(".!", segment[end]) || segment.contains('\n'));
}

bool IsSmallTalk(std::string_view segment) { return IsCourtesy(segment) || IsNeed(segment); }

bool IsAboutWording(std::string_view text) {
  bool found = false;
  std::string word;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && IsAlpha(text[at])) {
      word.push_back(ToLower(text[at]));
      continue;
    }
    found = found || kWording.Has(word);
    word.clear();
  }
  return found;
}

// Whether words stand between double quotes: what a text about wording is about, so that a greeting outside them is one.
bool HasQuotation(std::string_view text) {
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>("\"", "\""), {"\xe2\x80\x9c", "\xe2\x80\x9d"}}) {
    const std::size_t begin = text.find(open);
    if (begin != std::string_view::npos && text.find(close, begin + open.size() + 1) != std::string_view::npos) return true;
  }
  return false;
}

// The end of the segment that begins at `begin`: up to and with its punctuation and the spaces after it.
std::size_t SegmentEnd(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  const auto stop = [&](std::size_t i) { return Contains(".,!?:;\n", text[i]); };
  while (at < text.size() && !stop(at)) ++at;
  while (at < text.size() && (stop(at) || IsSpace(text[at]))) ++at;
  return at;
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view DropLeadingSegments(std::string_view text) {
  std::size_t reach = 0;
  while (reach < kReachBytes) {
    const std::size_t end = SegmentEnd(text, 0);
    if (end >= text.size() || !IsSmallTalk(text.substr(0, end))) break;
    text.remove_prefix(end);
    reach += end;
  }
  return text;
}

// Segments are cut from the end of the text backwards; one after a colon is what the colon announced.
std::string_view DropTrailingSegments(std::string_view text) {
  const std::size_t floor = text.size() > kReachBytes ? text.size() - kReachBytes : 0;
  std::vector<std::size_t> begins;
  std::size_t at = floor == 0 ? 0 : SegmentEnd(text, floor);
  while (at < text.size()) {
    begins.push_back(at);
    at = SegmentEnd(text, at);
  }
  while (begins.size() > (floor == 0 ? 1u : 0u)) {
    const std::size_t begin = begins.back();
    if (!IsSmallTalk(text.substr(begin)) || TrimSpace(text.substr(0, begin)).ends_with(':')) break;
    text = text.substr(0, begin);
    begins.pop_back();
    // The full stop that parted code from the thanks.
    const std::string_view rest = TrimSpace(text);
    if (rest.ends_with("}.") || rest.ends_with(";.")) text = rest.substr(0, rest.size() - 1);
  }
  return text;
}

std::size_t WordLength(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size() && IsWordByte(text, size)) ++size;
  return size;
}

// "please", "hi there" and the like that no punctuation separates from the question.
std::string_view DropLeadingWord(std::string_view text) {
  constexpr std::array<std::string_view, 9> kWords = {"please", "pls", "kindly", "hi", "hello", "hey", "ok", "okay", "so"};
  const std::size_t size = WordLength(text);
  const std::string word = LowerAscii(text.substr(0, size));
  if (!IsOneOf(kWords, word) || size >= text.size() || !IsSpace(text[size])) return text;
  std::string_view rest = TrimSpace(text.substr(size));
  if ((word == "hi" || word == "hello" || word == "hey") && LowerAscii(rest.substr(0, 6)) == "there ")
    rest = TrimSpace(rest.substr(6));
  return rest.size() > 3 && IsAlnum(rest.front()) ? rest : text;
}

std::string_view DropTrailingWord(std::string_view text) {
  constexpr std::array<std::string_view, 8> kWords = {"please", "pls", "plz", "thanks", "thx", "cheers", "tia", "ta"};
  // After these a word is part of the sentence: "the plot of Cheers".
  constexpr std::array<std::string_view, 19> kBefore = {"of",   "and", "or", "to", "than", "a",      "an",    "the", "with",   "in",
                                                        "from", "by",  "is", "no", "not",  "called", "named", "for", "between"};
  std::string_view body = text;
  while (!body.empty() && Contains(".!?", body.back())) body.remove_suffix(1);
  if (LowerAscii(body.substr(body.size() - std::min<std::size_t>(body.size(), 10))) == " thank you") {
    body.remove_suffix(4);  // "thank" is looked at as one word.
  }
  std::size_t begin = body.size();
  while (begin > 0 && IsAlpha(body[begin - 1])) --begin;
  const std::string word = LowerAscii(body.substr(begin));
  if (begin == 0 || !IsSpace(body[begin - 1]) || (word != "thank" && !IsOneOf(kWords, word))) return text;
  const std::string_view rest = TrimSpace(body.substr(0, begin));
  std::size_t before = rest.size();
  while (before > 0 && IsAlpha(rest[before - 1])) --before;
  return rest.size() <= 3 || IsOneOf(kBefore, LowerAscii(rest.substr(before))) ? text : rest;
}

}  // namespace

std::string_view WithoutCourtesy(std::string_view text) {
  text = TrimSpace(text);
  const bool wording = IsAboutWording(text);
  if (text.size() > kTextBytesMax || (wording && !HasQuotation(text))) return text;
  for (;;) {
    const std::string_view before = text;
    std::string_view rest = TrimSpace(DropTrailingSegments(DropLeadingSegments(text)));
    if (!wording) rest = DropTrailingWord(DropLeadingWord(rest));
    if (rest.empty()) return before;
    text = rest;
    if (text.size() == before.size()) return text;
  }
}

}  // namespace reflex::text
