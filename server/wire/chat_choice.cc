#include "wire/chat_choice.h"

#include <algorithm>
#include <string_view>

#include "wire/error_body.h"

namespace reflex::wire {
namespace {

using json::Member;
using json::Value;

// More than any provider gives; bounds the search.
constexpr std::size_t kCallsMax = 1024;

bool IsTextOrNothing(Value value) { return value.IsNothing() || value.IsString(); }

bool AppendText(Value value, std::optional<std::string>& text) {
  if (!value.IsString()) return value.IsNothing();
  if (!text) text.emplace();
  *text += value.text();
  return true;
}

// `arguments` names the member that holds them. `rename`: a later name replaces the first.
bool AddBody(Value value, std::string_view arguments, bool rename, ChatCallBody& body) {
  if (value.IsNothing()) return true;
  if (!value.IsObject()) return false;
  body.present = true;
  for (const Member member : value.members()) {
    if (member.name() == "name") {
      if (!IsTextOrNothing(member.value)) return false;
      if (!member.value.text().empty() && (rename || body.name.empty())) body.name = member.value.text();
    } else if (member.name() == arguments) {
      if (!IsTextOrNothing(member.value)) return false;
      body.arguments += member.value.text();
    } else if (!body.others.Join(member.name(), member.value)) {
      return false;
    }
  }
  return true;
}

bool NamesItsCall(Value delta) {
  return !delta.Find("function").Find("name").text().empty() || !delta.Find("custom").Find("name").text().empty();
}

// The newest call that fits.
template <class Fits>
ChatToolCall* NewestCall(std::vector<ChatToolCall>& calls, Fits fits) {
  const auto found = std::find_if(calls.rbegin(), calls.rend(), fits);
  return found == calls.rend() ? nullptr : &*found;
}

// Some providers number all parallel calls 0: a new id that comes with a name opens a call of its own there. Not an id alone:
// others send a fresh one with each delta of a call.
ChatToolCall* CallAtIndex(Value delta, std::uint64_t index, std::vector<ChatToolCall>& calls) {
  const std::string_view id = delta.Find("id").text();
  const auto at_index = [&](const ChatToolCall& call) { return call.index == index; };
  ChatToolCall* const newest = NewestCall(calls, at_index);
  if (newest == nullptr || id.empty() || newest->id.empty() || newest->id == id) return newest;
  ChatToolCall* const same = NewestCall(calls, [&](const ChatToolCall& call) { return call.index == index && call.id == id; });
  if (same != nullptr) return same;
  return NamesItsCall(delta) ? nullptr : newest;
}

// The call a delta belongs to: by index; without one, a new id means a new call. `calls` stays in the order of indices, and those
// that share one in the order they came in. Null when there are too many.
ChatToolCall* CallOf(Value delta, std::vector<ChatToolCall>& calls) {
  const Value given = delta.Find("index");
  std::uint64_t index = calls.empty() ? 0 : calls.back().index + 1;
  ChatToolCall* call = nullptr;
  if (given.IsNothing()) {
    const std::string_view id = delta.Find("id").text();
    if (!calls.empty() && (id.empty() || calls.back().id == id)) call = &calls.back();
  } else {
    index = given.Whole(UINT64_MAX);
    if (index == UINT64_MAX) return nullptr;
    call = CallAtIndex(delta, index, calls);
  }
  if (call != nullptr) return call;
  if (calls.size() == kCallsMax) return nullptr;
  const auto behind = std::upper_bound(calls.begin(), calls.end(), index,
                                       [](std::uint64_t wanted, const ChatToolCall& other) { return wanted < other.index; });
  const auto opened = calls.emplace(behind);
  opened->index = index;
  return &*opened;
}

bool AddCall(Value delta, std::vector<ChatToolCall>& calls) {
  if (!delta.IsObject()) return false;
  ChatToolCall* const call = CallOf(delta, calls);
  if (call == nullptr) return false;
  for (const Member member : delta.members()) {
    const std::string_view name = member.name();
    bool taken = true;
    if (name == "index") continue;
    if (name == "id") {
      if (call->id.empty()) call->id = member.value.text();
    } else if (name == "type") {
      if (call->type.empty()) call->type = member.value.text();
    } else if (name == "function") {
      taken = AddBody(member.value, "arguments", false, call->function);
    } else if (name == "custom") {
      taken = AddBody(member.value, "input", false, call->custom);
    } else {
      taken = call->others.Join(name, member.value);
    }
    if (!taken) return false;
  }
  return true;
}

bool AddCalls(Value list, std::vector<ChatToolCall>& calls) {
  if (!list.IsArray()) return list.IsNothing();
  for (const Value delta : list.elements()) {
    if (!AddCall(delta, calls)) return false;
  }
  return true;
}

bool AddAudio(Value value, std::optional<ChatMembers>& audio) {
  if (value.IsNothing()) return true;
  if (!value.IsObject()) return false;
  if (!audio) audio.emplace();
  for (const Member member : value.members()) {
    const bool grows = member.name() == "data" || member.name() == "transcript";
    if (!(grows ? audio->Join(member.name(), member.value) : audio->Set(member.name(), member.value))) return false;
  }
  return true;
}

bool AddDelta(Value delta, ChatChoice& choice) {
  if (!delta.IsObject()) return delta.IsNothing();
  for (const Member member : delta.members()) {
    const std::string_view name = member.name();
    bool taken = true;
    if (name == "role") {
      if (choice.role.empty()) choice.role = member.value.text();
    } else if (name == "content") {
      taken = AppendText(member.value, choice.content);
    } else if (name == "refusal") {
      taken = AppendText(member.value, choice.refusal);
    } else if (name == "function_call") {
      taken = AddBody(member.value, "arguments", true, choice.function_call);
    } else if (name == "tool_calls") {
      taken = AddCalls(member.value, choice.calls);
    } else if (name == "audio") {
      taken = AddAudio(member.value, choice.audio);
    } else if (!member.value.IsNothing()) {
      taken = choice.message.Join(name, member.value);
    }
    if (!taken) return false;
  }
  return true;
}

void AddElements(Value list, std::optional<std::string>& elements) {
  if (!list.IsArray()) return;
  if (!elements) elements.emplace();
  AppendElements(list, *elements);
}

// Beside the delta: lists grow from chunk to chunk (token ids, the older form of logprobs), anything else replaces.
bool AddBeside(Member member, ChatMembers& others) {
  return member.value.IsArray() ? others.Join(member.name(), member.value) : others.Set(member.name(), member.value);
}

bool AddLogProbs(Value value, ChatLogProbs& logprobs) {
  if (!value.IsObject()) return value.IsNothing();
  logprobs.present = true;
  for (const Member member : value.members()) {
    if (member.name() == "content") {
      AddElements(member.value, logprobs.content);
    } else if (member.name() == "refusal") {
      AddElements(member.value, logprobs.refusal);
    } else if (!AddBeside(member, logprobs.others)) {
      return false;
    }
  }
  return true;
}

void AppendName(std::string_view name, std::string& out) { out.append(",\"").append(name).append("\":"); }

void AppendTextMember(std::string_view name, std::string_view text, std::string& out) {
  AppendName(name, out);
  AppendJsonString(text, out);
}

void AppendBody(std::string_view name, std::string_view arguments, const ChatCallBody& body, std::string& out) {
  AppendName(name, out);
  out += "{\"name\":";
  AppendJsonString(body.name, out);
  AppendTextMember(arguments, body.arguments, out);
  body.others.AppendTo(out);
  out += '}';
}

void AppendCall(const ChatToolCall& call, std::string& out) {
  const bool custom = call.custom.present;
  out += "{\"type\":";
  AppendJsonString(!call.type.empty() ? std::string_view(call.type) : custom ? "custom" : "function", out);
  if (!call.id.empty()) AppendTextMember("id", call.id, out);
  if (custom) {
    AppendBody("custom", "input", call.custom, out);
  } else if (call.function.present) {
    AppendBody("function", "arguments", call.function, out);
  }
  call.others.AppendTo(out);
  out += '}';
}

void AppendNullable(std::string_view name, const std::optional<std::string>& text, std::string& out) {
  if (text) {
    AppendTextMember(name, *text, out);
  } else {
    AppendName(name, out);
    out += "null";
  }
}

void AppendMessage(ChatChoice& choice, std::string& out) {
  const bool says_other =
      !choice.calls.empty() || choice.function_call.present || choice.audio || !choice.refusal.value_or("").empty();
  if (choice.content && choice.content->empty() && says_other) choice.content.reset();
  if (choice.refusal && choice.refusal->empty()) choice.refusal.reset();
  out += "{\"role\":";
  AppendJsonString(choice.role.empty() ? "assistant" : std::string_view(choice.role), out);
  AppendNullable("content", choice.content, out);
  AppendNullable("refusal", choice.refusal, out);
  choice.message.AppendTo(out);
  if (choice.function_call.present) AppendBody("function_call", "arguments", choice.function_call, out);
  if (choice.audio) {
    std::string members;
    choice.audio->AppendTo(members);
    AppendName("audio", out);
    out += '{';
    if (!members.empty()) out.append(members, 1);
    out += '}';
  }
  if (!choice.calls.empty()) {
    AppendName("tool_calls", out);
    for (std::size_t i = 0; i < choice.calls.size(); ++i) {
      out += i == 0 ? '[' : ',';
      AppendCall(choice.calls[i], out);
    }
    out += ']';
  }
  out += '}';
}

void AppendTokens(std::string_view name, const std::optional<std::string>& elements, std::string& out) {
  if (elements) {
    out.append(name).append("[").append(*elements).append("]");
  } else {
    out.append(name).append("null");
  }
}

std::size_t BytesOf(const std::optional<std::string>& text) { return text ? text->size() : 0; }
std::size_t BytesOf(const ChatCallBody& body) { return body.name.size() + body.arguments.size() + body.others.bytes(); }

}  // namespace

bool AddToChoice(Value chunk_choice, ChatChoice& choice) {
  for (const Member member : chunk_choice.members()) {
    const std::string_view name = member.name();
    bool taken = true;
    if (name == "index" || name == "message") continue;
    if (name == "delta") {
      taken = AddDelta(member.value, choice);
    } else if (name == "logprobs") {
      taken = AddLogProbs(member.value, choice.logprobs);
    } else if (name == "finish_reason") {
      if (!member.value.text().empty()) choice.finish_reason = member.value.text();
    } else {
      taken = AddBeside(member, choice.others);
    }
    if (!taken) return false;
  }
  return true;
}

void AppendChoice(ChatChoice& choice, std::string& out) {
  out += "{\"index\":" + std::to_string(choice.index) + ",\"message\":";
  AppendMessage(choice, out);
  AppendName("logprobs", out);
  if (choice.logprobs.present) {
    AppendTokens("{\"content\":", choice.logprobs.content, out);
    AppendTokens(",\"refusal\":", choice.logprobs.refusal, out);
    choice.logprobs.others.AppendTo(out);
    out += '}';
  } else {
    out += "null";
  }
  AppendName("finish_reason", out);
  if (choice.finish_reason.empty()) {
    out += "null";
  } else {
    AppendJsonString(choice.finish_reason, out);
  }
  choice.others.AppendTo(out);
  out += '}';
}

std::size_t BytesOf(const ChatChoice& choice) {
  std::size_t bytes = sizeof(ChatChoice) + BytesOf(choice.content) + BytesOf(choice.refusal) + BytesOf(choice.function_call) +
                      choice.message.bytes() + choice.others.bytes() + BytesOf(choice.logprobs.content) +
                      BytesOf(choice.logprobs.refusal) + choice.logprobs.others.bytes();
  if (choice.audio) bytes += choice.audio->bytes();
  for (const ChatToolCall& call : choice.calls)
    bytes += sizeof(call) + BytesOf(call.function) + BytesOf(call.custom) + call.others.bytes();
  return bytes;
}

}  // namespace reflex::wire
