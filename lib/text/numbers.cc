#include "text/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "text/chars.h"
#include "text/units.h"

namespace reflex::text {
namespace {

constexpr auto kMonths = std::to_array<std::string_view>(
    {"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"});

// Reads "12", "1.5"; the rest of the word stays in `rest`. Nothing when the word does not begin with a digit.
std::optional<double> TakeNumber(std::string_view& rest) {
  std::size_t size = 0;
  while (size < rest.size() && size < 18 && IsDigit(rest[size])) ++size;
  if (size == 0) return std::nullopt;
  if (size + 1 < rest.size() && rest[size] == '.' && IsDigit(rest[size + 1])) {
    ++size;
    while (size < rest.size() && size < 36 && IsDigit(rest[size])) ++size;
  }
  double value = 0;
  std::from_chars(rest.data(), rest.data() + size, value);
  rest.remove_prefix(size);
  return value;
}

// A word as numbers are read from it: phrases apart again, names kept whole.
struct Token {
  std::string_view lower, canonical;
  std::size_t begin = 0, end = 0;
  bool name = false;
};

std::vector<Token> ToTokens(const std::vector<Word>& words) {
  std::vector<Token> tokens;
  tokens.reserve(words.size() + 8);
  for (const Word& word : words) {
    const bool name = word.type == WordType::kTool || word.type == WordType::kEntity;
    if (word.parts == 1 || name) {
      tokens.push_back({word.lower, word.canonical, word.span.begin, word.span.end, name});
      continue;
    }
    const std::string_view lower = word.lower;
    for (std::size_t begin = 0; begin < lower.size();) {
      const std::size_t end = std::min(lower.find(' ', begin), lower.size());
      const std::string_view part = lower.substr(begin, end - begin);
      tokens.push_back({part, part, word.span.begin + begin, std::min<std::size_t>(word.span.begin + end, word.span.end)});
      begin = end + 1;
    }
  }
  return tokens;
}

class Finder {
 public:
  Finder(std::string_view prepared, const std::vector<Word>& words) : prepared_(prepared), words_(ToTokens(words)) {}

  std::vector<Quantity> Find() {
    while (at_ < words_.size()) {
      if (!TakeDigits() && !TakeWords() && !TakeUnitAlone()) TakeInner();
    }
    return std::move(found_);
  }

 private:
  std::string_view Lower(std::size_t ahead) const {
    return at_ + ahead < words_.size() ? std::string_view(words_[at_ + ahead].lower) : std::string_view();
  }
  void Add(Quantity quantity) { found_.push_back(quantity); }

  // The unit that follows `used` words; folds it in and counts its word.
  void TakeUnit(Quantity& quantity, std::size_t& used) {
    // "180 °C", "180 degrees Celsius", "180 C".
    const std::string_view first = Lower(used);
    const std::size_t ahead = used + (first == "\xc2\xb0" || first == "degrees" || first == "degree" ? 1 : 0);
    const bool scale =
        (Lower(ahead) == "c" || Lower(ahead) == "f") && (ahead > used || IsUpper(prepared_[words_[at_ + ahead].begin]));
    if (scale || FindUnit(Lower(ahead), false)) used = ahead;
    const Unit* unit = FindUnit(Lower(used), scale);
    if (!unit) return;
    Apply(*unit, quantity);
    ++used;
  }
  static void Apply(const Unit& unit, Quantity& quantity) {
    quantity.measure = unit.measure;
    quantity.value = quantity.value * unit.factor;
    if (unit.measure == Measure::kMoney) quantity.currency = CurrencyOf(unit.name);
  }
  bool TakeDigits();
  bool TakeSuffix(std::string_view rest, Quantity& quantity, std::size_t& used);
  bool TakeClock(std::string_view rest, double hour);
  void TakeSign(const Token& word, Quantity& quantity) const;
  bool TakeIsoDate(std::string_view word);
  bool TakeVersion(std::string_view word);
  void NoteMonth();
  bool TakeWords();
  double TakeFurtherWords(double value, std::size_t& used);
  bool TakeUnitAlone();
  void TakeInner();

