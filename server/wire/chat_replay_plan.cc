#include "wire/chat_replay_plan.h"

#include <algorithm>
#include <utility>

namespace reflex::wire {
namespace {

using json::Member;
using json::Value;

constexpr std::size_t kTextPieceBytes = 16;
constexpr std::size_t kAudioPieceBytes = 4096;  // A multiple of 4: base64 pieces decode one by one.

// Long arguments (files written by agents) in larger pieces: nobody watches them grow.
std::size_t ArgumentPieceBytes(std::string_view arguments) { return arguments.size() <= 4096 ? 64 : 1024; }

bool TokensMakeText(Value tokens, std::string_view text) {
  std::size_t offset = 0;
  for (const Value token : tokens.elements()) {
    if (!MatchToken(token, text, offset)) return false;
  }
  return offset == text.size();
}

// Writes the steps of one choice.
class ChoicePlan {
 public:
  ChoicePlan(Value choice, std::uint64_t index, std::vector<ChatReplayStep>& steps)
      : choice_(choice),
        message_(choice.Find("message")),
        logprobs_(choice.Find("logprobs")),
        index_(std::to_string(index)),
        steps_(steps) {}

  void AddRole() {
    const Value role = message_.Find("role");
    std::string delta = "{\"role\":" + (role.IsString() ? Compact(role) : std::string("\"assistant\""));
    const Value content = message_.Find("content");
    if (content.IsNothing() || content.IsString()) delta += content.IsString() ? ",\"content\":\"\"" : ",\"content\":null";
    delta += ",\"refusal\":null";
    for (const Member member : message_.members()) {
      const bool may_be_empty = !HasRule(member.name()) || member.name() == "annotations";
      if (may_be_empty && IsEmptyList(member.value)) delta += ',' + Compact(member.key) + ":[]";
    }
    ChatReplayStep& step = Add(ChatReplayStepKind::kDelta, delta + '}');
    if (logprobs_.IsObject()) step.logprobs = EmptyLogProbs();
  }

  void AddRest() {
    for (const Member member : message_.members()) {
      if (!HasRule(member.name()) && !IsEmptyList(member.value)) AddMember(member.key, member.value);
    }
    AddSpokenText("content", message_.Find("content"), false);
    AddSpokenText("refusal", message_.Find("refusal"), true);
    const Value annotations = message_.Find("annotations");
    if (!annotations.IsNothing() && !IsEmptyList(annotations))
      Add(ChatReplayStepKind::kDelta, "{\"annotations\":" + Compact(annotations) + '}');
    AddAudio(message_.Find("audio"));
    AddFunctionCall(message_.Find("function_call"));
    std::size_t position = 0;
    for (const Value call : message_.Find("tool_calls").elements()) AddToolCall(call, position++);
    AddFinish();
  }

 private:
  static bool HasRule(std::string_view name) {
    return name == "role" || name == "content" || name == "refusal" || name == "annotations" || name == "tool_calls" ||
           name == "function_call" || name == "audio";
  }
  static bool IsEmptyList(Value value) { return value.IsArray() && value.size() == 0; }

  ChatReplayStep& Add(ChatReplayStepKind kind, std::string before) {
    ChatReplayStep& step = steps_.emplace_back();
    step.kind = kind;
    step.index = index_;
    step.before = std::move(before);
    return step;
  }

  void AddPieces(std::string before, std::string_view text, std::string after, std::size_t piece_bytes) {
    if (text.empty()) return;
    ChatReplayStep& step = Add(ChatReplayStepKind::kPieces, std::move(before));
    step.text = text;
    step.after = std::move(after);
    step.piece_bytes = piece_bytes;
  }

  void AddMember(Value key, Value value) {
    if (value.IsNothing()) return;
    const std::string before = '{' + Compact(key) + ':';
    if (value.IsString() && !value.text().empty()) {
      AddPieces(before, value.text(), "}", kTextPieceBytes);
    } else {
      Add(ChatReplayStepKind::kDelta, before + Compact(value) + '}');
    }
  }

  // The block of the role chunk: shows that log probabilities follow, and holds what is not about a token.
  std::string EmptyLogProbs() const {
    std::string block = logprobs_.Find("content").IsArray() ? "{\"content\":[]" : "{\"content\":null";
    block += logprobs_.Find("refusal").IsArray() ? ",\"refusal\":[]" : ",\"refusal\":null";
    for (const Member member : logprobs_.members()) {
      if (member.name() != "content" && member.name() != "refusal")
        block += ',' + Compact(member.key) + ':' + Compact(member.value);
    }
    return block + '}';
  }

  void AddSpokenText(std::string_view name, Value value, bool refusal) {
    if (value.IsArray() && value.size() > 0)
      Add(ChatReplayStepKind::kDelta, "{\"" + std::string(name) + "\":" + Compact(value) + '}');
    const std::string_view text = value.text();
    const std::string before = "{\"" + std::string(name) + "\":";
    const Value tokens = logprobs_.Find(name);
    if (tokens.IsArray() && tokens.size() > 0) {
      if (!text.empty() && TokensMakeText(tokens, text)) {
        ChatReplayStep& step = Add(ChatReplayStepKind::kTokens, before);
        step.text = text;
        step.after = "}";
        step.tokens = tokens;
        step.refusal_tokens = refusal;
        return;
      }
      // Tokens that do not spell the text (special ones, or those of a tool call) come in one block.
      const std::string elements = Compact(tokens);
      Add(ChatReplayStepKind::kDelta, "{}").logprobs =
          TokenBlock(refusal, std::string_view(elements).substr(1, elements.size() - 2));
    }
    AddPieces(before, text, "}", kTextPieceBytes);
  }

