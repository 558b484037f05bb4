#include "http/detail/head_parser.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <string_view>

namespace reflex::http {
namespace {

using Kind = HeadVerdict::Kind;

constexpr std::size_t kMethodBytesMax = 32;
constexpr int kEmptyLinesMax = 4;

enum CharClass : std::uint8_t { kTokenChar = 1, kTargetChar = 2, kHostChar = 4 };

constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](std::string_view characters, int bits) {
    for (const char c : characters) classes[static_cast<unsigned char>(c)] |= static_cast<std::uint8_t>(bits);
  };
  mark("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", kTokenChar | kHostChar);
  mark("!#$%&'*+-.^_`|~", kTokenChar);    // RFC 9110 section 5.6.2.
  mark("-._~%!$&'()*+;=:[]", kHostChar);  // RFC 3986 section 3.2.2 with a port, without the comma that joins lists.
  for (std::size_t c = 0x21; c < 0x7f; ++c) classes[c] |= kTargetChar;
  classes['#'] &= static_cast<std::uint8_t>(~kTargetChar);  // A fragment never goes on the wire.
  return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

bool Is(char c, CharClass wanted) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; }

HeadVerdict Incomplete() { return {}; }
HeadVerdict Refuse(int status, const char* message) { return {Kind::kRefused, 0, status, message}; }

const char* SkipClass(const char* at, const char* end, CharClass wanted) {
  while (at != end && Is(*at, wanted)) ++at;
  return at;
}

// The first control character other than a tab, which in a good line is its CR.
const char* SkipText(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
    if (const int mask = _mm_movemask_epi8(bad)) return at + __builtin_ctz(static_cast<unsigned>(mask));
    at += 16;
  }
#endif
  while (at != end && ((static_cast<unsigned char>(*at) >= 0x20 && *at != 0x7f) || *at == '\t')) ++at;
  return at;
}

