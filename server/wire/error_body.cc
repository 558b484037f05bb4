#include "wire/error_body.h"

#include <cstddef>
#include <cstdint>

#include "wire/text_scan.h"

namespace reflex::wire {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Bytes of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none (Unicode 15, table 3-7).
std::size_t SequenceBytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t bytes = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  if (bytes == 0 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool surrogate = lead == 0xed && second >= 0xa0;
  const bool too_high = lead == 0xf4 && second >= 0x90;
  return overlong || surrogate || too_high ? 0 : bytes;
}

void AppendEscape(char c, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

void AppendReplacingInvalid(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const std::size_t bytes = SequenceBytes(text);
    if (bytes == 0) {
      out += kReplacement;
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, bytes));
      text.remove_prefix(bytes);
    }
  }
}

bool IsAscii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

void AppendMember(std::string_view name, std::string_view text, std::string& out) {
  out += name;
  if (text.empty()) {
    out += "null";
  } else {
    AppendJsonString(text, out);
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool ascii = IsAscii(text);
  while (at < end) {
    const char* const run = at;
    at = FindStringSpecial(at, end);
    const std::string_view plain(run, static_cast<std::size_t>(at - run));
    if (ascii) {
      out.append(plain);
    } else {
      AppendReplacingInvalid(plain, out);
    }
    if (at < end) AppendEscape(*at++, out);
  }
  out += '"';
}

std::string ErrorBody(std::string_view message, std::string_view type, std::string_view code) {
  std::string body = R"({"error":{"message":)";
  AppendJsonString(message, body);
  AppendMember(R"(,"type":)", type, body);
  AppendMember(R"(,"param":null,"code":)", code, body);
  body += "}}";
  return body;
}

std::string ErrorEvent(std::string_view message, std::string_view type, std::string_view code) {
  return "data: " + ErrorBody(message, type, code) + "\n\n";
}

std::string JsonString(std::string_view text) {
  std::string quoted;
  AppendJsonString(text, quoted);
  return quoted;
}

}  // namespace reflex::wire
