#include "text/zones.h"

#include <algorithm>
#include <array>

#include "text/chars.h"

namespace reflex::text {
namespace {

constexpr std::size_t kDoubleQuotedMax = 2000, kSingleQuotedMax = 200;
constexpr std::string_view kFence = "```";

// Where a zone that begins at `at` ends; 0 when none begins there.
std::size_t SpanEnd(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with(kFence)) {
    const std::size_t close = rest.find(kFence, kFence.size());
    return close == std::string_view::npos ? text.size() : at + close + kFence.size();
  }
  const bool inside_word = at > 0 && (IsAlnum(text[at - 1]) || !IsAscii(text[at - 1]));
  const auto closing = [&](std::string_view open, std::string_view close, std::size_t bytes_max, bool word_end) -> std::size_t {
    const std::size_t last = std::min(rest.size(), bytes_max);
    for (std::size_t i = open.size(); i < last && rest[i] != '\n'; ++i) {
      if (!rest.substr(i).starts_with(close)) continue;
      const std::size_t end = i + close.size();
      if (!word_end || end >= rest.size() || !IsAlnum(rest[end])) return at + end;
    }
    return 0;
  };
  if (rest.starts_with("`")) return closing("`", "`", kDoubleQuotedMax, false);
  if (inside_word) return 0;
  if (rest.starts_with("\"")) return closing("\"", "\"", kDoubleQuotedMax, false);
  if (rest.starts_with("'") && rest.size() > 1 && !IsSpace(rest[1])) return closing("'", "'", kSingleQuotedMax, true);
  if (rest.starts_with("\xe2\x80\x9c")) return closing("\xe2\x80\x9c", "\xe2\x80\x9d", kDoubleQuotedMax, false);
  if (rest.starts_with("\xe2\x80\x98")) return closing("\xe2\x80\x98", "\xe2\x80\x99", kSingleQuotedMax, true);
  return 0;
}

void Append(std::vector<Zone>& zones, std::size_t begin, std::size_t end, bool verbatim) {
  if (begin == end) return;
  if (!zones.empty() && zones.back().verbatim == verbatim && !verbatim) {
    zones.back().end = end;
  } else {
    zones.push_back({begin, end, verbatim});
  }
}

template <std::size_t N>
bool StartsWithAny(std::string_view line, const std::array<std::string_view, N>& starts) {
  return std::ranges::any_of(starts, [&](std::string_view start) { return line.starts_with(start); });
}

}  // namespace

bool LooksLikeCode(std::string_view line, bool one_of_many) {
  constexpr auto kMarks = std::to_array<std::string_view>({"==", "!=", "=>",  "->", "::", "&&", "||", "</", "/>", "<-", ":=",
                                                           "+=", "-=", " = ", "${", "$(", "\\", "[]", "()", "){", "%s", "%d"});
  constexpr auto kStarts = std::to_array<std::string_view>(
      {"$ ",    "> ",      "//",       "/*",        "#!",      "@",       "#include", "def ",    "class ",   "import ",
       "from ", "public ", "private ", "function ", "const ",  "let ",    "var ",     "return ", "package ", "func ",
       "fn ",   "SELECT ", "INSERT ",  "UPDATE ",   "DELETE ", "CREATE ", "ALTER ",   "<"});
  while (!line.empty() && IsSpace(line.back())) line.remove_suffix(1);
  if (line.empty()) return false;
  if (one_of_many && (line.starts_with("  ") || line.starts_with("\t"))) return true;
  while (!line.empty() && IsSpace(line.front())) line.remove_prefix(1);
  if (Contains(";{}", line.back())) return true;
  // "class sizes in Finland" is no class: a keyword at the start of the only line needs a mark as well.
  if (one_of_many && StartsWithAny(line, kStarts)) return true;
  if (line.contains("SELECT ") && line.contains("FROM ")) return true;
  return std::ranges::any_of(kMarks, [&](std::string_view mark) { return line.contains(mark); });
}

std::vector<Zone> SplitZones(std::string_view text) {
  std::vector<Zone> zones;
  const bool many = text.contains('\n');
  std::size_t prose = 0;
  bool line_start = true;
  for (std::size_t at = 0; at < text.size();) {
    if (line_start && !text.substr(at).starts_with(kFence)) {
      const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
      const std::string_view line = text.substr(at, end - at);
      if (!line.contains(kFence) && LooksLikeCode(line, many)) {
        Append(zones, prose, at, false);
        Append(zones, at, end, true);
        prose = at = end;
        continue;
      }
    }
    line_start = text[at] == '\n';
    const std::size_t end = SpanEnd(text, at);
    if (end == 0) {
      ++at;
      continue;
    }
    Append(zones, prose, at, false);
    Append(zones, at, end, true);
    prose = at = end;
    line_start = false;
  }
  Append(zones, prose, text.size(), false);
  return zones;
}

}  // namespace reflex::text