// At `at` a line is to end. Done with head_bytes 2 for CRLF, or what is wrong.
HeadVerdict LineEnd(const char* at, const char* end) {
  if (at == end) return Incomplete();
  if (*at == '\n') return Refuse(400, "A line ends in LF without CR.");
  if (*at != '\r') return Refuse(400, "A header field holds a control character.");
  if (at + 1 == end) return Incomplete();
  if (at[1] != '\n') return Refuse(400, "A CR is not followed by LF.");
  return {Kind::kDone, 2, 0, ""};
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

HeadVerdict RefuseName(const char* name, const char* at) {
  if (*at == ' ' || *at == '\t') {
    if (at == name) return Refuse(400, "A header line is folded.");
    return Refuse(400, "There is white space before the colon of a header field.");
  }
  if (*at == ':') return Refuse(400, "A header field has no name.");
  if (*at == '\n') return Refuse(400, "A line ends in LF without CR.");
  return Refuse(400, "A header field's name holds a character that is not allowed, or there is no colon.");
}

// Reads one field from `at` on; done with the bytes of its line.
HeadVerdict ParseField(const char* at, const char* end, Header& field) {
  const char* const line = at;
  at = SkipClass(at, end, kTokenChar);
  if (at == end) return Incomplete();
  if (*at != ':' || at == line) return RefuseName(line, at);
  field.name = std::string_view(line, at);
  ++at;
  while (at != end && IsBlank(*at)) ++at;
  const char* const value = at;
  at = SkipText(at, end);
  HeadVerdict verdict = LineEnd(at, end);
  if (verdict.kind != Kind::kDone) return verdict;
  const char* value_end = at;
  while (value_end != value && IsBlank(value_end[-1])) --value_end;
  field.value = std::string_view(value, value_end);
  verdict.head_bytes = static_cast<std::size_t>(at + 2 - line);
  return verdict;
}

// Reads all fields and the empty line; done with the bytes of all of them.
HeadVerdict ParseFields(const char* at, const char* end, std::vector<Header>& headers) {
  const char* const first = at;
  headers.clear();
  for (;;) {
    if (at == end) return Incomplete();
    if (*at == '\r') {
      HeadVerdict verdict = LineEnd(at, end);
      if (verdict.kind == Kind::kDone) verdict.head_bytes = static_cast<std::size_t>(at + 2 - first);
      return verdict;
    }
    if (headers.size() == kHeaderFieldsMax) return Refuse(431, "There are too many header fields.");
    Header& field = headers.emplace_back();
    const HeadVerdict verdict = ParseField(at, end, field);
    if (verdict.kind != Kind::kDone) return verdict;
    at += verdict.head_bytes;
  }
}

// What the fields that frame a message say, read the same way for requests and replies.
struct Framing {
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  bool lengths_agree = true;
  bool bad_length = false;
  bool only_chunked = true;
  std::optional<std::uint64_t> content_length;
  std::string_view host;
  bool close = false;
  bool keep_alive = false;
  bool connection_upgrade = false;
  bool has_upgrade = false;
  bool expects_continue = false;
  bool expects_other = false;
};

std::optional<std::uint64_t> ParseLength(std::string_view digits) {
  if (digits.empty() || digits.size() > 18) return std::nullopt;  // 18 digits fit in 64 bits.
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

void ReadLength(std::string_view value, Framing& framing) {
  const std::optional<std::uint64_t> length = ParseLength(value);
  if (!length) framing.bad_length = true;
  if (framing.lengths++ > 0 && framing.content_length != length) framing.lengths_agree = false;
  framing.content_length = length;
}

void ReadConnection(std::string_view list, Framing& framing) {
  while (!list.empty()) {
    std::size_t length = list.find(',');
    if (length == std::string_view::npos) length = list.size();
    std::string_view item = list.substr(0, length);
    list.remove_prefix(std::min(list.size(), length + 1));
    while (!item.empty() && IsBlank(item.front())) item.remove_prefix(1);
    while (!item.empty() && IsBlank(item.back())) item.remove_suffix(1);
    if (EqualsIgnoringCase(item, "close")) framing.close = true;
    if (EqualsIgnoringCase(item, "keep-alive")) framing.keep_alive = true;
    if (EqualsIgnoringCase(item, "upgrade")) framing.connection_upgrade = true;
  }
}

void ReadExpect(std::string_view value, Framing& framing) {
  if (EqualsIgnoringCase(value, "100-continue")) {
    framing.expects_continue = true;
  } else {
    framing.expects_other = true;
  }
}

Framing ReadFraming(const std::vector<Header>& headers) {
  Framing framing;
  for (const Header& header : headers) {
    const std::string_view name = header.name;
    switch (name.size()) {  // Most fields differ already in length.
      case 4:
        if (EqualsIgnoringCase(name, "host")) ++framing.hosts, framing.host = header.value;
        break;
      case 6:
        if (EqualsIgnoringCase(name, "expect")) ReadExpect(header.value, framing);
        break;
      case 7:
        if (EqualsIgnoringCase(name, "upgrade")) framing.has_upgrade = true;
        break;
      case 10:
        if (EqualsIgnoringCase(name, "connection")) ReadConnection(header.value, framing);
        break;
      case 14:
        if (EqualsIgnoringCase(name, "content-length")) ReadLength(header.value, framing);
        break;
      case 17:
        if (!EqualsIgnoringCase(name, "transfer-encoding")) break;
        if (framing.codings++ > 0 || !EqualsIgnoringCase(header.value, "chunked")) framing.only_chunked = false;
        break;
      default: break;
    }
  }
  return framing;
}

bool ValidHost(std::string_view host) {
  return !host.empty() && SkipClass(host.data(), host.data() + host.size(), kHostChar) == host.data() + host.size();
}

// "HTTP/1.x" at `at`, which has at least 8 bytes. The minor version, or -1 for another version, or -2 for no version.
int ParseVersion(const char* at) {
  const std::string_view version(at, 8);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!version.starts_with("HTTP/") || !digit(version[5]) || version[6] != '.' || !digit(version[7])) return -2;
  if (version[5] != '1' || version[7] > '1') return -1;
  return version[7] - '0';
}

constexpr const char* kBadRequestLine = "The request line is malformed.";

// Method, target and version; done with the bytes of the line.
HeadVerdict ParseRequestLine(const char* at, const char* end, RequestHead& head) {
  const char* const line = at;
  at = SkipClass(at, end, kTokenChar);
  if (at - line > static_cast<std::ptrdiff_t>(kMethodBytesMax)) return Refuse(400, "The method is too long.");
  if (at == end) return Incomplete();
  if (*at != ' ' || at == line) return Refuse(400, kBadRequestLine);
  head.method = std::string_view(line, at);
  const char* const target = ++at;
  at = SkipClass(at, end, kTargetChar);
  if (at == end) return Incomplete();
  if (*at != ' ' || at == target) return Refuse(400, "The request's target is missing or holds a character that is not allowed.");
  head.target = std::string_view(target, at);
  ++at;
  if (end - at < 8)
    return std::string_view(at, end).find('\n') == std::string_view::npos ? Incomplete() : Refuse(400, kBadRequestLine);
  head.minor_version = ParseVersion(at);
  if (head.minor_version == -2) return Refuse(400, kBadRequestLine);
  if (head.minor_version == -1) return Refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  at += 8;
  if (at == end) return Incomplete();
  if (*at != '\r' && *at != '\n') return Refuse(400, kBadRequestLine);
  HeadVerdict verdict = LineEnd(at, end);
  if (verdict.kind == Kind::kDone) verdict.head_bytes = static_cast<std::size_t>(at + 2 - line);
  return verdict;
}

// Cuts an absolute-form target to its origin-form and its authority; null, or what is wrong.
const char* CutAbsoluteForm(RequestHead& head, std::string_view& authority) {
  const std::size_t colon = head.target.find("://");
  if (colon == std::string_view::npos) return "The request's target is neither a path nor an http URL.";
  const std::string_view scheme = head.target.substr(0, colon);
  if (!EqualsIgnoringCase(scheme, "http") && !EqualsIgnoringCase(scheme, "https"))
    return "The target's scheme is not http or https.";
  const std::string_view rest = head.target.substr(colon + 3);
  const std::size_t slash = rest.find('/');
  authority = rest.substr(0, slash);
  if (!ValidHost(authority)) return "The target's authority is malformed.";
  if (slash != std::string_view::npos) {
    head.target = rest.substr(slash);
  } else {
    head.target = head.method == "OPTIONS" ? "*" : "/";
  }
  return nullptr;
}

HeadVerdict InterpretTarget(const Framing& framing, RequestHead& head) {
  if (head.method == "CONNECT") return Refuse(501, "CONNECT is not offered here.");
  head.host = framing.host;
  if (head.target == "*") {
    if (head.method != "OPTIONS") return Refuse(400, "Only OPTIONS may have the target \"*\".");
  } else if (head.target.front() != '/') {
    std::string_view authority;
    if (const char* wrong = CutAbsoluteForm(head, authority)) return Refuse(400, wrong);
    head.host = authority;
  }
  const std::size_t question = head.target.find('?');
  head.path = head.target.substr(0, question);
  head.query = question == std::string_view::npos ? std::string_view() : head.target.substr(question + 1);
  return {Kind::kDone, 0, 0, ""};
}

HeadVerdict CheckRequestFraming(const Framing& framing, int minor_version) {
  if (framing.hosts > 1) return Refuse(400, "There are several Host fields.");
  if (framing.hosts == 0 && minor_version > 0) return Refuse(400, "There is no Host field.");
  if (framing.hosts == 1 && !ValidHost(framing.host)) return Refuse(400, "The Host field is empty or malformed.");
  if (framing.codings > 0 && framing.lengths > 0) return Refuse(400, "There are both Content-Length and Transfer-Encoding.");
  if (framing.lengths > 1) return Refuse(400, "There are several Content-Length fields.");
  if (framing.bad_length) return Refuse(400, "The Content-Length is not a plain number.");
  if (framing.codings > 0 && minor_version == 0) return Refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
  if (!framing.only_chunked) return Refuse(501, "The only transfer coding understood is \"chunked\".");
  if (framing.expects_other) return Refuse(417, "The only expectation understood is \"100-continue\".");
  return {Kind::kDone, 0, 0, ""};
}

HeadVerdict InterpretRequest(RequestHead& head) {
  const Framing framing = ReadFraming(head.headers);
  HeadVerdict verdict = CheckRequestFraming(framing, head.minor_version);
  if (verdict.kind != Kind::kDone) return verdict;
  head.content_length = framing.content_length;
  head.chunked = framing.codings > 0;
  head.keep_alive = !framing.close && (head.minor_version > 0 || framing.keep_alive);
  head.expects_continue = framing.expects_continue && head.minor_version > 0;
  head.upgrade = framing.connection_upgrade && framing.has_upgrade && head.minor_version > 0;
  return InterpretTarget(framing, head);
}

// "HTTP/1.1 200 OK"; done with the bytes of the line.
HeadVerdict ParseStatusLine(const char* at, const char* end, ResponseHead& head) {
  const char* const line = at;
  if (end - at < 12)
    return std::string_view(at, end).find('\n') == std::string_view::npos ? Incomplete() : Refuse(400, "bad status line");
  head.minor_version = ParseVersion(at);
  if (head.minor_version < 0) return Refuse(400, "the reply is not HTTP/1");
  at += 8;
  head.status = 0;
  for (int i = 1; i <= 3; ++i) {
    if (at[i] < '0' || at[i] > '9') return Refuse(400, "bad status line");
    head.status = head.status * 10 + (at[i] - '0');
  }
  if (*at != ' ' || head.status < 100) return Refuse(400, "bad status line");
  at += 4;
  if (at == end) return Incomplete();
  if (*at == ' ') {
    const char* const reason = ++at;
    at = SkipText(at, end);
    head.reason = std::string_view(reason, at);
  } else {
    head.reason = {};
  }
  if (at != end && *at != '\r') return Refuse(400, "bad status line");
  HeadVerdict verdict = LineEnd(at, end);
  if (verdict.kind == Kind::kDone) verdict.head_bytes = static_cast<std::size_t>(at + 2 - line);
  return verdict;
}

}  // namespace

