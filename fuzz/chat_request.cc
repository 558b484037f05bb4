// Any bytes as a chat request: no crash, the same verdict as simdjson where both have one, and a key that white space does not
// change.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "wire/chat_request.h"
#include "wire/reason.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// The body with a space wherever one may stand and does not count.
std::string Spaced(std::string_view body) {
  std::string spaced;
  bool in_string = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    const bool mark = !in_string && std::string_view("{}[],:").find(c) != std::string_view::npos;
    if (mark) spaced += " \n";
    spaced += c;
    if (mark) spaced += "\t\r";
    if (in_string && c == '\\') spaced += body[++i];
    if (c == '"') in_string = !in_string;
  }
  return spaced;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace wire = reflex::wire;
  static wire::ChatRequestReader reader;
  static simdjson::dom::parser other;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto request = reader.Read(body);
  const auto verdict = other.parse(body.data(), body.size()).error();
  if (!request) {
    if (request.error().message == wire::reason::kNotJson) Require(verdict != simdjson::SUCCESS);
    return 0;
  }
  Require(verdict == simdjson::SUCCESS || verdict == simdjson::NUMBER_ERROR);
  const auto spaced = reader.Read(Spaced(body));
  Require(spaced && spaced->canonical == request->canonical);
  if (request->stream) {
    const auto edited = reader.Read(wire::WithUsageRequested(body));
    Require(edited && edited->include_usage && edited->canonical == request->canonical);
  }
  return 0;
}
