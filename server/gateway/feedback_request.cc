#include "gateway/feedback_request.h"

#include <utility>

#include "base/digest.h"
#include "wire/json.h"

namespace reflex::gateway {
namespace {

using wire::json::Value;

constexpr std::string_view kAllowed =
    R"(; allowed is {"request": the x-request-id of a reply, "verdict": "wrong" or "right"}, or "entry" (what X-Reflex-Entry said) and )"
    R"("body" (the chat request) in place of "request")";

std::unexpected<Error> Bad(std::string what) { return Fail(ErrorCode::kInvalidArgument, what.append(kAllowed)); }

Result<void> ReadMember(std::string_view name, Value value, FeedbackRequest& request, bool& has_verdict) {
  if (name == "verdict") {
    request.wrong = value.text() == "wrong";
    has_verdict = request.wrong || value.text() == "right";
    return has_verdict ? Result<void>() : Bad("\"verdict\" is neither \"wrong\" nor \"right\"");
  }
  if (name == "request") {
    request.request_id = value.text();
    return request.request_id.empty() ? Bad("\"request\" must be a string, not empty") : Result<void>();
  }
  if (name == "entry") {
    const Result<Digest> entry = base::DigestFromHex(value.text());
    if (!entry) return Bad("\"entry\" must be 64 hexadecimal digits");
    request.entry = *entry;
    return {};
  }
  if (name == "body") {
    if (!value.IsObject()) return Bad("\"body\" must be an object");
    request.body = value.raw();
    return {};
  }
  return Bad("\"" + std::string(name.substr(0, 64)) + "\" is not known");
}

}  // namespace

Result<FeedbackRequest> ParseFeedbackRequest(std::string_view body) {
  wire::json::Document document;
  const std::string_view refusal = document.Parse(body);
  if (!refusal.empty()) return Bad("the body cannot be read (" + std::string(refusal) + ")");
  if (!document.root().IsObject()) return Bad("the body must be a JSON object");
  FeedbackRequest request;
  bool has_verdict = false;
  for (const wire::json::Member member : document.root().members()) {
    REFLEX_CHECK(ReadMember(member.name(), member.value, request, has_verdict));
  }
  if (!has_verdict) return Bad("\"verdict\" is missing");
  const bool by_request = !request.request_id.empty();
  const bool by_entry = request.entry.has_value() && !request.body.empty();
  if (by_request && (request.entry || !request.body.empty())) return Bad("\"request\" stands beside \"entry\" or \"body\"");
  if (!by_request && !by_entry) return Bad("neither \"request\" nor \"entry\" with \"body\" is there");
  return request;
}

}  // namespace reflex::gateway
