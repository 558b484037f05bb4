#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/chat_choice.h"
#include "wire/chat_members.h"
#include "wire/chat_reply.h"
#include "wire/error_body.h"
#include "wire/json.h"

namespace reflex::wire {
namespace {

using json::Member;
using json::Value;

// More than any provider gives (n <= 128); bounds the search.
constexpr std::size_t kChoicesMax = 256;

}  // namespace

struct ChatFolder::State {
  json::Document document;
  bool any_chunk = false;
  bool done = false;
  bool failed = false;
  bool malformed = false;
  std::string id;
  std::string created;  // JSON.
  std::string model;
  std::string usage;  // JSON.
  ChatMembers others;
  std::vector<ChatChoice> choices;

  ChatChoice* ChoiceAt(Value index);
  bool AddChunk(Value chunk);
  std::string Json();
};

ChatChoice* ChatFolder::State::ChoiceAt(Value given) {
  const std::uint64_t index = given.IsNothing() ? 0 : given.Whole(UINT64_MAX);
  const auto found = std::find_if(choices.begin(), choices.end(), [&](const ChatChoice& choice) { return choice.index == index; });
  if (found != choices.end()) return &*found;
  if (index == UINT64_MAX || choices.size() == kChoicesMax) return nullptr;
  choices.emplace_back().index = index;
  return &choices.back();
}

bool ChatFolder::State::AddChunk(Value chunk) {
  any_chunk = true;
  if (const std::string_view given = chunk.Find("id").text(); !given.empty() && id.empty()) {
    id = given;
    if (const Value at = chunk.Find("created"); at.IsNumber()) created = at.raw();
    model = chunk.Find("model").text();
  }
  if (model.empty()) model = chunk.Find("model").text();
  if (const Value counted = chunk.Find("usage"); counted.IsObject()) {
    usage.clear();
    counted.AppendCompact(usage);
  }
  for (const Member member : chunk.members()) {
    const std::string_view name = member.name();
    const bool has_rule = name == "id" || name == "created" || name == "model" || name == "object" || name == "choices" ||
                          name == "usage" || name == "obfuscation" || name == "error";
    if (!has_rule && !others.Set(name, member.value)) return false;
  }
  for (const Value given : chunk.Find("choices").elements()) {
    ChatChoice* const choice = given.IsObject() ? ChoiceAt(given.Find("index")) : nullptr;
    if (choice == nullptr || !AddToChoice(given, *choice)) return false;
  }
  return true;
}

std::string ChatFolder::State::Json() {
  std::sort(choices.begin(), choices.end(), [](const ChatChoice& a, const ChatChoice& b) { return a.index < b.index; });
  std::string out = "{\"id\":";
  AppendJsonString(id, out);
  out += ",\"object\":\"chat.completion\",\"created\":";
  out += created.empty() ? "0" : created;
  if (!model.empty()) {
    out += ",\"model\":";
    AppendJsonString(model, out);
  }
  out += ",\"choices\":[";
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += ',';
    AppendChoice(choices[i], out);
  }
  out += ']';
  if (!usage.empty()) out.append(",\"usage\":").append(usage);
  others.AppendTo(out);
  out += '}';
  return out;
}

ChatFolder::ChatFolder() : state_(std::make_unique<State>()) {}
ChatFolder::~ChatFolder() = default;
ChatFolder::ChatFolder(ChatFolder&&) noexcept = default;

bool ChatFolder::Add(std::string_view data, std::string_view event_name) {
  State& state = *state_;
  if (state.done || (data.empty() && event_name.empty())) return true;
  if (data.starts_with("[DONE]")) {
    state.done = true;
    return true;
  }
  if (!state.document.Parse(data).empty()) {
    state.malformed = true;
    return false;
  }
  const Value chunk = state.document.root();
  if (event_name == "error" || !chunk.Find("error").IsEmpty()) {
    state.failed = true;
    return true;
  }
  if (!chunk.IsObject() || !chunk.Find("choices").IsArray()) return true;
  if (!state.malformed && !state.AddChunk(chunk)) state.malformed = true;
  return !state.malformed;
}

PlainAnswer ChatFolder::Finish(const ChatRequest& request, const StorePolicy& policy) {
  PlainAnswer answer;
  if (state_->any_chunk) answer = ReadPlainAnswer(state_->Json(), request, policy);
  if (state_->failed) {
    answer.unstorable = "error";
  } else if (state_->malformed) {
    answer.unstorable = "not-json";
  } else if (!state_->any_chunk) {
    answer.unstorable = "no-choices";
  }
  return answer;
}

bool ChatFolder::failed() const { return state_->failed; }

bool ChatFolder::complete() const {
  const std::vector<ChatChoice>& choices = state_->choices;
  return !choices.empty() &&
         std::all_of(choices.begin(), choices.end(), [](const ChatChoice& choice) { return !choice.finish_reason.empty(); });
}

std::size_t ChatFolder::bytes() const {
  std::size_t bytes = sizeof(State) + state_->usage.size() + state_->others.bytes();
  for (const ChatChoice& choice : state_->choices) bytes += BytesOf(choice);
  return bytes;
}

}  // namespace reflex::wire
