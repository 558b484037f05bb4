// Plain answers: may this one be kept, and how it is given again.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "wire/chat_reply.h"
#include "wire/json.h"

namespace reflex::wire {
namespace {

using json::Kind;
using json::Value;

constexpr std::string_view kIncomplete = "incomplete";
constexpr std::string_view kError = "error";
constexpr std::string_view kNoChoices = "no-choices";
constexpr std::string_view kContentFilter = "content-filter";
constexpr std::string_view kLength = "length";
constexpr std::string_view kEmptyChoice = "empty-choice";
constexpr std::string_view kToolArguments = "tool-arguments";
constexpr std::string_view kWebSearch = "web-search";
constexpr std::string_view kNotJson = "not-json";

// What layout holds: which of the two comes first, then begin and end of both, little-endian.
enum class Order : char { kIdFirst = 1, kCreatedFirst = 2 };
constexpr std::size_t kLayoutBytes = 1 + 4 * 4;

// Some servers send the member with every answer, and nothing in it.
bool HasError(Value value) { return !value.Find("error").IsEmpty(); }

bool SaysSomething(Value message) {
  const Value content = message.Find("content");
  return !content.text().empty() || (content.IsArray() && content.size() > 0) || !message.Find("refusal").text().empty() ||
         (message.Find("tool_calls").IsArray() && message.Find("tool_calls").size() > 0) ||
         message.Find("function_call").IsObject() || message.Find("audio").IsObject();
}

// Arguments of strict tools are JSON unless something went wrong.
bool HasBrokenArguments(Value message, const ChatRequest& request) {
  if (!request.has_strict_tool) return false;
  json::Document document;
  for (const Value call : message.Find("tool_calls").elements()) {
    const Value function = call.Find("function");
    const auto& strict = request.strict_tools;
    if (std::find(strict.begin(), strict.end(), function.Find("name").text()) == strict.end()) continue;
    if (!document.Parse(function.Find("arguments").text()).empty()) return true;
  }
  return false;
}

// How the model itself ended a choice. Providers know more reasons (aborted, out of resources, a network error), and new ones come:
// what is not known to be an end is an interruption.
enum class Finish : std::uint8_t { kInterrupted, kEnded, kLength, kFiltered };
Finish FinishOf(std::string_view reason) {
  constexpr std::string_view kEnds[] = {"stop", "tool_calls", "function_call", "eos", "eos_token", "stop_sequence", "end_turn"};
  if (std::find(std::begin(kEnds), std::end(kEnds), reason) != std::end(kEnds)) return Finish::kEnded;
  if (reason == "length" || reason == "model_length") return Finish::kLength;         // The latter is Mistral's.
  if (reason == "content_filter" || reason == "sensitive") return Finish::kFiltered;  // Zhipu's.
  return Finish::kInterrupted;
}

Unstorable JudgeChoice(Value choice, const ChatRequest& request, const StorePolicy& policy) {
  const std::string_view reason = choice.Find("finish_reason").text();
  const Value message = choice.Find("message");
  if (HasError(choice) || reason == kError) return kError;
  const Finish finish = FinishOf(reason);
  if (finish == Finish::kInterrupted) return kIncomplete;
  if (finish == Finish::kFiltered && !policy.store_content_filter) return kContentFilter;
  if (finish == Finish::kLength && !request.has_token_limit && !policy.store_length) return kLength;
  if (!SaysSomething(message)) return kEmptyChoice;
  if (HasBrokenArguments(message, request)) return kToolArguments;
  return {};
}

Unstorable Judge(Value answer, const ChatRequest& request, const StorePolicy& policy) {
  if (HasError(answer)) return kError;
  const Value choices = answer.Find("choices");
  if (!choices.IsArray() || choices.size() == 0) return kNoChoices;
  for (const Value choice : choices.elements()) {
    if (const Unstorable why = JudgeChoice(choice, request, policy); !why.empty()) return why;
  }
  return request.web_search ? kWebSearch : Unstorable();
}

std::int64_t ValidUntil(Value answer) {
  std::int64_t until = PlainAnswer::kAlwaysValid;
  for (const Value choice : answer.Find("choices").elements()) {
    const std::uint64_t said = choice.Find("message").Find("audio").Find("expires_at").Whole(PlainAnswer::kAlwaysValid);
    if (said < static_cast<std::uint64_t>(until)) until = static_cast<std::int64_t>(said);
  }
  return until;
}

// Gives `name` a value of the wanted kind. True if the text changed.
bool PutMember(std::string& text, Value answer, std::string_view name, Kind kind, std::string_view value) {
  const Value present = answer.Find(name);
  if (present && present.kind() == kind) return false;
  if (present) {
    text.replace(present.begin(), present.end() - present.begin(), value);
  } else {
    std::string member = "\"" + std::string(name) + "\":" + std::string(value);
    if (answer.size() > 0) member += ',';
    text.insert(answer.begin() + 1, member);
  }
  return true;
}

void AppendOffset(std::uint32_t offset, std::string& layout) {
  for (int i = 0; i < 4; ++i) layout += static_cast<char>(offset >> 8 * i);
}

std::uint32_t OffsetAt(std::string_view layout, std::size_t at) {
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < 4; ++i) offset |= static_cast<std::uint32_t>(static_cast<unsigned char>(layout[at + i])) << 8 * i;
  return offset;
}

std::string LayoutOf(Value id, Value created) {
  const bool id_first = id.begin() < created.begin();
  std::array<std::uint32_t, 4> offsets{id.begin() + 1, id.end() - 1, created.begin(), created.end()};  // Inside the quotes.
  if (!id_first) std::rotate(offsets.begin(), offsets.begin() + 2, offsets.end());
  std::string layout(1, static_cast<char>(id_first ? Order::kIdFirst : Order::kCreatedFirst));
  for (const std::uint32_t offset : offsets) AppendOffset(offset, layout);
  return layout;
}

std::uint32_t Tokens(Value usage, std::string_view name) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(usage.Find(name).Whole(0), std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

PlainAnswer ReadPlainAnswer(std::string body, const ChatRequest& request, const StorePolicy& policy) {
  PlainAnswer answer;
  ChatReply& reply = answer.reply;
  reply.json = std::move(body);
  json::Document document;
  if (!document.Parse(reply.json).empty() || !document.root().IsObject()) {
    answer.unstorable = kNotJson;
    return answer;
  }
  answer.unstorable = Judge(document.root(), request, policy);
  answer.valid_until_s = ValidUntil(document.root());
  if (PutMember(reply.json, document.root(), "created", Kind::kNumber, "0")) document.Parse(reply.json);
  if (PutMember(reply.json, document.root(), "id", Kind::kString, "\"\"")) document.Parse(reply.json);
  const Value root = document.root();
  reply.layout = LayoutOf(root.Find("id"), root.Find("created"));
  reply.model = root.Find("model").text();
  const Value usage = root.Find("usage");
  reply.has_usage = usage.IsObject();
  reply.usage = {Tokens(usage, "prompt_tokens"), Tokens(usage, "completion_tokens")};
  return answer;
}

Result<PlainPieces> MakePlainReply(std::string_view json, std::string_view layout, std::string_view id,
                                   std::string_view created_text) {
  if (layout.size() != kLayoutBytes) return Fail(ErrorCode::kCorrupt, "a stored answer's layout has the wrong size");
  const auto order = static_cast<Order>(layout[0]);
  const std::uint32_t a = OffsetAt(layout, 1), b = OffsetAt(layout, 5), c = OffsetAt(layout, 9), d = OffsetAt(layout, 13);
  const bool known = order == Order::kIdFirst || order == Order::kCreatedFirst;
  if (!known || a > b || b > c || c > d || d > json.size())
    return Fail(ErrorCode::kCorrupt, "a stored answer's layout does not fit it");
  const bool id_first = order == Order::kIdFirst;
  PlainPieces reply;
  reply.pieces[0] = json.substr(0, a);
  reply.pieces[1] = id_first ? id : created_text;
  reply.pieces[2] = json.substr(b, c - b);
  reply.pieces[3] = id_first ? created_text : id;
  reply.pieces[4] = json.substr(d);
  for (const std::string_view piece : reply.pieces) reply.bytes += piece.size();
  return reply;
}

}  // namespace reflex::wire
