#include <string>
#include <string_view>

#include "remote/service.h"
#include "wire/json.h"

namespace reflex::remote {
namespace {

constexpr std::size_t kRefusalBytesMax = 200;

std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, kRefusalBytesMax));
  // Not in the middle of a character, and nothing that would end a log line.
  while (text.size() > line.size() && !line.empty() && (static_cast<unsigned char>(text[line.size()]) & 0xC0) == 0x80)
    line.pop_back();
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '"' || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

std::string RefusalText(const ServiceReply& reply) {
  wire::json::Document document;
  if (document.Parse(reply.body).empty()) {
    const wire::json::Value root = document.root();
    for (const wire::json::Value said : {root.Find("status").Find("error"), root.Find("error").Find("message"), root.Find("error"),
                                         root.Find("message"), root.Find("detail")}) {
      if (said.IsString()) return OneLine(said.text());
    }
  }
  return OneLine(reply.body);
}

}  // namespace reflex::remote
