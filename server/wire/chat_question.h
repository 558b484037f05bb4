#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/types.h"

namespace reflex::wire {

// What a chat request asks, apart from all that it is asked in: what the semantic tiers compare, and what must be equal before they
// do (docs/key.md).
struct ChatQuestion {
  // Digest of the canonical form with a mark in place of the question: equal for bodies that differ in the question at most. All
  // zero where `not_semantic` says why there is none.
  Digest scope_form{};
  // The text of the last message, escapes resolved; "" with `not_semantic`.
  std::string text;
  // Why an answer to other words cannot answer it, whatever the words: one of wire/reason.h; "" where one may.
  std::string_view not_semantic;
  // Tools are offered, were called, or their results stand in the conversation. Looked for only where they rule out a question.
  bool tools_in_play = false;
};

// Reads questions. Not thread-safe; one per thread, reused: keeps its buffers.
//
// Apart from ChatRequestReader, because an exact hit needs none of it: it is asked after an exact miss, and reads the body again.
class ChatQuestionReader {
 public:
  ChatQuestionReader();
  ~ChatQuestionReader();
  ChatQuestionReader(const ChatQuestionReader&) = delete;
  ChatQuestionReader& operator=(const ChatQuestionReader&) = delete;

  // `with_tools`: a question is one also where tools are offered or were used. REQUIRES: ChatRequestReader accepted the body; any
  // other gives kNotUserText.
  ChatQuestion Read(std::string_view body, bool with_tools);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The body as a request for a plain answer: without `stream` and `stream_options`, and with another question where one is given;
// every other byte of its members as received. Empty for a body that is no object or, with a question, has none.
std::string WithoutStream(std::string_view body, std::optional<std::string_view> question);

// What a plain answer says: the text content of its only choice, escapes resolved. Nullopt where it is anything else: no JSON,
// several choices, calls of tools, a refusal, no text.
std::optional<std::string> AnswerText(std::string_view json);

}  // namespace reflex::wire
