#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"

namespace reflex::app {

// What a file for `reflex eval` holds, one JSON object a line.
enum class EvalKind : std::uint8_t {
  kPairs,     // {"id", "a", "b"}: two questions; may the answer to a be served for b?
  kStream,    // {"id", "prompt"}: questions in the order in which they are asked.
  kRequests,  // {"id", "a", "b"}: two whole chat request bodies.
};
std::string_view Name(EvalKind kind);

// One line. Texts are without escapes; what is marked as JSON is as the file has it.
struct EvalRow {
  std::size_t line = 0;  // From 1.
  std::string id;        // JSON: a text or a whole number.
  std::string a, b;      // kRequests: JSON. kStream: a is the prompt, b is empty.
  // Labels, for the report alone.
  enum class Label : std::uint8_t { kNone, kSame, kDifferent };
  Label label = Label::kNone;  // Of a pair: "same".
  std::string category;        // Of a pair; "" for none.
  std::string answer_class;    // Of a stream, JSON: "class"; "" for none.
  std::string phrase;          // Of a stream, JSON: "phrase", which wording of the class; "" for none.
};

// The largest file that is read.
inline constexpr std::uint64_t kEvalBytesMax = 1ull << 30;

// Reads all lines of `text`; empty ones are left out, other members are allowed and not looked at. `name` is the file's, for
// messages. Returns: kInvalidArgument with file, line, what is wrong and what is allowed: not JSON, a member missing or of another
// kind, an id used twice, labels in some lines only, no line at all.
Result<std::vector<EvalRow>> ReadEvalRows(EvalKind kind, std::string_view name, std::string_view text);

}  // namespace reflex::app