bool IsToken(char c) { return Is(c, kTokenChar); }

HeadVerdict ParseRequestHead(std::string_view bytes, RequestHead& head) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* at = begin;
  // Some clients end a body with a CRLF that it does not have (RFC 9112 section 2.2).
  for (int lines = 0; at != end && *at == '\r'; ++lines) {
    const HeadVerdict verdict = LineEnd(at, end);
    if (verdict.kind != Kind::kDone) return verdict;
    if (lines == kEmptyLinesMax) return Refuse(400, "There are empty lines instead of a request.");
    at += 2;
  }
  const HeadVerdict first = ParseRequestLine(at, end, head);
  if (first.kind != Kind::kDone) return first;
  at += first.head_bytes;
  const HeadVerdict fields = ParseFields(at, end, head.headers);
  if (fields.kind != Kind::kDone) return fields;
  at += fields.head_bytes;
  HeadVerdict verdict = InterpretRequest(head);
  verdict.head_bytes = static_cast<std::size_t>(at - begin);
  return verdict;
}

HeadVerdict ParseResponseHead(std::string_view bytes, ResponseHead& head) {
  const char* const end = bytes.data() + bytes.size();
  const HeadVerdict first = ParseStatusLine(bytes.data(), end, head);
  if (first.kind != Kind::kDone) return first;
  const HeadVerdict fields = ParseFields(bytes.data() + first.head_bytes, end, head.headers);
  if (fields.kind != Kind::kDone) return fields;
  const Framing framing = ReadFraming(head.headers);
  if (framing.codings > 0 && framing.lengths > 0) return Refuse(400, "the reply has both Content-Length and Transfer-Encoding");
  if (framing.bad_length || !framing.lengths_agree) return Refuse(400, "the reply's Content-Length is malformed");
  if (!framing.only_chunked || (framing.codings > 0 && head.minor_version == 0)) {
    return Refuse(501, "the reply's Transfer-Encoding is not understood");
  }
  head.content_length = framing.content_length;
  head.chunked = framing.codings > 0;
  head.keep_alive = !framing.close && (head.minor_version > 0 || framing.keep_alive);
  return {Kind::kDone, first.head_bytes + fields.head_bytes, 0, ""};
}

}  // namespace reflex::http
