// The chunked decoder beside a second, slow reading: the same bodies from the same bytes, however they are cut.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/detail/chunked.h"

namespace {

using reflex::http::ChunkedDecoder;

struct Decoded {
  std::string body;
  std::size_t consumed = 0;
  bool done = false;
  bool refused = false;
};

bool Token(char c) {
  return (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) != 0) ||
         (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string::npos);
}
bool Text(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }

std::string_view TakeTokens(std::string_view& line) {
  std::size_t size = 0;
  while (size < line.size() && Token(line[size])) ++size;
  const std::string_view taken = line.substr(0, size);
  line.remove_prefix(size);
  return taken;
}

bool TakeQuoted(std::string_view& line) {
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (!Text(line[i])) return false;
    if (line[i] == '\\') {
      ++i;
      if (i < line.size() && !Text(line[i])) return false;
    } else if (line[i] == '"') {
      line.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool GoodExtensions(std::string_view line) {
  while (!line.empty()) {
    if (line.front() != ';') return false;
    line.remove_prefix(1);
    if (TakeTokens(line).empty()) return false;
    if (line.empty() || line.front() != '=') continue;
    line.remove_prefix(1);
    if (!line.empty() && line.front() == '"') {
      if (!TakeQuoted(line)) return false;
    } else if (TakeTokens(line).empty()) {
      return false;
    }
  }
  return true;
}

// The line up to CRLF; nothing if it is not all there.
std::optional<std::string_view> TakeLine(std::string_view& input) {
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(end + 2);
  return line;
}

bool TakeTrailers(std::string_view& input, Decoded& decoded) {
  for (;;) {
    const auto line = TakeLine(input);
    if (!line) return false;
    if (line->empty()) return true;
    const std::size_t colon = line->find(':');
    std::string_view name = line->substr(0, colon);
    const bool good_name = colon != std::string_view::npos && colon > 0 && TakeTokens(name).size() == colon;
    for (const char c : line->substr(std::min(colon, line->size()))) decoded.refused = decoded.refused || !Text(c);
    if (!good_name || decoded.refused) {
      decoded.refused = true;
      return false;
    }
  }
}

// Reads whole lines and chunks; stops where something is wrong or missing. `refused` is exact only for whole lines.
Decoded ReadSlowly(std::string_view input) {
  Decoded decoded;
  const std::size_t size = input.size();
  for (;;) {
    auto line = TakeLine(input);
    if (!line) return decoded;
    std::size_t digits = 0;
    while (digits < line->size() && std::isxdigit(static_cast<unsigned char>((*line)[digits])) != 0) ++digits;
    const std::string number(line->substr(0, digits));
    if (digits == 0 || number.substr(std::min(number.find_first_not_of('0'), digits)).size() > 16 ||
        !GoodExtensions(line->substr(digits))) {
      decoded.refused = true;
      return decoded;
    }
    const std::uint64_t chunk = std::strtoull(number.c_str(), nullptr, 16);
    if (chunk == 0) {
      decoded.done = TakeTrailers(input, decoded);
      decoded.consumed = size - input.size();
      return decoded;
    }
    decoded.body += input.substr(0, chunk);
    if (input.size() < chunk) return decoded;
    input.remove_prefix(chunk);
    if (input.size() >= 2 && !input.starts_with("\r\n")) {
      decoded.refused = true;
      return decoded;
    }
    if (input.size() < 2) return decoded;
    input.remove_prefix(2);
  }
}

Decoded Decode(std::string_view input, std::size_t step) {
  Decoded decoded;
  ChunkedDecoder decoder;
  while (!input.empty() && !decoder.done()) {
    std::string_view piece = input.substr(0, step);
    input.remove_prefix(piece.size());
    while (!piece.empty() && !decoder.done()) {
      const auto one = decoder.Decode(piece);
      if (!one) {
        decoded.refused = true;
        return decoded;
      }
      decoded.body += one->data;
      decoded.consumed += one->consumed;
      piece.remove_prefix(one->consumed);
    }
  }
  decoded.done = decoder.done();
  return decoded;
}

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the two readings differ: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4000) return 0;  // Below the limits on extensions and trailers, which the slow reading has not.
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded whole = Decode(input, input.size() + 1);
  const Decoded pieces = Decode(input, data[0] % 64 + 1);
  Expect(whole.body == pieces.body && whole.done == pieces.done && whole.refused == pieces.refused, "whole and in pieces");
  Expect(whole.consumed == pieces.consumed || whole.refused, "bytes used");
  const Decoded slow = ReadSlowly(input);
  Expect(whole.done == slow.done, "the end");
  if (slow.refused) Expect(whole.refused, "refused");
  if (whole.done) Expect(whole.body == slow.body && whole.consumed == slow.consumed, "the body");
  return 0;
}
