#include "text/signs.h"

#include <algorithm>
#include <cstddef>

#include "text/chars.h"

namespace reflex::text {
namespace {

constexpr std::string_view kQuotes = "\"'`";

std::size_t Dashes(std::string_view option) { return option.starts_with("--") ? 2 : 1; }

bool AreSame(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const std::string_view name_a = a.substr(Dashes(a)), name_b = b.substr(Dashes(b));
  if (Dashes(a) != Dashes(b)) {
    const std::string_view letter = Dashes(a) == 1 ? name_a : name_b;
    return letter.size() == 1 && name_a.front() == name_b.front();
  }
  return Dashes(a) == 1 && std::ranges::is_permutation(name_a, name_b);
}

constexpr std::string_view kSigns = "*^$\\[]{}|+";

// Not "C++?", nor a word with the question's mark.
bool IsPattern(std::string_view token) {
  if (!token.empty() && token.find('?') < token.size() - 1) return true;
  if (token.ends_with('?')) token.remove_suffix(1);
  if (token.ends_with("++")) token.remove_suffix(2);
  return token.find_first_of(kSigns) != std::string_view::npos;
}

}  // namespace

std::vector<std::string> FindOptions(std::string_view prepared) {
  std::vector<std::string> options;
  for (std::size_t at = prepared.find('-'); at < prepared.size(); at = prepared.find('-', at)) {
    const std::size_t begin = at;
    while (at < prepared.size() && prepared[at] == '-') ++at;
    const bool starts = begin == 0 || Contains(" ([{", prepared[begin - 1]) || Contains(kQuotes, prepared[begin - 1]);
    if (!starts || at - begin > 2 || at == prepared.size() || !IsAlpha(prepared[at])) continue;
    while (at < prepared.size() && (IsAlnum(prepared[at]) || prepared[at] == '-' || prepared[at] == '_')) ++at;
    options.emplace_back(prepared.substr(begin, at - begin));
  }
  return options;
}

std::vector<std::string> OptionsBeyond(const std::vector<std::string>& options, const std::vector<std::string>& others) {
  std::vector<std::string> beyond;
  for (const std::string& option : options) {
    if (std::ranges::none_of(others, [&](const std::string& other) { return AreSame(option, other); })) beyond.push_back(option);
  }
  return beyond;
}

bool IsAboutPatterns(std::string_view text) {
  const std::string lower = LowerAscii(text);
  return lower.contains("regex") || lower.contains("regular expression") || lower.contains("pattern") || lower.contains("glob");
}

std::vector<std::string> FindPatterns(std::string_view prepared) {
  std::vector<std::string> patterns;
  if ((prepared.find_first_of(kSigns) == std::string_view::npos && !prepared.contains('?')) || !IsAboutPatterns(prepared)) {
    return patterns;
  }
  for (std::size_t at = 0; at < prepared.size();) {
    const std::size_t end = std::min(prepared.find(' ', at), prepared.size());
    std::string_view token = prepared.substr(at, end - at);
    at = end + 1;
    while (!token.empty() && Contains(".,;:!", token.back())) token.remove_suffix(1);
    while (!token.empty() && Contains(kQuotes, token.front())) token.remove_prefix(1);
    // The question mark behind a closing quote is the question's.
    if (token.ends_with('?') && token.size() > 1 && Contains(kQuotes, token[token.size() - 2])) token.remove_suffix(1);
    while (!token.empty() && Contains(kQuotes, token.back())) token.remove_suffix(1);
    if (IsPattern(token)) patterns.emplace_back(token);
  }
  return patterns;
}

}  // namespace reflex::text
