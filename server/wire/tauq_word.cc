#include "wire/tauq_word.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "wire/tauq.h"

namespace reflex::wire::tauq {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool EqualsLower(std::string_view word, std::string_view lower) {
  return std::ranges::equal(word, lower, [](char a, char b) { return (IsLetter(a) ? static_cast<char>(a | 0x20) : a) == b; });
}

// A number's parts, as views into the word.
struct Parts {
  bool negative = false;
  bool finite = true;
  std::string_view whole, fraction, exponent;  // The exponent with its letter and sign.
};

std::string_view TakeDigits(std::string_view& rest) {
  std::size_t n = 0;
  while (n < rest.size() && IsDigit(rest[n])) ++n;
  const std::string_view digits = rest.substr(0, n);
  rest.remove_prefix(n);
  return digits;
}

bool ReadNumber(std::string_view rest, Parts& parts) {
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    parts.negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (EqualsLower(rest, "inf") || EqualsLower(rest, "infinity") || EqualsLower(rest, "nan")) {
    parts.finite = false;
    return true;
  }
  parts.whole = TakeDigits(rest);
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    parts.fraction = TakeDigits(rest);
  }
  if (parts.whole.empty() && parts.fraction.empty()) return false;
  if (rest.empty()) return true;
  if (rest[0] != 'e' && rest[0] != 'E') return false;
  parts.exponent = rest;
  rest.remove_prefix(1);
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  return !TakeDigits(rest).empty() && rest.empty();
}

// Latin letters beyond ASCII; × and ÷ lie between them.
bool IsLatinLetter(std::uint32_t code) { return code >= 0xc0 && code <= 0x24f && code != 0xd7 && code != 0xf7; }

}  // namespace

WordKind KindOf(std::string_view word) {
  if (word == "null") return WordKind::kNull;
  if (word == "true") return WordKind::kTrue;
  if (word == "false") return WordKind::kFalse;
  Parts parts;
  return ReadNumber(word, parts) ? WordKind::kNumber : WordKind::kName;
}

std::string JsonNumber(std::string_view word) {
  Parts parts;
  ReadNumber(word, parts);
  if (!parts.finite) return "0";
  while (parts.whole.size() > 1 && parts.whole[0] == '0') parts.whole.remove_prefix(1);
  std::string number = parts.negative ? "-" : "";
  number.append(parts.whole.empty() ? "0" : parts.whole);
  if (!parts.fraction.empty()) number.append(".").append(parts.fraction);
  number.append(parts.exponent);
  return number;
}

bool IsPlainName(std::string_view name) {
  const auto inside = [](char c) { return IsLetter(c) || IsDigit(c) || c == '_' || c == '-'; };
  return !name.empty() && (IsLetter(name[0]) || name[0] == '_') && std::ranges::all_of(name, inside) &&
         KindOf(name) == WordKind::kName;
}

bool IsBareString(std::string_view text) {
  constexpr std::string_view kInside = "_-.@/+";
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint point = base::DecodeAt(text, at);
    const bool letter = point.length == 1 ? IsLetter(text[at]) || text[at] == '_' : IsLatinLetter(point.value);
    const bool other = at > 0 && point.length == 1 && (IsDigit(text[at]) || kInside.contains(text[at]));
    if (!letter && !other) return false;
    at += point.length;
  }
  return !text.empty() && KindOf(text) == WordKind::kName;
}

bool IsSpaceAt(std::string_view text, std::size_t at, std::size_t& length) {
  const auto byte = static_cast<unsigned char>(text[at]);
  length = 1;
  if (byte < 0x80) return byte == ' ' || (byte >= '\t' && byte <= '\r');
  const base::CodePoint point = base::DecodeAt(text, at);
  length = point.length;
  const std::uint32_t code = point.value;
  return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

std::unexpected<Error> FailAt(std::string_view text, std::size_t at, std::string message) {
  const std::string_view before = text.substr(0, std::min(at, text.size()));
  const std::size_t line_start = before.rfind('\n') + 1;  // 0 where there is none.
  const auto is_lead = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return Fail(ErrorCode::kInvalidArgument, "line " + std::to_string(std::ranges::count(before, '\n') + 1) + ", column " +
                                               std::to_string(std::ranges::count_if(before.substr(line_start), is_lead) + 1) +
                                               ": " + std::move(message));
}

Result<void> CheckText(std::string_view text) {
  if (text.size() > kBytesMax) return FailAt(text, kBytesMax, "the text is longer than 100 MB");
  if (base::IsUtf8(text)) return {};
  std::size_t good = 0;
  for (std::size_t length = 0; base::IsUtf8(text.substr(good, length)); length = base::DecodeAt(text, good).length) good += length;
  return FailAt(text, good, "bytes that are no UTF-8");
}

}  // namespace reflex::wire::tauq
