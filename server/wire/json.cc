#include "wire/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <limits>

#include <simdjson.h>

#include "wire/reason.h"
#include "wire/text_scan.h"

namespace reflex::wire::json {
namespace {

// Objects with up to so many members are checked for double names by fingerprint, without sorting.
constexpr std::size_t kSmallObject = 16;
constexpr std::size_t kKeepNodes = 1 << 15;
constexpr std::size_t kKeepBytes = 1 << 20;

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Differs for most different names; equal for equal ones.
std::uint64_t Fingerprint(std::string_view name) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(name.size(), 8); ++i) word = word << 8 | static_cast<unsigned char>(name[i]);
  if (name.size() > 8) word ^= static_cast<std::uint64_t>(static_cast<unsigned char>(name.back())) << 32;
  return word ^ name.size() * 0x9e3779b97f4a7c15ULL;
}

void AppendUtf8(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

}  // namespace

// One pass over a text. Recursive: the depth limit bounds the stack.
class Parser {
 public:
  Parser(Document& document, std::string_view source)
      : document_(document), nodes_(document.nodes_), begin_(source.data()), at_(begin_), end_(begin_ + source.size()) {}

  std::string_view Run() {
    SkipSpace();
    if (ReadValue(1)) {
      SkipSpace();
      if (at_ != end_) Refuse(reason::kNotJson);
    }
    document_.stopped_at_ = Offset();
    return refusal_;
  }

 private:
  bool Refuse(std::string_view why) {
    if (refusal_.empty()) refusal_ = why;
    return false;
  }

  void SkipSpace() {
    if (at_ < end_ && static_cast<unsigned char>(*at_) > ' ') return;
    while (at_ < end_ && IsSpace(*at_)) {
      ++at_;
      document_.has_space_ = true;
    }
  }

  std::uint32_t Offset() const { return static_cast<std::uint32_t>(at_ - begin_); }

  // A new node that starts here; its index. The node's address changes when further ones are added.
  std::uint32_t Open(Kind kind) {
    const auto index = static_cast<std::uint32_t>(nodes_.size());
    Node& node = nodes_.emplace_back();
    node.begin = Offset();
    node.kind = kind;
    return index;
  }
  bool Close(std::uint32_t index) {
    Node& node = nodes_[index];
    node.end = Offset();
    node.next = static_cast<std::uint32_t>(nodes_.size());
    return true;
  }

  bool ReadValue(int depth) {
    if (at_ == end_) return Refuse(reason::kNotJson);
    if (nodes_.size() >= kNodesMax) return Refuse(reason::kTooManyValues);
    switch (*at_) {
      case '"': return ReadString();
      case '{': return depth > kDepthMax ? Refuse(reason::kTooDeep) : ReadObject(depth);
      case '[': return depth > kDepthMax ? Refuse(reason::kTooDeep) : ReadArray(depth);
      case 't': return ReadWord("true", Kind::kTrue);
      case 'f': return ReadWord("false", Kind::kFalse);
      case 'n': return ReadWord("null", Kind::kNull);
      default: return ReadNumber();
    }
  }

