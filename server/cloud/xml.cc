#include "cloud/xml.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace reflex::cloud {
namespace {

constexpr std::size_t kLevelsMax = 32;
constexpr std::size_t kNameBytesMax = 128;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool IsNameByte(char c) { return c != '<' && c != '>' && c != '/' && c != '&' && c != '"' && c != '\'' && !IsSpace(c); }

void AppendUtf8(std::string& text, std::uint32_t point) {
  const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xC0 | point >> 6), add(0x80 | (point & 63));
  } else if (point < 0x10000) {
    add(0xE0 | point >> 12), add(0x80 | (point >> 6 & 63)), add(0x80 | (point & 63));
  } else {
    add(0xF0 | point >> 18), add(0x80 | (point >> 12 & 63)), add(0x80 | (point >> 6 & 63)), add(0x80 | (point & 63));
  }
}

// The character of what stands between '&' and ';'.
std::optional<std::uint32_t> Entity(std::string_view name) {
  if (name == "amp") return '&';
  if (name == "lt") return '<';
  if (name == "gt") return '>';
  if (name == "quot") return '"';
  if (name == "apos") return '\'';
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const bool hex = name.starts_with('x');
  if (hex) name.remove_prefix(1);
  std::uint32_t point = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), point, hex ? 16 : 10);
  if (name.empty() || error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (point == 0 || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return std::nullopt;
  return point;
}

class Reader {
 public:
  Reader(std::string_view xml, const std::function<void(std::string_view, std::string_view)>& element)
      : rest_(xml), element_(element) {}

  // False where the form is broken.
  bool Read() {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    while (!rest_.empty()) {
      if (!Step()) return false;
    }
    return levels_.empty() && rooted_;
  }

 private:
  bool Step() {
    if (rest_.front() != '<') return Text();
    if (rest_.starts_with("<?")) return SkipPast("?>");
    if (rest_.starts_with("<!--")) return SkipPast("-->");
    if (rest_.starts_with("<![CDATA[")) return Cdata();
    if (rest_.starts_with("</")) return End();
    if (rest_.starts_with("<!")) return false;
    return Start();
  }

  bool SkipPast(std::string_view mark) {
    const std::size_t at = rest_.find(mark);
    if (at == rest_.npos) return false;
    rest_.remove_prefix(at + mark.size());
    return true;
  }

  bool Cdata() {
    rest_.remove_prefix(std::string_view("<![CDATA[").size());
    const std::size_t end = rest_.find("]]>");
    if (end == rest_.npos || levels_.empty()) return false;
    levels_.back().text.append(rest_.substr(0, end));
    rest_.remove_prefix(end + 3);
    return true;
  }

  bool Text() {
    std::string_view text = rest_.substr(0, rest_.find('<'));
    rest_.remove_prefix(text.size());
    if (levels_.empty()) {
      while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
      return text.empty();
    }
    std::string& to = levels_.back().text;
    while (!text.empty()) {
      const std::size_t amp = std::min(text.find('&'), text.size());
      to.append(text.substr(0, amp));
      text.remove_prefix(amp);
      if (text.empty()) break;
      const std::size_t end = text.find(';');
      const std::optional<std::uint32_t> point = end == text.npos ? std::nullopt : Entity(text.substr(1, end - 1));
      if (!point) return false;
      AppendUtf8(to, *point);
      text.remove_prefix(end + 1);
    }
    return true;
  }

  std::string_view Name() {
    std::size_t size = 0;
    while (size < rest_.size() && IsNameByte(rest_[size])) ++size;
    const std::string_view name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return name;
  }

  bool Start() {
    rest_.remove_prefix(1);
    const std::string_view name = Name();
    if (name.empty() || name.size() > kNameBytesMax || levels_.size() == kLevelsMax || (levels_.empty() && rooted_)) return false;
    rooted_ = true;
    // Attributes: anything up to the '>' outside quotes.
    char quote = 0;
    std::size_t at = 0;
    for (; at < rest_.size() && (quote != 0 || rest_[at] != '>'); ++at) {
      const char c = rest_[at];
      if (quote == 0 && (c == '"' || c == '\''))
        quote = c;
      else if (c == quote)
        quote = 0;
      else if (quote == 0 && c == '<')
        return false;
    }
    if (at == rest_.size()) return false;
    const bool empty = at > 0 && rest_[at - 1] == '/';
    rest_.remove_prefix(at + 1);
    const std::size_t path_before = path_.size();
    if (!path_.empty()) path_ += '/';
    path_.append(name);
    levels_.push_back({std::string(name), {}, path_before});
    if (empty) Close();
    return true;
  }

  bool End() {
    rest_.remove_prefix(2);
    const std::string_view name = Name();
    while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
    if (!rest_.starts_with('>') || levels_.empty() || levels_.back().name != name) return false;
    rest_.remove_prefix(1);
    Close();
    return true;
  }

  void Close() {
    element_(path_, levels_.back().text);
    path_.resize(levels_.back().path_before);
    levels_.pop_back();
  }

  struct Level {
    std::string name;
    std::string text;
    std::size_t path_before = 0;
  };

  std::string_view rest_;
  const std::function<void(std::string_view, std::string_view)>& element_;
  std::vector<Level> levels_;
  std::string path_;
  bool rooted_ = false;
};

}  // namespace

Result<void> ReadXml(std::string_view xml, const std::function<void(std::string_view path, std::string_view text)>& element) {
  if (!Reader(xml, element).Read()) return Fail(ErrorCode::kProtocol, "the answer is no XML that the service documents");
  return {};
}

}  // namespace reflex::cloud
