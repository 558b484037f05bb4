#include "wire/chat_request.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/digest.h"
#include "wire/chat_canonical.h"
#include "wire/decimal.h"
#include "wire/json.h"
#include "wire/reason.h"

namespace reflex::wire {
namespace {

using json::Kind;
using json::Value;

// Takes a boolean or null. False for another type.
bool ReadFlag(Value value, bool& flag) {
  flag = value.IsTrue();
  return value.IsNothing() || flag || value.kind() == Kind::kFalse;
}

bool ReadText(Value value, std::string& text) {
  text = value.text();
  return value.IsNothing() || value.IsString();
}

bool IsAddress(Value value) {
  constexpr std::size_t kSchemeMax = 16;
  return !value.text().starts_with("data:") && value.text().substr(0, kSchemeMax).contains("://");
}

// An image, video or file that the provider fetches, in any part that is no text: {"image_url":{"url":"https://…"}},
// {"image_url":"https://…"}, {"file":{"file_data":"https://…"}}, {"video":["https://…"]}, {"file":{"file_id":"…"}}.
bool NamesRemoteContent(Value part) {
  if (!part.Find("file_id").text().empty()) return true;
  for (const json::Member member : part.members()) {
    const Value value = member.value;
    if (member.name() == "text") continue;
    if (IsAddress(value) || !value.Find("file_id").text().empty()) return true;
    for (const json::Member inner : value.members()) {
      if (IsAddress(inner.value)) return true;
    }
    for (const Value element : value.elements()) {
      if (IsAddress(element)) return true;
    }
  }
  return false;
}

bool ReadMessages(Value value, ChatRequest& request) {
  if (!value.IsArray()) return false;
  for (const Value message : value.elements()) {
    if (!message.IsObject()) return false;
    for (const Value part : message.Find("content").elements()) {
      request.remote_content = request.remote_content || NamesRemoteContent(part);
    }
  }
  return true;
}

bool ReadStreamOptions(Value value, ChatRequest& request) {
  if (value.IsNothing()) return true;
  request.has_stream_options = value.IsObject();
  return value.IsObject() && ReadFlag(value.Find("include_usage"), request.include_usage) &&
         ReadFlag(value.Find("include_obfuscation"), request.include_obfuscation);
}

// A whole number in any spelling, 0 for other numbers and those that do not fit.
std::uint32_t WholeNumber(Value number) {
  std::string exact;
  AppendDecimal(number.raw(), exact);
  std::uint64_t value = 0;
  int power = 0;
  const char* const end = exact.data() + exact.size();
  const auto digits = std::from_chars(exact.data(), end, value);
  if (digits.ec != std::errc()) return 0;
  if (digits.ptr != end && (*digits.ptr != 'e' || std::from_chars(digits.ptr + 1, end, power).ec != std::errc() || power < 0))
    return 0;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  for (; power > 0 && value <= kMax; --power) value *= 10;
  return value <= kMax ? static_cast<std::uint32_t>(value) : 0;
}

bool ReadChoices(Value value, ChatRequest& request) {
  if (value.IsNothing()) return true;
  if (value.IsNumber()) request.choices = WholeNumber(value);
  return value.IsNumber() && request.choices > 0;
}

bool ReadTokenLimit(Value value, ChatRequest& request) {
  if (value.IsNothing()) return true;
  request.has_token_limit = true;
  return value.IsNumber();
}

// A tool the provider runs itself to look at the web: OpenAI's and Zhipu's web_search…, OpenRouter's openrouter:web_search, Groq's
// browser_search, Moonshot's builtin_function. A client's own function may have such a name: its results come with the messages.
bool IsSearchTool(Value tool) {
  const std::string_view type = tool.Find("type").text();
  if (type == "builtin_function") return tool.Find("function").Find("name").text() == "$web_search";
  return type.contains("web_search") || type.contains("browser_search") || type.contains("live_search");
}

bool ReadTools(Value value, ChatRequest& request) {
  if (value.IsNothing()) return true;
  if (!value.IsArray()) return false;
  if (value.size() > 0) request.has_tools = true;
  for (const Value tool : value.elements()) {
    if (IsSearchTool(tool)) request.web_search = true;
    const Value function = tool.Find("function");
    if (function.Find("strict").IsTrue()) {
      request.has_strict_tool = true;
      request.strict_tools.emplace_back(function.Find("name").text());
    }
  }
  return true;
}

bool ReadFunctions(Value value, ChatRequest& request) {
  if (value.IsNothing()) return true;
  if (value.size() > 0) request.has_tools = true;
  return value.IsArray();
}

// OpenRouter's way to ask for a search.
bool ReadPlugins(Value value, ChatRequest& request) {
  for (const Value plugin : value.elements()) {
    if (plugin.Find("id").text() == "web") request.web_search = true;
  }
  return true;
}

// xAI's: the model decides whether it searches unless the mode is off.
bool ReadSearchParameters(Value value, ChatRequest& request) {
  if (!value.IsNothing() && value.Find("mode").text() != "off") request.web_search = true;
  return true;
}

// Models that search before they answer, whatever else the request says: OpenAI's, OpenRouter's, Perplexity's (also as
// perplexity/sonar), Groq's.
bool IsSearchModel(std::string_view model) {
  if (model.contains("-search-preview") || model.contains("-search-api") || model.ends_with(":online")) return true;
  const std::string_view name = model.substr(model.rfind('/') + 1);
  return name.starts_with("sonar") || model.starts_with("compound") || model.starts_with("groq/compound");
}

// False when the field decides something and has another type than documented.
bool ReadField(std::string_view name, Value value, ChatRequest& request) {
  switch (name.size()) {
    case 1: return name != "n" || ReadChoices(value, request);
    case 5:
      if (name == "model") return ReadText(value, request.model);
      if (name == "store") return ReadFlag(value, request.store);
      return name != "tools" || ReadTools(value, request);
    case 6: return name != "stream" || ReadFlag(value, request.stream);
    case 7: return name != "plugins" || ReadPlugins(value, request);
    case 8: return name != "messages" || ReadMessages(value, request);
    case 9: return name != "functions" || ReadFunctions(value, request);
    case 10: return name != "max_tokens" || ReadTokenLimit(value, request);
    case 12: return name != "service_tier" || ReadText(value, request.service_tier);
    case 13:
      if (name == "enable_search" && value.IsTrue()) request.web_search = true;  // Qwen's.
      return true;
    case 14: return name != "stream_options" || ReadStreamOptions(value, request);
    case 15:
      if (name == "response_format" && !value.IsNothing()) request.structured_output = value.Find("type").text() != "text";
      return true;
    case 17: return name != "search_parameters" || ReadSearchParameters(value, request);
    case 18:
      if (name == "web_search_options" && !value.IsNothing()) request.web_search = true;
      return true;
    case 21: return name != "max_completion_tokens" || ReadTokenLimit(value, request);
    default: return true;
  }
}

std::string_view ReadFields(Value body, ChatRequest& request) {
  if (!body.IsObject()) return reason::kNotObject;
  bool has_messages = false;
  for (const json::Member member : body.members()) {
    if (!ReadField(member.name(), member.value, request)) return reason::kFieldType;
    if (member.name() == "messages") has_messages = true;
  }
  if (!has_messages) return reason::kFieldType;
  if (IsSearchModel(request.model)) request.web_search = true;
  return {};
}

}  // namespace

struct ChatRequestReader::State {
  json::Document document;
  ChatCanonicalForm form;
  base::Sha256 hash;
};

ChatRequestReader::ChatRequestReader() : state_(std::make_unique<State>()) {}
ChatRequestReader::~ChatRequestReader() = default;

Result<ChatRequest> ChatRequestReader::Read(std::string_view body) {
  ChatRequest request;
  std::string_view refusal = state_->document.Parse(body);
  if (refusal.empty()) refusal = ReadFields(state_->document.root(), request);
  if (refusal.empty()) {
    state_->hash.Reset();
    state_->hash.Update(state_->form.Write(state_->document.root()));
    request.canonical = state_->hash.Finish();
  }
  state_->document.Trim();
  state_->form.Trim();
  if (!refusal.empty()) return Fail(ErrorCode::kInvalidArgument, std::string(refusal));
  return request;
}

}  // namespace reflex::wire
