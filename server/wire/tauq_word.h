#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reflex/result.h"

// What a word of Tauq that stands without quotes means, for the encoder and the decoder alike. Thread-safe.
namespace reflex::wire::tauq {

enum class WordKind : std::uint8_t { kNull, kFalse, kTrue, kNumber, kName };

// A number is what Rust's parser of floats reads: also `+7`, `.5`, `5.`, `007`, and inf, infinity and nan in any case.
WordKind KindOf(std::string_view word);

// The number as JSON: as it stands where JSON allows that, 0 where it is not finite. REQUIRES: KindOf says kNumber.
std::string JsonNumber(std::string_view word);

// A name that every reader of Tauq takes for a name, as a member of an object, a field of a table, or a schema.
bool IsPlainName(std::string_view name);

// A string that reads back as itself without quotes.
bool IsBareString(std::string_view text);

// White space of Unicode: the end of a word. `length` gets its bytes where there is one.
bool IsSpaceAt(std::string_view text, std::size_t at, std::size_t& length);

// kInvalidArgument with "line L, column C: " before the message, for the byte `at` of `text`.
std::unexpected<Error> FailAt(std::string_view text, std::size_t at, std::string message);

// Checks the size and the encoding of a text.
Result<void> CheckText(std::string_view text);

}  // namespace reflex::wire::tauq
