#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/chat_members.h"
#include "wire/json.h"

// One choice of a streamed chat answer while it grows.
namespace reflex::wire {

// What a function or custom tool is called with: its name and arguments (or input).
struct ChatCallBody {
  bool present = false;
  std::string name;
  std::string arguments;
  ChatMembers others;
};

struct ChatToolCall {
  std::uint64_t index = 0;  // As the provider counts: several may share one.
  std::string id;
  std::string type;
  ChatCallBody function;
  ChatCallBody custom;
  ChatMembers others;
};

struct ChatLogProbs {
  bool present = false;
  std::optional<std::string> content;  // Elements.
  std::optional<std::string> refusal;
  ChatMembers others;
};

struct ChatChoice {
  std::uint64_t index = 0;
  std::string role;
  std::optional<std::string> content;
  std::optional<std::string> refusal;
  ChatCallBody function_call;
  std::optional<ChatMembers> audio;
  std::vector<ChatToolCall> calls;
  ChatMembers message;  // Members of the message that have no rule of their own.
  ChatLogProbs logprobs;
  std::string finish_reason;
  ChatMembers others;
};

// Adds what a chunk says of the choice. False when a known member has another type than documented, or there are too many of
// something.
bool AddToChoice(json::Value chunk_choice, ChatChoice& choice);
// Appends the choice as it stands in a plain answer. The choice is complete: its calls get their order and empty texts become null.
void AppendChoice(ChatChoice& choice, std::string& out);
// Roughly what it holds in memory.
std::size_t BytesOf(const ChatChoice& choice);

}  // namespace reflex::wire
