#include "wire/chat_tauq.h"

#include <algorithm>
#include <utility>

#include "reflex/result.h"
#include "wire/chat_question.h"
#include "wire/error_body.h"
#include "wire/json.h"
#include "wire/tauq.h"

namespace reflex::wire {
namespace {

constexpr std::string_view kSpace = " \t";

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// What stands before the next `separator`, trimmed; `rest` goes on behind it.
std::string_view Take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view piece = Trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return piece;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b; };
  return std::ranges::equal(text, lower, same);
}

// "q=0", "q=0.0" and so on (RFC 9110 section 12.4.2).
bool IsWeightZero(std::string_view parameter) {
  if (parameter.size() < 3 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') return false;
  return parameter.find_first_not_of("0.", 2) == std::string_view::npos;
}

}  // namespace

bool AcceptsTauq(std::string_view accept) {
  while (!accept.empty()) {
    std::string_view range = Take(accept, ',');
    if (!EqualsIgnoringCase(Take(range, ';'), kTauqMediaType)) continue;
    bool refused = false;
    while (!range.empty()) refused = IsWeightZero(Take(range, ';')) || refused;
    if (!refused) return true;
  }
  return false;
}

std::optional<std::string> WithTauqContent(std::string_view answer, std::string_view question) {
  if (!AnswerText(answer)) return std::nullopt;
  std::string wrapper = "{";
  if (!question.empty()) {
    wrapper += "\"semantic_request\":";
    AppendJsonString(question, wrapper);
    wrapper += ',';
  }
  wrapper.append("\"response\":").append(answer).append("}");
  const Result<std::string> text = tauq::Encode(wrapper);
  if (!text) return std::nullopt;

  json::Document document;
  if (!document.Parse(answer).empty()) return std::nullopt;
  const json::Value choices = document.root().Find("choices");
  const json::Value content = (*choices.elements().begin()).Find("message").Find("content");
  std::string reply(answer.substr(0, content.begin()));
  AppendJsonString(*text, reply);
  reply.append(answer.substr(content.end()));
  return reply;
}

}  // namespace reflex::wire
