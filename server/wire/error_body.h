#pragma once

#include <string>
#include <string_view>

namespace reflex::wire {

// {"error":{"message","type","param":null,"code"}}: the OpenAI envelope. Text is escaped; invalid UTF-8 replaced.
// An empty type or code is null.
std::string ErrorBody(std::string_view message, std::string_view type, std::string_view code);

// The same as one stream event, for a stream that cannot go on: "data: {…}\n\n".
std::string ErrorEvent(std::string_view message, std::string_view type, std::string_view code);

// Appends `text` as a JSON string, quotes included.
void AppendJsonString(std::string_view text, std::string& out);
std::string JsonString(std::string_view text);

}  // namespace reflex::wire
