#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "reflex/result.h"

// Tauq text notation (TQN): JSON's values with fewer characters (docs/tauq.md has the language). Pure functions of text;
// thread-safe.
//
// Nothing is lost: Decode(Encode(x)) is x for every JSON text x, member order and number spelling included, and white space and the
// spelling of escapes aside.
namespace reflex::wire::tauq {

// Lists and objects within each other, both ways.
inline constexpr int kDepthMax = 100;
// Of a text, both ways.
inline constexpr std::size_t kBytesMax = 100'000'000;
// Lists, objects, texts, numbers and names in one text: bounds the memory. As wire/json.h.
inline constexpr std::size_t kValuesMax = 1 << 20;

// JSON to Tauq, without a line end behind the last line. A list of objects with the same members in the same order becomes a table.
// Returns: kInvalidArgument for what is no JSON, has a member name twice in one object, half a surrogate pair or bytes that are no
// UTF-8, or exceeds a limit. The message begins with "line L, column C: "; both count from 1, columns in characters.
Result<std::string> Encode(std::string_view json);

// Tauq to JSON on one line. A name given twice keeps its first place and its last value. Numbers that JSON can spell keep their
// spelling; others get JSON's (`+7` is 7, `.5` is 0.5, `inf` and `nan` are 0). Never reads a file: `!import` is refused.
// Returns: kInvalidArgument, the message as above.
Result<std::string> Decode(std::string_view text);

}  // namespace reflex::wire::tauq
