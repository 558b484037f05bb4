#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/chat_reply.h"
#include "wire/error_body.h"
#include "wire/json.h"
#include "wire/text_pieces.h"

namespace reflex::wire {
namespace {

using json::Member;
using json::Value;
using TokenIterator = Value::Range<false>::Iterator;

constexpr std::size_t kTextPieceBytes = 32;
constexpr std::size_t kAudioPieceBytes = 4096;  // A multiple of 4: base64 pieces decode one by one.
constexpr std::size_t kObfuscatedBytes = 40;

// Long arguments (files written by agents) in larger pieces: nobody watches them grow.
std::size_t ArgumentPieceBytes(std::string_view arguments) { return arguments.size() <= 4096 ? 64 : 1024; }

enum class StepKind : std::uint8_t {
  kDelta,   // One chunk: `before` is its delta.
  kPieces,  // A chunk for each piece of `text`, between `before` and `after`.
  kTokens,  // A chunk for each token of `tokens`, whose texts make up `text`.
  kFinish,  // One chunk: empty delta, finish_reason and the choice's other members.
  kUsage,
  kDone,
};

struct Step {
  StepKind kind = StepKind::kDelta;
  std::string index;  // The choice's.
  std::string before;
  std::string after;
  std::string_view text;
  std::size_t piece_bytes = kTextPieceBytes;
  Value tokens;
  bool refusal_tokens = false;
  std::string logprobs = "null";
  std::string finish = "null";
  std::string others;  // `,"name":value` of the choice.
};

// A token's bytes as its provider gave them, as far as `text` has them at `offset`. False where they differ.
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

bool TokensMakeText(Value tokens, std::string_view text) {
  std::size_t offset = 0;
  for (const Value token : tokens.elements()) {
    if (!MatchToken(token, text, offset)) return false;
  }
  return offset == text.size();
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

std::string Quoted(std::string_view text) {
  std::string quoted;
  AppendJsonString(text, quoted);
  return quoted;
}

// Writes the steps of one choice in the order of api.md 2.2.
class ChoicePlan {
 public:
  ChoicePlan(Value choice, std::uint64_t index, std::vector<Step>& steps)
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
    Step& step = Add(StepKind::kDelta, delta + '}');
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
      Add(StepKind::kDelta, "{\"annotations\":" + Compact(annotations) + '}');
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

  Step& Add(StepKind kind, std::string before) {
    Step& step = steps_.emplace_back();
    step.kind = kind;
    step.index = index_;
    step.before = std::move(before);
    return step;
  }

  void AddPieces(std::string before, std::string_view text, std::string after, std::size_t piece_bytes) {
    if (text.empty()) return;
    Step& step = Add(StepKind::kPieces, std::move(before));
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
      Add(StepKind::kDelta, before + Compact(value) + '}');
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
    if (value.IsArray() && value.size() > 0) Add(StepKind::kDelta, "{\"" + std::string(name) + "\":" + Compact(value) + '}');
    const std::string_view text = value.text();
    const std::string before = "{\"" + std::string(name) + "\":";
    const Value tokens = logprobs_.Find(name);
    if (tokens.IsArray() && tokens.size() > 0) {
      if (!text.empty() && TokensMakeText(tokens, text)) {
        Step& step = Add(StepKind::kTokens, before);
        step.text = text;
        step.after = "}";
        step.tokens = tokens;
        step.refusal_tokens = refusal;
        return;
      }
      // Tokens that do not spell the text (special ones, or those of a tool call) come in one block.
      const std::string elements = Compact(tokens);
      Add(StepKind::kDelta, "{}").logprobs = TokenBlock(refusal, std::string_view(elements).substr(1, elements.size() - 2));
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
    Add(StepKind::kDelta, "{\"audio\":{" + head + "}}");
    AddPieces("{\"audio\":{\"transcript\":", audio.Find("transcript").text(), "}}", kTextPieceBytes);
    AddPieces("{\"audio\":{\"data\":", audio.Find("data").text(), "}}", kAudioPieceBytes);
    const Value expires = audio.Find("expires_at");
    if (expires) Add(StepKind::kDelta, "{\"audio\":{\"expires_at\":" + Compact(expires) + "}}");
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
    Add(StepKind::kDelta, "{\"function_call\":" + BodyHead(call, "arguments") + '}');
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
    Add(StepKind::kDelta, head + "}]}");
    const std::string_view text = body.Find(arguments_name).text();
    const std::string before = "{\"tool_calls\":[{\"index\":" + std::to_string(position) + ",\"" + std::string(body_name) +
                               "\":{\"" + std::string(arguments_name) + "\":";
    AddPieces(before, text, "}}]}", ArgumentPieceBytes(text));
  }

  void AddFinish() {
    Step& step = Add(StepKind::kFinish, "{}");
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
  std::vector<Step>& steps_;
};

}  // namespace

struct ChatReplay::State {
  json::Document document;
  std::string head;   // What every chunk starts with, up to its choices.
  std::string once;   // Members of the answer that only the first chunk has.
  std::string tail;   // ,"usage":null where usage was asked for.
  std::string usage;  // JSON; "" where there is none to give.
  bool obfuscate = false;
  std::uint64_t random = 0;
  std::vector<Step> steps;
  std::size_t step = 0;
  std::size_t offset = 0;  // In the step's text.
  bool in_tokens = false;  // tokens_at is within the step's tokens.
  TokenIterator tokens_at{nullptr, 0, 0};

  void ReadMembers(const ChatRequest& request, const FreshIdentity& identity);
  void Plan();
  void AppendEvent(std::string& out);
  void AppendChunk(const Step& now, std::string_view text, bool quoted, std::string_view logprobs, std::string& out);
  bool AppendTokens(const Step& now, std::string& out);
  void AppendObfuscation(std::size_t shown_bytes, std::string& out);
};

void ChatReplay::State::ReadMembers(const ChatRequest& request, const FreshIdentity& identity) {
  head = "data: {\"id\":" + Quoted(identity.id) +
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

void ChatReplay::State::Plan() {
  std::vector<std::pair<std::uint64_t, Value>> choices;
  for (const Value choice : document.root().Find("choices").elements()) {
    choices.emplace_back(choice.Find("index").Whole(choices.size()), choice);
  }
  std::sort(choices.begin(), choices.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second.begin() < b.second.begin();
  });
  for (const auto& [index, choice] : choices) ChoicePlan(choice, index, steps).AddRole();
  for (const auto& [index, choice] : choices) ChoicePlan(choice, index, steps).AddRest();
  if (!usage.empty()) steps.emplace_back().kind = StepKind::kUsage;
  steps.emplace_back().kind = StepKind::kDone;
}

void ChatReplay::State::AppendEvent(std::string& out) {
  const Step& now = steps[step];
  switch (now.kind) {
    case StepKind::kDelta:
    case StepKind::kFinish: AppendChunk(now, {}, false, now.logprobs, out); break;
    case StepKind::kPieces: {
      const std::size_t end = PieceEnd(now.text, offset, now.piece_bytes);
      AppendChunk(now, now.text.substr(offset, end - offset), true, now.logprobs, out);
      offset = end;
      if (offset < now.text.size()) return;
      break;
    }
    case StepKind::kTokens:
      if (AppendTokens(now, out)) return;
      break;
    case StepKind::kUsage:
      out.append(head).append(",\"choices\":[],\"usage\":").append(usage);
      AppendObfuscation(0, out);
      out += "}\n\n";
      break;
    case StepKind::kDone: out += "data: [DONE]\n\n"; break;
  }
  ++step;
  offset = 0;
  in_tokens = false;
}

void ChatReplay::State::AppendChunk(const Step& now, std::string_view text, bool quoted, std::string_view logprobs,
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
bool ChatReplay::State::AppendTokens(const Step& now, std::string& out) {
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
  state->Plan();
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
