#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/json.h"

// What a replay says, step by step, before it is cut into chunks.
namespace reflex::wire {

enum class ChatReplayStepKind : std::uint8_t {
  kDelta,   // One chunk: `before` is its delta.
  kPieces,  // A chunk for each piece of `text`, between `before` and `after`.
  kTokens,  // A chunk for each token of `tokens`, whose texts make up `text`.
  kFinish,  // One chunk: empty delta, finish_reason and the choice's other members.
  kUsage,
  kDone,
};

struct ChatReplayStep {
  ChatReplayStepKind kind = ChatReplayStepKind::kDelta;
  std::string index;  // The choice's.
  std::string before;
  std::string after;
  std::string_view text;
  std::size_t piece_bytes = 0;
  json::Value tokens;
  bool refusal_tokens = false;
  std::string logprobs = "null";
  std::string finish = "null";
  std::string others;  // `,"name":value` of the choice.
};

// Appends the steps of all choices of `answer` in the order providers send them: the role chunks of all, then choice by choice the
// members without a rule of their own, content, refusal, annotations, audio, calls and the finish. Views and values live as long as
// the answer's document.
void PlanReplay(json::Value answer, std::vector<ChatReplayStep>& steps);

// Moves `offset` in `text` behind the token, by its bytes where the provider gave them, else by its spelling. False where the text
// differs.
bool MatchToken(json::Value token, std::string_view text, std::size_t& offset);

// A logprobs block of these elements.
std::string TokenBlock(bool refusal, std::string_view elements);

// The source text on one line.
std::string Compact(json::Value value);

}  // namespace reflex::wire