  // What is known at once, the growing texts, then the time that a provider knows last.
  void AddAudio(Value audio) {
    if (!audio.IsObject()) return;
    std::string head;
    for (const Member member : audio.members()) {
      const std::string_view name = member.name();
      const bool grows = (name == "data" || name == "transcript") && member.value.IsString() && !member.value.text().empty();
      if (!grows && name != "expires_at") head += (head.empty() ? "" : ",") + Compact(member.key) + ':' + Compact(member.value);
    }
    Add(ChatReplayStepKind::kDelta, "{\"audio\":{" + head + "}}");
    AddPieces("{\"audio\":{\"transcript\":", audio.Find("transcript").text(), "}}", kTextPieceBytes);
    AddPieces("{\"audio\":{\"data\":", audio.Find("data").text(), "}}", kAudioPieceBytes);
    const Value expires = audio.Find("expires_at");
    if (expires) Add(ChatReplayStepKind::kDelta, "{\"audio\":{\"expires_at\":" + Compact(expires) + "}}");
  }

  // {"name":…,"arguments":""} with whatever else stands there.
  static std::string BodyHead(Value body, std::string_view arguments) {
    std::string head;
    for (const Member member : body.members()) {
      const bool grows = member.name() == arguments && member.value.IsString();
      head += (head.empty() ? "{" : ",") + Compact(member.key) + ':' + (grows ? "\"\"" : Compact(member.value));
    }
    return head.empty() ? "{}" : head + '}';
  }

  void AddFunctionCall(Value call) {
    if (!call.IsObject()) return;
    Add(ChatReplayStepKind::kDelta, "{\"function_call\":" + BodyHead(call, "arguments") + '}');
    const std::string_view text = call.Find("arguments").text();
    AddPieces("{\"function_call\":{\"arguments\":", text, "}}", ArgumentPieceBytes(text));
  }

  void AddToolCall(Value call, std::size_t position) {
    const bool custom = call.Find("custom").IsObject();
    const std::string_view body_name = custom ? "custom" : "function";
    const std::string_view arguments_name = custom ? "input" : "arguments";
    const Value body = call.Find(body_name);
    std::string head = "{\"tool_calls\":[{\"index\":" + std::to_string(position);
    if (!call.Find("type")) head += ",\"type\":\"" + std::string(body_name) + '"';
    for (const Member member : call.members()) {
      if (member.name() == "index") continue;  // Some upstreams number calls in plain answers too; the position counts.
      const bool is_body = member.name() == body_name && body.IsObject();
      head += ',' + Compact(member.key) + ':' + (is_body ? BodyHead(body, arguments_name) : Compact(member.value));
    }
    Add(ChatReplayStepKind::kDelta, head + "}]}");
    const std::string_view text = body.Find(arguments_name).text();
    const std::string before = "{\"tool_calls\":[{\"index\":" + std::to_string(position) + ",\"" + std::string(body_name) +
                               "\":{\"" + std::string(arguments_name) + "\":";
    AddPieces(before, text, "}}]}", ArgumentPieceBytes(text));
  }

  void AddFinish() {
    ChatReplayStep& step = Add(ChatReplayStepKind::kFinish, "{}");
    for (const Member member : choice_.members()) {
      const std::string_view name = member.name();
      if (name == "finish_reason") step.finish = Compact(member.value);
      if (name == "index" || name == "message" || name == "logprobs" || name == "finish_reason" || name == "delta") continue;
      step.others += ',' + Compact(member.key) + ':' + Compact(member.value);
    }
  }

  Value choice_;
  Value message_;
  Value logprobs_;
  std::string index_;
  std::vector<ChatReplayStep>& steps_;
};

}  // namespace

void PlanReplay(Value answer, std::vector<ChatReplayStep>& steps) {
  std::vector<std::pair<std::uint64_t, Value>> choices;
  for (const Value choice : answer.Find("choices").elements()) {
    choices.emplace_back(choice.Find("index").Whole(choices.size()), choice);
  }
  std::sort(choices.begin(), choices.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second.begin() < b.second.begin();
  });
  for (const auto& [index, choice] : choices) ChoicePlan(choice, index, steps).AddRole();
  for (const auto& [index, choice] : choices) ChoicePlan(choice, index, steps).AddRest();
}

bool MatchToken(Value token, std::string_view text, std::size_t& offset) {
  const Value bytes = token.Find("bytes");
  if (!bytes.IsArray()) {
    const std::string_view spelled = token.Find("token").text();
    if (!token.Find("token").IsString() || !text.substr(offset).starts_with(spelled)) return false;
    offset += spelled.size();
    return true;
  }
  for (const Value byte : bytes.elements()) {
    if (offset == text.size() || byte.Whole(256) != static_cast<unsigned char>(text[offset])) return false;
    ++offset;
  }
  return true;
}

std::string TokenBlock(bool refusal, std::string_view elements) {
  return refusal ? "{\"content\":null,\"refusal\":[" + std::string(elements) + "]}"
                 : "{\"content\":[" + std::string(elements) + "],\"refusal\":null}";
}

std::string Compact(Value value) {
  std::string text;
  value.AppendCompact(text);
  return text;
}

}  // namespace reflex::wire
