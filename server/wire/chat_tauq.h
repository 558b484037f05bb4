#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reflex::wire {

// The media type that asks for Tauq in Accept.
inline constexpr std::string_view kTauqMediaType = "application/vnd.reflex+tauq";

// A plain answer whose message's content is Tauq text of {"semantic_request": question, "response": the answer itself}; every other
// byte stays. Without `question` ("") the first member is left out. Nullopt where there is no one content to take that place: no
// JSON, several choices, calls of tools, a refusal, no text; and for what Tauq refuses (wire/tauq.h). Thread-safe.
std::optional<std::string> WithTauqContent(std::string_view answer, std::string_view question);

// An Accept field names the media type with a weight above 0.
bool AcceptsTauq(std::string_view accept);

}  // namespace reflex::wire