  bool ReadWord(std::string_view word, Kind kind) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) {
      return Refuse(reason::kNotJson);
    }
    const std::uint32_t index = Open(kind);
    at_ += word.size();
    return Close(index);
  }

  bool Digits() {
    const char* const first = at_;
    while (at_ < end_ && IsDigit(*at_)) ++at_;
    return at_ != first;
  }

  bool ReadNumber() {
    const std::uint32_t index = Open(Kind::kNumber);
    if (*at_ == '-') ++at_;
    if (at_ < end_ && *at_ == '0') {
      ++at_;
    } else if (!Digits()) {
      return Refuse(reason::kNotJson);
    }
    if (at_ < end_ && *at_ == '.') {
      ++at_;
      if (!Digits()) return Refuse(reason::kNotJson);
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!Digits()) return Refuse(reason::kNotJson);
    }
    return Close(index);
  }

  bool ReadString() {
    const std::uint32_t index = Open(Kind::kString);
    const char* const content = ++at_;
    at_ = FindStringSpecial(at_, end_);
    if (at_ == end_) return Refuse(reason::kNotJson);
    Node& node = nodes_[index];
    if (*at_ == '"') {
      node.text = static_cast<std::uint32_t>(content - begin_);
      node.text_size = static_cast<std::uint32_t>(at_ - content);
    } else {
      std::string& decoded = document_.decoded_;
      // Decoded text is never longer than its source, so the reserve keeps it in place.
      if (decoded.empty()) decoded.reserve(static_cast<std::size_t>(end_ - begin_));
      node.decoded = true;
      node.text = static_cast<std::uint32_t>(decoded.size());
      decoded.append(content, at_);
      if (!DecodeRest(decoded)) return false;
      node.text_size = static_cast<std::uint32_t>(decoded.size() - node.text);
    }
    ++at_;
    return Close(index);
  }

  // From a special byte to the closing quote.
  bool DecodeRest(std::string& decoded) {
    while (*at_ != '"') {
      if (*at_ != '\\' || !DecodeEscape(decoded)) return Refuse(reason::kNotJson);
      const char* const run = at_;
      at_ = FindStringSpecial(at_, end_);
      if (at_ == end_) return Refuse(reason::kNotJson);
      decoded.append(run, at_);
    }
    return true;
  }

  bool DecodeEscape(std::string& decoded) {
    if (end_ - at_ < 2) return false;
    const char kind = at_[1];
    at_ += 2;
    switch (kind) {
      case '"':
      case '\\':
      case '/': decoded.push_back(kind); return true;
      case 'b': decoded.push_back('\b'); return true;
      case 'f': decoded.push_back('\f'); return true;
      case 'n': decoded.push_back('\n'); return true;
      case 'r': decoded.push_back('\r'); return true;
      case 't': decoded.push_back('\t'); return true;
      case 'u': return DecodeUnicode(decoded);
      default: return false;
    }
  }

  bool ReadHex(std::uint32_t& code) {
    if (end_ - at_ < 4) return false;
    code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = HexValue(at_[i]);
      if (digit < 0) return false;
      code = code << 4 | static_cast<std::uint32_t>(digit);
    }
    at_ += 4;
    return true;
  }

  bool DecodeUnicode(std::string& decoded) {
    std::uint32_t code = 0;
    if (!ReadHex(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
      std::uint32_t low = 0;
      if (code >= 0xdc00 || end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return Refuse(reason::kBadText);
      at_ += 2;
      if (!ReadHex(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return Refuse(reason::kBadText);
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    AppendUtf8(code, decoded);
    return true;
  }

  bool ReadArray(int depth) {
    const std::uint32_t index = Open(Kind::kArray);
    std::uint32_t count = 0;
    ++at_;
    SkipSpace();
    if (at_ < end_ && *at_ == ']') {
      ++at_;
      return Close(index);
    }
    for (;;) {
      if (!ReadValue(depth + 1)) return false;
      ++count;
      SkipSpace();
      if (at_ == end_) return Refuse(reason::kNotJson);
      const char c = *at_;
      if (c != ',' && c != ']') return Refuse(reason::kNotJson);
      ++at_;
      if (c == ']') break;
      SkipSpace();
    }
    nodes_[index].count = count;
    return Close(index);
  }

  bool ReadObject(int depth) {
    const std::uint32_t index = Open(Kind::kObject);
    std::array<std::uint64_t, kSmallObject> fingerprints;
    std::uint32_t count = 0;
    bool suspect = false;
    ++at_;
    SkipSpace();
    if (at_ < end_ && *at_ == '}') {
      ++at_;
      return Close(index);
    }
    for (;;) {
      if (at_ == end_ || *at_ != '"') return Refuse(reason::kNotJson);
      const auto key = static_cast<std::uint32_t>(nodes_.size());
      if (!ReadString()) return false;
      if (count < kSmallObject) {
        const std::uint64_t fingerprint = Fingerprint(Value(&document_, key).text());
        for (std::uint32_t i = 0; i < count; ++i) suspect |= fingerprints[i] == fingerprint;
        fingerprints[count] = fingerprint;
      }
      ++count;
      SkipSpace();
      if (at_ == end_ || *at_ != ':') return Refuse(reason::kNotJson);
      ++at_;
      SkipSpace();
      if (!ReadValue(depth + 1)) return false;
      SkipSpace();
      if (at_ == end_) return Refuse(reason::kNotJson);
      const char c = *at_;
      if (c != ',' && c != '}') return Refuse(reason::kNotJson);
      ++at_;
      if (c == '}') break;
      SkipSpace();
    }
    nodes_[index].count = count;
    Close(index);
    return (suspect || count > kSmallObject) && HasDoubleName(index) ? Refuse(reason::kDuplicateName) : true;
  }

  bool HasDoubleName(std::uint32_t index) {
    std::vector<std::string_view>& names = document_.names_;
    names.clear();
    for (const Member member : Value(&document_, index).members()) names.push_back(member.name());
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
  }

  Document& document_;
  std::vector<Node>& nodes_;
  const char* const begin_;
  const char* at_;
  const char* const end_;
  std::string_view refusal_;
};

std::string_view Document::Parse(std::string_view source) {
  source_ = source;
  nodes_.clear();
  decoded_.clear();
  has_space_ = false;
  stopped_at_ = 0;
  if (source.size() >= std::numeric_limits<std::uint32_t>::max()) return reason::kTooLarge;
  if (!simdjson::validate_utf8(source.data(), source.size())) return reason::kBadText;
  return Parser(*this, source).Run();
}

void Document::Trim() {
  if (nodes_.capacity() > kKeepNodes) std::vector<Node>().swap(nodes_);
  if (decoded_.capacity() > kKeepBytes) std::string().swap(decoded_);
  if (names_.capacity() > kKeepNodes) std::vector<std::string_view>().swap(names_);
}

bool Value::IsEmpty() const {
  if (IsNothing()) return true;
  switch (kind()) {
    case Kind::kNull:
    case Kind::kFalse: return true;
    case Kind::kTrue: return false;
    case Kind::kNumber: return Whole(1) == 0;
    case Kind::kString: return text().empty();
    case Kind::kArray:
    case Kind::kObject: break;
  }
  return size() == 0;
}

std::uint64_t Value::Whole(std::uint64_t otherwise) const {
  if (!IsNumber()) return otherwise;
  const std::string_view number = raw();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  return error == std::errc() && end == number.data() + number.size() ? value : otherwise;
}

Value Value::Find(std::string_view name) const {
  for (const Member member : members()) {
    if (member.name() == name) return member.value;
  }
  return {};
}

void Value::AppendCompact(std::string& out) const {
  const std::string_view text = raw();
  if (!document_->has_space()) {
    out.append(text);
    return;
  }
  const char* at = text.data();
  const char* const end = at + text.size();
  const char* run = at;
  while (at < end) {
    if (IsSpace(*at)) {
      out.append(run, at);
      while (at < end && IsSpace(*at)) ++at;
      run = at;
    } else if (*at == '"') {
      at = FindStringSpecial(at + 1, end);
      while (*at == '\\') at = FindStringSpecial(at + 2, end);
      ++at;
    } else {
      ++at;
    }
  }
  out.append(run, at);
}

}  // namespace reflex::wire::json
