#include "wire/tauq_lexer.h"

#include <algorithm>
#include <utility>

#include "wire/tauq_word.h"

namespace reflex::wire::tauq {
namespace {

constexpr std::string_view kDashes = "---";
constexpr std::size_t kShownBytesMax = 40;

// What ends a word and is a token, or begins one.
constexpr std::string_view kMarks = "{}[],:;\"#";

TokenKind KindOfMark(char c) {
  switch (c) {
    case '{': return TokenKind::kOpenBrace;
    case '}': return TokenKind::kCloseBrace;
    case '[': return TokenKind::kOpenList;
    case ']': return TokenKind::kCloseList;
    case ':': return TokenKind::kColon;
    case ';':
    case '\n': return TokenKind::kSeparator;
    default: return TokenKind::kEnd;
  }
}

bool IsDirectiveChar(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

char Unescaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case '"':
    case '\\': return c;
    default: return 0;
  }
}

}  // namespace

void Lexer::SkipSpace() {
  for (std::size_t length = 0; at_ < text_.size() && text_[at_] != '\n'; at_ += length) {
    length = 1;
    if (text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return;
    }
    if (text_[at_] != ',' && !IsSpaceAt(text_, at_, length)) return;
  }
}

Result<Token> Lexer::Next() {
  SkipSpace();
  if (at_ == text_.size()) return Token{TokenKind::kEnd, at_, {}};
  const char c = text_[at_];
  if (const TokenKind kind = KindOfMark(c); kind != TokenKind::kEnd) return Token{kind, at_++, {}};
  if (c == '"') return String();
  if (c == '!') return Directive();
  if (text_.substr(at_).starts_with(kDashes)) return Token{TokenKind::kDashes, std::exchange(at_, at_ + kDashes.size()), {}};
  return Word();
}

Result<Token> Lexer::String() {
  Token token{TokenKind::kString, at_++, {}};
  for (;;) {
    const std::size_t end = text_.find_first_of("\"\\", at_);
    if (end == std::string_view::npos) return FailAt(text_, token.at, "the string that begins here has no closing quote");
    token.text.append(text_, at_, end - at_);
    at_ = end + 1;
    if (text_[end] == '"') return token;
    if (at_ == text_.size()) continue;  // A backslash is the last byte: the search above says that the quote is missing.
    // An escape that is none stays two characters.
    if (const char unescaped = Unescaped(text_[at_])) {
      token.text += unescaped;
      ++at_;
    } else {
      token.text += '\\';
    }
  }
}

Result<Token> Lexer::Directive() {
  Token token{TokenKind::kDirective, at_++, {}};
  while (at_ < text_.size() && IsDirectiveChar(text_[at_])) token.text += text_[at_++];
  if (token.text.empty())
    return FailAt(text_, token.at, "'!' begins a directive and needs its name; a string with it needs quotes");
  return token;
}

Token Lexer::Word() {
  const std::size_t begin = at_;
  for (std::size_t length = 0; at_ < text_.size(); at_ += length) {
    if (kMarks.contains(text_[at_]) || IsSpaceAt(text_, at_, length)) break;
  }
  const std::string_view word = text_.substr(begin, at_ - begin);
  switch (KindOf(word)) {
    case WordKind::kNull: return {TokenKind::kNull, begin, {}};
    case WordKind::kFalse: return {TokenKind::kFalse, begin, {}};
    case WordKind::kTrue: return {TokenKind::kTrue, begin, {}};
    case WordKind::kNumber: return {TokenKind::kNumber, begin, JsonNumber(word)};
    case WordKind::kName: break;
  }
  return {TokenKind::kName, begin, std::string(word)};
}

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd: return "the end of the text";
    case TokenKind::kSeparator: return "the end of the line";
    case TokenKind::kOpenBrace: return "'{'";
    case TokenKind::kCloseBrace: return "'}'";
    case TokenKind::kOpenList: return "'['";
    case TokenKind::kCloseList: return "']'";
    case TokenKind::kColon: return "':'";
    case TokenKind::kDashes: return "'---'";
    case TokenKind::kDirective: return "!" + token.text.substr(0, kShownBytesMax);
    case TokenKind::kString: return "a string in quotes";
    case TokenKind::kNull: return "null";
    case TokenKind::kFalse: return "false";
    case TokenKind::kTrue: return "true";
    case TokenKind::kNumber: return "a number";
    case TokenKind::kName: break;
  }
  std::size_t cut = std::min(token.text.size(), kShownBytesMax);
  while (cut < token.text.size() && cut > 0 && (static_cast<unsigned char>(token.text[cut]) & 0xc0) == 0x80) --cut;
  return "the word \"" + token.text.substr(0, cut) + "\"";
}

}  // namespace reflex::wire::tauq
