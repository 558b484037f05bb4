#include "wire/chat_question.h"

#include <cstdint>

#include "base/digest.h"
#include "wire/chat_canonical.h"
#include "wire/decimal.h"
#include "wire/error_body.h"
#include "wire/json.h"
#include "wire/reason.h"

namespace reflex::wire {
namespace {

using json::Kind;
using json::Value;

// The last message, absent where there is none.
Value LastMessage(Value body) {
  Value last;
  for (const Value message : body.Find("messages").elements()) last = message;
  return last;
}

struct Text {
  Value value;               // A string.
  std::string_view refusal;  // Why there is none.
};

// The text of a content that is one: a string, or a list of one text part.
Text OnlyText(Value content) {
  if (content.IsString()) return {content, {}};
  if (!content.IsArray() || content.size() != 1) return {{}, reason::kSeveralParts};
  for (const Value part : content.elements()) {
    if (part.Find("type").text() == "text" && part.Find("text").IsString()) return {part.Find("text"), {}};
  }
  return {{}, reason::kSeveralParts};
}

Text QuestionOf(Value body) {
  const Value message = LastMessage(body);
  if (message.Find("role").text() != "user") return {{}, reason::kNotUserText};
  Text text = OnlyText(message.Find("content"));
  if (text.refusal.empty() && text.value.text().find_first_not_of(" \t\r\n\v\f") == std::string_view::npos) {
    return {{}, reason::kEmptyQuestion};
  }
  return text;
}

bool HasElements(Value list) { return list.IsArray() ? list.size() > 0 : !list.IsNothing(); }

// Tools are offered, were called, or their results stand in the conversation.
bool ToolsInPlay(Value body) {
  if (HasElements(body.Find("tools")) || HasElements(body.Find("functions"))) return true;
  for (const Value message : body.Find("messages").elements()) {
    const std::string_view role = message.Find("role").text();
    if (role == "tool" || role == "function" || HasElements(message.Find("tool_calls"))) return true;
    if (!message.Find("function_call").IsNothing()) return true;
  }
  return false;
}

bool AsksForOneChoice(Value n) {
  if (n.IsNothing()) return true;
  std::string exact;
  AppendDecimal(n.raw(), exact);
  return exact == "1";
}

bool SaysAudio(Value modalities) {
  for (const Value modality : modalities.elements()) {
    if (modality.text() != "text") return true;
  }
  return false;
}

// What is wanted is the words themselves, or more than words: an answer to a question in other words has others.
bool WordingCounts(Value body) {
  const Value logprobs = body.Find("logprobs");
  if (!logprobs.IsNothing() && logprobs.kind() != Kind::kFalse) return true;
  for (const char* name : {"top_logprobs", "audio", "prediction", "web_search_options"}) {
    if (!body.Find(name).IsNothing()) return true;
  }
  return SaysAudio(body.Find("modalities"));
}

std::string_view Refusal(Value body, bool tools_in_play) {
  if (tools_in_play) return reason::kToolsInPlay;
  if (!AsksForOneChoice(body.Find("n"))) return reason::kSeveralChoices;
  return WordingCounts(body) ? reason::kExactWording : std::string_view();
}

// `"name":value` of the member as received, with `text` in place of the string `question` inside it.
void AppendMember(const json::Member& member, std::string_view body, Value question, std::string_view text, std::string& out) {
  if (out.size() > 1) out += ',';
  const std::uint32_t begin = member.key.begin(), end = member.value.end();
  if (question && question.begin() >= begin && question.end() <= end) {
    out.append(body.substr(begin, question.begin() - begin));
    AppendJsonString(text, out);
    out.append(body.substr(question.end(), end - question.end()));
  } else {
    out.append(body.substr(begin, end - begin));
  }
}

}  // namespace

struct ChatQuestionReader::State {
  json::Document document;
  ChatCanonicalForm form;
  base::Sha256 hash;
};

ChatQuestionReader::ChatQuestionReader() : state_(std::make_unique<State>()) {}
ChatQuestionReader::~ChatQuestionReader() = default;

ChatQuestion ChatQuestionReader::Read(std::string_view body, bool with_tools) {
  ChatQuestion question;
  State& state = *state_;
  if (!state.document.Parse(body).empty() || !state.document.root().IsObject()) {
    question.not_semantic = reason::kNotUserText;
    return question;
  }
  const Value root = state.document.root();
  const Text text = QuestionOf(root);
  question.tools_in_play = !with_tools && ToolsInPlay(root);
  question.not_semantic = text.refusal.empty() ? Refusal(root, question.tools_in_play) : text.refusal;
  if (question.not_semantic.empty()) {
    question.text = text.value.text();
    state.hash.Reset();
    state.hash.Update(state.form.Write(root, text.value));
    question.scope_form = state.hash.Finish();
  }
  state.document.Trim();
  state.form.Trim();
  return question;
}

std::string WithoutStream(std::string_view body, std::optional<std::string_view> question) {
  json::Document document;
  if (!document.Parse(body).empty() || !document.root().IsObject()) return {};
  const Value place = question ? QuestionOf(document.root()).value : Value();
  if (question && !place) return {};
  std::string out = "{";
  for (const json::Member member : document.root().members()) {
    if (member.name() == "stream" || member.name() == "stream_options") continue;
    AppendMember(member, body, place, question.value_or(""), out);
  }
  return out += '}';
}

std::optional<std::string> AnswerText(std::string_view json) {
  json::Document document;
  if (!document.Parse(json).empty()) return std::nullopt;
  const Value choices = document.root().Find("choices");
  if (!choices.IsArray() || choices.size() != 1) return std::nullopt;
  for (const Value choice : choices.elements()) {
    const Value message = choice.Find("message");
    if (HasElements(message.Find("tool_calls")) || !message.Find("function_call").IsNothing()) return std::nullopt;
    if (!message.Find("refusal").text().empty()) return std::nullopt;
    const std::string_view text = message.Find("content").text();
    if (!text.empty()) return std::string(text);
  }
  return std::nullopt;
}

}  // namespace reflex::wire