  std::string_view prepared_;
  const std::vector<Token> words_;
  std::vector<Quantity> found_;
  std::size_t at_ = 0;
};

// "$5", "€5" and "5%", whose signs are no words.
void Finder::TakeSign(const Token& word, Quantity& quantity) const {
  const std::string_view before = prepared_.substr(0, word.begin);
  const auto money = [&](char currency) {
    quantity.measure = Measure::kMoney;
    quantity.currency = currency;
  };
  if (before.ends_with('$')) money('$');
  if (before.ends_with("\xe2\x82\xac")) money('e');
  if (before.ends_with("\xc2\xa3")) money('p');
  if (before.ends_with("\xc2\xa5")) money('y');
  if (word.end < prepared_.size() && prepared_[word.end] == '%') quantity.percent = true;
}

// "17:30" is two words with a colon between; "5pm", "5 pm", "5.30pm".
bool Finder::TakeClock(std::string_view rest, double hour) {
  const Token& word = words_[at_];
  double minutes = 0;
  std::size_t used = 1;
  const bool colon = rest.empty() && word.end < prepared_.size() && prepared_[word.end] == ':' && at_ + 1 < words_.size() &&
                     words_[at_ + 1].begin == word.end + 1 && words_[at_ + 1].end - words_[at_ + 1].begin >= 2;
  if (colon) {
    std::string_view tail = words_[at_ + 1].lower;
    const auto number = TakeNumber(tail);
    if (!number || *number >= 60 || hour >= 25) return false;
    minutes = *number;
    used = 2;
    rest = tail;
  }
  if (rest.empty() && (Lower(used) == "am" || Lower(used) == "pm")) {
    rest = Lower(used);
    ++used;
  }
  const bool half_day = rest == "am" || rest == "pm";
  if (!half_day && (!colon || !rest.empty())) return false;
  const double whole = std::floor(hour);
  if (!colon) minutes = std::round((hour - whole) * 100);
  double hours = whole;
  if (half_day) hours = std::fmod(whole, 12) + (rest == "pm" ? 12 : 0);
  Add({.measure = Measure::kClock, .value = hours * 60 + minutes, .written = hour});
  at_ += used;
  return true;
}

bool Finder::TakeIsoDate(std::string_view word) {
  if (word.size() != 10 || word[4] != '-' || word[7] != '-') return false;
  std::array<double, 3> parts{};
  for (std::size_t i = 0, begin = 0; i < 3; ++i, begin += i == 1 ? 5 : 3) {
    std::string_view part = word.substr(begin, i == 0 ? 4 : 2);
    const auto number = TakeNumber(part);
    if (!number || !part.empty()) return false;
    parts[i] = *number;
  }
  Add({.value = parts[0], .written = parts[0]});
  Add({.measure = Measure::kMonth, .value = parts[1], .written = parts[1]});
  Add({.value = parts[2], .written = parts[2]});
  ++at_;
  return true;
}

// Behind a name or "version" the parts of a number count one by one: 3.10 is not 3.1.
bool Finder::TakeVersion(std::string_view word) {
  if (word.starts_with('v') && word.size() > 1 && IsDigit(word[1])) word.remove_prefix(1);
  const bool named = at_ > 0 && (words_[at_ - 1].name || words_[at_ - 1].lower == "version" || words_[at_ - 1].lower == "release");
  const auto dots = std::ranges::count(word, '.');
  if (dots == 0 || (!named && dots == 1) || !std::ranges::all_of(word, [](char c) { return IsDigit(c) || c == '.'; })) return false;
  double value = 0, scale = 1e6;
  for (std::string_view rest = word; !rest.empty() && scale >= 1; scale /= 1e3) {
    double part = 0;
    const std::size_t size = std::min(rest.find('.'), rest.size());
    std::from_chars(rest.data(), rest.data() + size, part);
    value += part * scale;
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  double written = 0;
  std::from_chars(word.data(), word.data() + word.size(), written);
  Add({.measure = Measure::kVersion, .value = value, .written = written});
  ++at_;
  return true;
}

// "March 5" and "5 March": the month counts as a number beside the day.
void Finder::NoteMonth() {
  const auto month_of = [&](std::size_t word) {
    if (word >= words_.size()) return 0;
    const auto found = std::ranges::find(kMonths, words_[word].canonical);
    return found == kMonths.end() ? 0 : static_cast<int>(found - kMonths.begin()) + 1;
  };
  const int after = month_of(at_ + 1);
  const int month = after ? after : at_ > 0 ? month_of(at_ - 1) : 0;
  if (month) Add({.measure = Measure::kMonth, .value = static_cast<double>(month), .written = static_cast<double>(month)});
}

// What is attached to the digits; false when it is part of a name.
bool Finder::TakeSuffix(std::string_view rest, Quantity& quantity, std::size_t& used) {
  if (rest.empty()) {
    const std::string_view next = Lower(1);
    const double scale = next == "thousand" ? 1e3 : next == "million" ? 1e6 : next == "billion" ? 1e9 : 1;
    if (scale > 1) {
      quantity.value *= scale;
      quantity.written *= scale;
      ++used;
    }
    if (Lower(used) == "percent") {
      quantity.percent = true;
      ++used;
    } else if (quantity.measure == Measure::kPlain) {
      TakeUnit(quantity, used);
    }
    return true;
  }
  if (rest == "k" || rest == "m" || rest == "bn") {
    const double scale = rest == "k" ? 1e3 : rest == "m" ? 1e6 : 1e9;
    quantity.value *= scale;
    quantity.written *= scale;
    return true;
  }
  if (rest == "st" || rest == "nd" || rest == "rd" || rest == "th") {
    quantity.weak = true;
    return true;
  }
  if (rest == "x") return true;
  // "1980s" is a decade.
  if (rest == "s" && quantity.value >= 1000 && quantity.value < 2100 && std::fmod(quantity.value, 10) == 0) return true;
  if (rest.starts_with('-')) rest = rest.substr(1, rest.find('-', 1) - 1);  // "5-minute", "6-month-old"
  if (const Unit* unit = FindUnit(rest, true)) {
    Apply(*unit, quantity);
    return true;
  }
  return false;
}

bool Finder::TakeDigits() {
  const Token& word = words_[at_];
  if (word.name) {
    ++at_;
    return true;
  }
  if (TakeIsoDate(word.lower) || TakeVersion(word.lower)) return true;
  std::string_view rest = word.lower;
  const auto number = TakeNumber(rest);
  if (!number) return false;
  if (TakeClock(rest, *number)) return true;
  Quantity quantity{.value = *number, .written = *number};
  TakeSign(word, quantity);
  std::size_t used = 1;
  if (!TakeSuffix(rest, quantity, used)) return false;
  if (quantity.value <= 31) NoteMonth();
  Add(quantity);
  at_ += used;
  return true;
}

// "twenty-five", "nine"; -1 for any other word.
double WordValueBelowHundred(std::string_view word) {
  const std::size_t hyphen = word.find('-');
  const double high = NumberWordValue(word.substr(0, hyphen));
  if (hyphen == std::string_view::npos) return high < 100 ? high : -1;
  const double low = NumberWordValue(word.substr(hyphen + 1));
  return high >= 20 && high < 100 && low > 0 && low < 10 ? high + low : -1;
}

// What the words behind a number word make of it: "hundred", "five", "hundred and one", "thousand two hundred".
double Finder::TakeFurtherWords(double value, std::size_t& used) {
  double total = 0;
  const auto to_total = [&] {
    total += value;
    value = 0;
  };
  if (value >= 1000) to_total();
  while (used < 10) {
    const bool joined = (total > 0 || value >= 100) && Lower(used) == "and";
    const std::string_view word = Lower(used + (joined ? 1 : 0));
    const double next = NumberWordValue(word), small = WordValueBelowHundred(word);
    if (!joined && next >= 1000 && value > 0) {
      value *= next;
      to_total();
    } else if (!joined && next == 100 && value > 0 && value < 100) {
      value *= next;
    } else if (small > 0 && std::fmod(value, 100) == 0 && (total > 0 || value >= 100)) {
      value += small;
    } else if (!joined && std::fmod(value, 100) >= 20 && next > 0 && next < 10 && std::fmod(value, 10) == 0) {
      value += next;
    } else {
      break;
    }
    used += joined ? 2 : 1;
  }
  return total + value;
}

// "twenty five", "two hundred", "a dozen", "half an hour", "once".
bool Finder::TakeWords() {
  const std::string_view word = Lower(0);
  std::size_t used = 1;
  Quantity quantity;
  if (word == "half" || word == "quarter") {
    quantity = {.value = word == "half" ? .5 : .25, .weak = true};
    if (Lower(used) == "of" || Lower(used) == "an" || Lower(used) == "a") {
      std::size_t ahead = used + (Lower(used) == "of" ? 1 : 0);
      if (Lower(ahead) == "an" || Lower(ahead) == "a") ++ahead;
      if (FindUnit(Lower(ahead), false)) used = ahead;
    }
    if (word == "quarter" && !FindUnit(Lower(used), false)) return false;
  } else if (word == "once" || word == "twice" || word == "dozen") {
    if (word == "once" && (Lower(1) == "a" || Lower(1) == "an" || Lower(1) == "per" || Lower(1) == "every")) {
      ++at_;  // "Once an hour" is every hour.
      return true;
    }
    quantity = {.value = word == "once" ? 1. : word == "twice" ? 2. : 12., .weak = word == "once"};
  } else if (IsOrdinalWord(word)) {
    constexpr auto kOrdinals = std::to_array<std::string_view>(
        {"second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"});
    quantity = {.value = static_cast<double>(std::ranges::find(kOrdinals, word) - kOrdinals.begin()) + 2, .weak = true};
  } else {
    const std::size_t hyphen = word.find('-');
    double value = NumberWordValue(word.substr(0, hyphen));
    if (value < 0 || (word == "one" && !FindUnit(Lower(1), false) && NumberWordValue(Lower(1)) < 100 && Lower(1) != "and"))
      return false;
    if (hyphen != std::string_view::npos) {
      const double low = NumberWordValue(word.substr(hyphen + 1));
      if (low < 0) {
        quantity = {.value = value, .written = value};
        // "six-month-old", too.
        const std::string_view counted = word.substr(hyphen + 1, word.find('-', hyphen + 1) - hyphen - 1);
        if (const Unit* unit = FindUnit(counted, false)) Apply(*unit, quantity);
        Add(quantity);
        ++at_;
        return true;
      }
      value += low;
    }
    value = TakeFurtherWords(value, used);
    if (Lower(used) == "and" && Lower(used + 1) == "a" && Lower(used + 2) == "half") {
      value += .5;
      used += 3;
    }
    quantity = {.value = value, .weak = true};
  }
  quantity.written = quantity.value;
  if (Lower(used) == "percent") {
    quantity.percent = true;
    ++used;
  } else if (!IsOrdinalWord(word)) {
    TakeUnit(quantity, used);
  }
  if (quantity.measure != Measure::kPlain) quantity.weak = false;
  Add(quantity);
  at_ += used;
  return true;
}

// "an hour", "per day", "every week".
bool Finder::TakeUnitAlone() {
  const std::string_view word = Lower(0);
  if (word != "a" && word != "an" && word != "one" && word != "per" && word != "each" && word != "every") return false;
  const Unit* unit = FindUnit(Lower(1), false);
  if (!unit || unit->measure != Measure::kSeconds || Lower(1).size() <= 2) return false;
  Quantity quantity{.value = 1, .written = 1, .weak = true};
  Apply(*unit, quantity);
  Add(quantity);
  at_ += 2;
  return true;
}

// Digits inside a longer word: "sha256", "x86-64".
void Finder::TakeInner() {
  std::string_view rest = words_[at_].lower;
  while (!rest.empty()) {
    if (const auto number = TakeNumber(rest)) {
      Add({.value = *number, .written = *number, .weak = true});
    } else {
      rest.remove_prefix(1);
    }
  }
  ++at_;
}

// Equal but for what converting units rounds: two neighbouring order numbers are two numbers.
bool Near(double a, double b) { return std::abs(a - b) <= 1e-13 * std::max({1e-6, std::abs(a), std::abs(b)}); }

// One amount in two units, rounded as people round: "26.2 miles" and "42.195 km", "101 °F" and "38.3 °C".
bool NearInOtherUnit(const Quantity& a, const Quantity& b) {
  constexpr double kShareMax = 0.003, kDegreesMax = 0.1;
  if (a.measure == Measure::kCelsius && b.measure == Measure::kFahrenheit) {
    return std::abs(a.value - (b.value - 32) / 1.8) <= kDegreesMax;
  }
  if (a.measure == Measure::kFahrenheit && b.measure == Measure::kCelsius) return NearInOtherUnit(b, a);
  const bool physical = a.measure == Measure::kMetres || a.measure == Measure::kGrams || a.measure == Measure::kLitres;
  // Of one unit, value and number as written have one ratio.
  if (!physical || a.measure != b.measure || Near(a.value * b.written, b.value * a.written)) return false;
  return std::abs(a.value - b.value) <= kShareMax * std::max(std::abs(a.value), std::abs(b.value));
}

}  // namespace

std::vector<Quantity> FindQuantities(std::string_view prepared, const std::vector<Word>& words) {
  return Finder(prepared, words).Find();
}

bool SameQuantity(const Quantity& a, const Quantity& b) {
  if (a.measure == b.measure && a.currency == b.currency && a.percent == b.percent && Near(a.value, b.value)) return true;
  if (NearInOtherUnit(a, b)) return true;
  if (a.percent != b.percent && a.measure == b.measure)
    return Near(a.percent ? a.value / 100 : a.value, b.percent ? b.value / 100 : b.value);
  if (a.measure == Measure::kClock || b.measure == Measure::kClock) return false;
  if (a.measure == Measure::kMonth || b.measure == Measure::kMonth) return false;
  const bool bare = a.measure == Measure::kPlain || b.measure == Measure::kPlain;
  return bare && a.measure != b.measure && Near(a.written, b.written);
}

std::vector<Quantity> UnmatchedQuantities(const std::vector<Quantity>& a, const std::vector<Quantity>& b) {
  std::vector<bool> used(b.size());
  std::vector<Quantity> unmatched;
  for (const Quantity& quantity : a) {
    std::size_t partner = b.size();
    for (std::size_t i = 0; i < b.size() && partner == b.size(); ++i) {
      if (!used[i] && SameQuantity(quantity, b[i])) partner = i;
    }
    if (partner < b.size()) {
      used[partner] = true;
    } else {
      unmatched.push_back(quantity);
    }
  }
  return unmatched;
}

}  // namespace reflex::text
