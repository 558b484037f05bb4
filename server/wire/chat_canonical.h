#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.h"

namespace reflex::wire {

// Writes the canonical form of a chat request body: equal bytes for bodies that must get the same answer, different bytes for all
// others (docs/key.md). A change of its output needs a new kCanonicalFormVersion. Not thread-safe; keeps its buffers.
class ChatCanonicalForm {
 public:
  // REQUIRES: `body` is an object. The view lives until the next call.
  std::string_view Write(json::Value body) { return Write(body, json::Value()); }
  // The same with a mark in place of one string of the body, which no text can be mistaken for; all of it where `left_out` is
  // absent.
  std::string_view Write(json::Value body, json::Value left_out);
  // Gives back what an unusually large body made it hold.
  void Trim();

 private:
  static constexpr std::uint32_t kNothing = 0xffffffff;

  // What an object is, and so what its members mean.
  enum class Shape : std::uint8_t { kBody, kMessage, kPart, kToolCall, kFlat };

  struct Field {
    std::uint64_t prefix;  // First 8 bytes, big-endian: compares as the name does.
    std::string_view name;
    json::Value value;
  };

  void WriteObject(json::Value object, Shape shape);
  void WriteBodyField(const Field& field);
  void WriteMember(Shape shape, const Field& field);
  void WriteList(json::Value list, Shape shape);
  void WriteStop(json::Value stop);
  void WriteAsReceived(json::Value value);
  void WriteScalar(json::Value value);
  void WriteText(char tag, std::string_view text);

  std::string out_;
  std::string scratch_;
  bool openai_defaults_ = false;       // Of the body being written.
  std::uint32_t left_out_ = kNothing;  // Where the string begins that is left out.
  std::vector<Field> fields_;          // A stack: the fields of the objects being written.
};

}  // namespace reflex::wire
