// Any chat request as a question: another question in the same body has the same scope, and only that.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/chat_question.h"
#include "wire/chat_request.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace wire = reflex::wire;
  static wire::ChatRequestReader requests;
  static wire::ChatQuestionReader reader;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  static_cast<void>(wire::AnswerText(body));
  const auto request = requests.Read(body);
  const wire::ChatQuestion question = reader.Read(body, false);
  if (!request) return 0;
  const bool none = !question.not_semantic.empty();
  Require(none == question.text.empty() && none == (question.scope_form == reflex::Digest()));
  const std::string plain = wire::WithoutStream(body, std::nullopt);
  const auto plain_request = requests.Read(plain);
  Require(plain_request && !plain_request->stream && plain_request->canonical == request->canonical);
  if (none) return 0;
  const std::string other = wire::WithoutStream(body, "another \"question\"\n");
  const wire::ChatQuestion asked = reader.Read(other, false);
  Require(asked.not_semantic.empty() && asked.text == "another \"question\"\n" && asked.scope_form == question.scope_form);
  Require((requests.Read(other)->canonical == request->canonical) == (asked.text == question.text));
  Require(asked.scope_form != request->canonical);
  return 0;
}
