// The request head's parser beside a second, slow reading of the same rules: both accept the same bytes and frame the body alike.
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/detail/head_parser.h"

namespace {

using namespace reflex::http;
using Kind = HeadVerdict::Kind;

struct Reading {
  std::size_t head_bytes = 0;
  std::string method, target, host;
  std::size_t fields = 0;
  bool chunked = false;
  bool keep_alive = false;
  std::optional<std::uint64_t> length;
};

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::vector<std::string> Split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(by, at)) != std::string::npos; at = found + by.size())
    parts.push_back(text.substr(at, found - at));
  parts.push_back(text.substr(at));
  return parts;
}

std::string Trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool AllOf(const std::string& text, bool (*good)(unsigned char)) {
  for (const char c : text) {
    if (!good(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}
bool Alnum(unsigned char c) { return c < 0x80 && std::isalnum(c) != 0; }
bool Token(unsigned char c) {
  return Alnum(c) || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string::npos);
}
bool Visible(unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; }
bool HostByte(unsigned char c) {
  return Alnum(c) || (c != 0 && std::string_view("-._~%!$&'()*+;=:[]").find(static_cast<char>(c)) != std::string::npos);
}
bool Text(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }
bool Digit(unsigned char c) { return c >= '0' && c <= '9'; }

using Fields = std::vector<std::pair<std::string, std::string>>;

std::vector<std::string> Values(const Fields& fields, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields) {
    if (key == name) values.push_back(value);
  }
  return values;
}

bool ReadFields(const std::vector<std::string>& lines, Fields& fields) {
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string::npos || !AllOf(lines[i].substr(0, colon), Token)) return false;
    const std::string value = lines[i].substr(colon + 1);
    if (!value.empty() && !AllOf(value, Text)) return false;
    fields.emplace_back(Lower(lines[i].substr(0, colon)), Trim(value));
  }
  return fields.size() <= kHeaderFieldsMax;
}

bool ReadTarget(Reading& reading) {
  if (reading.method == "CONNECT") return false;
  if (reading.target == "*") return reading.method == "OPTIONS";
  if (reading.target[0] == '/') return true;
  const std::size_t scheme = reading.target.find("://");
  if (scheme == std::string::npos) return false;
  const std::string name = Lower(reading.target.substr(0, scheme));
  if (name != "http" && name != "https") return false;
  const std::string rest = reading.target.substr(scheme + 3);
  const std::size_t slash = rest.find('/');
  reading.host = rest.substr(0, slash);
  reading.target = slash != std::string::npos ? rest.substr(slash) : reading.method == "OPTIONS" ? "*" : "/";
  return AllOf(reading.host, HostByte);
}

bool ReadFraming(const Fields& fields, bool http10, Reading& reading) {
  const std::vector<std::string> hosts = Values(fields, "host");
  if (hosts.size() > 1 || (hosts.empty() && !http10)) return false;
  if (!hosts.empty() && !AllOf(hosts[0], HostByte)) return false;
  if (!hosts.empty()) reading.host = hosts[0];
  const std::vector<std::string> lengths = Values(fields, "content-length");
  const std::vector<std::string> codings = Values(fields, "transfer-encoding");
  if (lengths.size() + codings.size() > 1 || (http10 && !codings.empty())) return false;
  if (!codings.empty() && Lower(codings[0]) != "chunked") return false;
  reading.chunked = !codings.empty();
  if (!lengths.empty()) {
    if (!AllOf(lengths[0], Digit) || lengths[0].size() > 18) return false;
    reading.length = std::strtoull(lengths[0].c_str(), nullptr, 10);
  }
  for (const std::string& expected : Values(fields, "expect")) {
    if (Lower(expected) != "100-continue") return false;
  }
  bool close = false;
  bool keep = false;
  for (const std::string& list : Values(fields, "connection")) {
    for (const std::string& item : Split(list, ",")) {
      close = close || Lower(Trim(item)) == "close";
      keep = keep || Lower(Trim(item)) == "keep-alive";
    }
  }
  reading.keep_alive = !close && (!http10 || keep);
  return true;
}

// What a whole, acceptable head says; nothing if it is neither.
std::optional<Reading> ReadSlowly(const std::string& bytes) {
  std::size_t start = 0;
  for (int i = 0; i < 4 && bytes.compare(start, 2, "\r\n") == 0; ++i) start += 2;
  const std::size_t end = bytes.find("\r\n\r\n", start);
  if (end == std::string::npos) return std::nullopt;
  Reading reading;
  reading.head_bytes = end + 4;
  const std::vector<std::string> lines = Split(bytes.substr(start, end - start), "\r\n");
  const std::vector<std::string> words = Split(lines[0], " ");
  if (words.size() != 3 || !AllOf(words[0], Token) || words[0].size() > 32 || !AllOf(words[1], Visible)) return std::nullopt;
  if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0") return std::nullopt;
  reading.method = words[0];
  reading.target = words[1];
  Fields fields;
  if (!ReadFields(lines, fields)) return std::nullopt;
  reading.fields = fields.size();
  if (!ReadFraming(fields, words[2] == "HTTP/1.0", reading) || !ReadTarget(reading)) return std::nullopt;
  return reading;
}

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the two readings differ: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  RequestHead head;
  const HeadVerdict verdict = ParseRequestHead(bytes, head);
  const std::optional<Reading> reading = ReadSlowly(bytes);
  Expect((verdict.kind == Kind::kDone) == reading.has_value(), "accepted");
  if (reading) {
    Expect(verdict.head_bytes == reading->head_bytes, "length of the head");
    Expect(head.method == reading->method && head.target == reading->target && head.host == reading->host, "request line");
    Expect(head.headers.size() == reading->fields, "number of fields");
    Expect(head.chunked == reading->chunked && head.content_length == reading->length, "framing of the body");
    Expect(head.keep_alive == reading->keep_alive, "keep-alive");
  }
  // A part of the bytes never gets another verdict than "more".
  const std::size_t part = size == 0 ? 0 : data[size - 1] * size / 256;
  RequestHead part_head;
  const HeadVerdict part_verdict = ParseRequestHead(std::string_view(bytes).substr(0, part), part_head);
  if (part_verdict.kind != Kind::kIncomplete) {
    Expect(part_verdict.kind == verdict.kind && part_verdict.head_bytes == verdict.head_bytes, "verdict on a part");
  }
  ResponseHead response;
  ParseResponseHead(bytes, response);
  return 0;
}
