#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::wire::tauq {

enum class TokenKind : std::uint8_t {
  kEnd,
  kSeparator,  // A line end or `;`.
  kOpenBrace,
  kCloseBrace,
  kOpenList,
  kCloseList,
  kColon,
  kDashes,     // `---`
  kDirective,  // `!name`; the text is the name.
  kString,     // In quotes; the text is its content.
  kName,       // A word that is nothing else; as a value it is a string.
  kNull,
  kFalse,
  kTrue,
  kNumber,  // The text is its JSON spelling.
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t at = 0;  // Byte where it begins.
  std::string text;
};

// Cuts Tauq into tokens; comments, commas and white space lie between. Not thread-safe. The text outlives it.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // After the end of the text it gives kEnd, again and again. Returns: kInvalidArgument as tauq.h.
  Result<Token> Next();

 private:
  void SkipSpace();
  Result<Token> String();
  Result<Token> Directive();
  Token Word();

  std::string_view text_;
  std::size_t at_ = 0;
};

// As a message names it: `'}'`, `the end of the text`, `the word "abc"`.
std::string Describe(const Token& token);

}  // namespace reflex::wire::tauq
