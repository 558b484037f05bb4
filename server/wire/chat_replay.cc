#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/chat_replay_plan.h"
#include "wire/chat_reply.h"
#include "wire/error_body.h"
#include "wire/json.h"
#include "wire/text_pieces.h"

namespace reflex::wire {
namespace {

using json::Member;
using json::Value;
using TokenIterator = Value::Range<false>::Iterator;

constexpr std::size_t kObfuscatedBytes = 40;

}  // namespace

struct ChatReplay::State {
  json::Document document;
  std::string head;   // What every chunk starts with, up to its choices.
  std::string once;   // Members of the answer that only the first chunk has.
  std::string tail;   // ,"usage":null where usage was asked for.
  std::string usage;  // JSON; "" where there is none to give.
  bool obfuscate = false;
  std::uint64_t random = 0;
  std::vector<ChatReplayStep> steps;
  std::size_t step = 0;
  std::size_t offset = 0;  // In the step's text.
  bool in_tokens = false;  // tokens_at is within the step's tokens.
  TokenIterator tokens_at{nullptr, 0, 0};

  void ReadMembers(const ChatRequest& request, const FreshIdentity& identity);
  void AppendEvent(std::string& out);
  void AppendChunk(const ChatReplayStep& now, std::string_view text, bool quoted, std::string_view logprobs, std::string& out);
  bool AppendTokens(const ChatReplayStep& now, std::string& out);
  void AppendObfuscation(std::size_t shown_bytes, std::string& out);
};

void ChatReplay::State::ReadMembers(const ChatRequest& request, const FreshIdentity& identity) {
  head = "data: {\"id\":" + JsonString(identity.id) +
         ",\"object\":\"chat.completion.chunk\",\"created\":" + std::to_string(identity.created_s);
  for (const Member member : document.root().members()) {
    const std::string_view name = member.name();
    if (name == "id" || name == "object" || name == "created" || name == "choices") continue;
    if (name == "usage") {
      if (request.include_usage && member.value.IsObject()) usage = Compact(member.value);
      continue;
    }
    const bool in_all = name == "model" || name == "service_tier" || name == "system_fingerprint";
    (in_all ? head : once) += ',' + Compact(member.key) + ':' + Compact(member.value);
  }
  if (!usage.empty()) tail = ",\"usage\":null";
  obfuscate = request.include_obfuscation;
  random = std::hash<std::string_view>()(identity.id) | 1;
}

void ChatReplay::State::AppendEvent(std::string& out) {
  const ChatReplayStep& now = steps[step];
  switch (now.kind) {
    case ChatReplayStepKind::kDelta:
    case ChatReplayStepKind::kFinish: AppendChunk(now, {}, false, now.logprobs, out); break;
    case ChatReplayStepKind::kPieces: {
      const std::size_t end = PieceEnd(now.text, offset, now.piece_bytes);
      AppendChunk(now, now.text.substr(offset, end - offset), true, now.logprobs, out);
      offset = end;
      if (offset < now.text.size()) return;
      break;
    }
    case ChatReplayStepKind::kTokens:
      if (AppendTokens(now, out)) return;
      break;
    case ChatReplayStepKind::kUsage:
      out.append(head).append(",\"choices\":[],\"usage\":").append(usage);
      AppendObfuscation(0, out);
      out += "}\n\n";
      break;
    case ChatReplayStepKind::kDone: out += "data: [DONE]\n\n"; break;
  }
  ++step;
  offset = 0;
  in_tokens = false;
}

void ChatReplay::State::AppendChunk(const ChatReplayStep& now, std::string_view text, bool quoted, std::string_view logprobs,
                                    std::string& out) {
  out.append(head).append(once);
  once.clear();
  out.append(",\"choices\":[{\"index\":").append(now.index).append(",\"delta\":").append(now.before);
  if (quoted) AppendJsonString(text, out);
  out.append(now.after).append(",\"logprobs\":").append(logprobs).append(",\"finish_reason\":").append(now.finish);
  out.append(now.others).append("}]").append(tail);
  AppendObfuscation(text.size(), out);
  out += "}\n\n";
}

// One token, or as many as it takes until their bytes are whole code points. True while tokens are left.
bool ChatReplay::State::AppendTokens(const ChatReplayStep& now, std::string& out) {
  if (!in_tokens) tokens_at = now.tokens.elements().begin();
  in_tokens = true;
  const TokenIterator last = now.tokens.elements().end();
  std::string elements;
  std::size_t end = offset;
  do {
    if (!elements.empty()) elements += ',';
    (*tokens_at).AppendCompact(elements);
    MatchToken(*tokens_at, now.text, end);
    ++tokens_at;
  } while (tokens_at != last && !IsCodePointBorder(now.text, end));
  AppendChunk(now, now.text.substr(offset, end - offset), true, TokenBlock(now.refusal_tokens, elements), out);
  offset = end;
  return tokens_at != last;
}

// Padding that makes the sizes of chunks say less about the text in them.
void ChatReplay::State::AppendObfuscation(std::size_t shown_bytes, std::string& out) {
  if (!obfuscate) return;
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const auto next = [this] {  // xorshift64 (Marsaglia 2003); the seed is the reply's random id.
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return random;
  };
  const std::size_t size = 1 + next() % 8 + (shown_bytes < kObfuscatedBytes ? kObfuscatedBytes - shown_bytes : 0);
  out += ",\"obfuscation\":\"";
  for (std::size_t i = 0; i < size; ++i) out += kAlphabet[next() % kAlphabet.size()];
  out += '"';
}

ChatReplay::ChatReplay(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChatReplay::~ChatReplay() = default;

Result<std::unique_ptr<ChatReplay>> ChatReplay::Create(std::string_view json, const ChatRequest& request, FreshIdentity identity) {
  auto state = std::make_unique<State>();
  if (!state->document.Parse(json).empty() || !state->document.root().Find("choices").IsArray()) {
    return Fail(ErrorCode::kCorrupt, "a stored answer is not a chat completion");
  }
  state->ReadMembers(request, identity);
  PlanReplay(state->document.root(), state->steps);
  if (!state->usage.empty()) state->steps.emplace_back().kind = ChatReplayStepKind::kUsage;
  state->steps.emplace_back().kind = ChatReplayStepKind::kDone;
  return std::unique_ptr<ChatReplay>(new ChatReplay(std::move(state)));
}

bool ChatReplay::Next(std::size_t bytes, std::string& out) {
  if (state_->step == state_->steps.size()) return false;
  do {
    state_->AppendEvent(out);
  } while (out.size() < bytes && state_->step < state_->steps.size());
  return true;
}

}  // namespace reflex::wire
