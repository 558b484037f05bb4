#include "gateway/directives.h"

#include <algorithm>

#include "gateway/blanks.h"
#include "gateway/policy.h"
#include "http/message.h"

namespace reflex::gateway {
namespace {

constexpr std::int64_t kDeltaSecondsMax = std::int64_t{1} << 31;

struct Directive {
  std::string_view name;
  std::string_view value;  // Without its quotes.
  bool has_value = false;
};

// Where the quoted text that starts at `begin` ends: the place of its closing quote, or npos.
std::size_t ClosingQuote(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i;
    }
  }
  return std::string_view::npos;
}

std::string_view TrimEnd(std::string_view text) { return text.substr(0, text.find_last_not_of(kBlanks) + 1); }

// Takes the first directive and the comma after it off `text`. False at the end.
bool TakeDirective(std::string_view& text, Directive& directive) {
  const std::size_t begin = text.find_first_not_of(" \t,");
  if (begin == std::string_view::npos) return false;
  text.remove_prefix(begin);
  const std::size_t name_end = std::min(text.find_first_of("=,"), text.size());
  directive = {};
  // Only the first word: "no-store x" still says no-store.
  directive.name = text.substr(0, std::min(text.find_first_of(kBlanks), name_end));
  text.remove_prefix(name_end);
  if (text.starts_with('=')) {
    directive.has_value = true;
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks, 1), text.size()));
    const std::size_t closing = text.starts_with('"') ? ClosingQuote(text, 0) : std::string_view::npos;
    if (closing != std::string_view::npos) {
      directive.value = text.substr(1, closing - 1);
      text.remove_prefix(closing + 1);
    } else {
      directive.value = TrimEnd(text.substr(0, text.find(',')));
    }
  }
  text.remove_prefix(std::min(text.find(','), text.size()));
  return true;
}

void KeepSmallest(std::int64_t value, std::optional<std::int64_t>& place) { place = std::min(value, place.value_or(value)); }

void Add(const Directive& directive, CacheDirectives& out) {
  const auto is = [&](std::string_view name) { return http::EqualsIgnoringCase(directive.name, name); };
  if (is("no-store")) {
    out.no_store = true;
  } else if (is("no-cache")) {
    out.no_cache = true;
  } else if (is("only-if-cached")) {
    out.only_if_cached = true;
  } else if (is("no-transform")) {
    out.no_transform = true;
  } else if (is("max-age")) {
    KeepSmallest(ReadDeltaSeconds(directive.value).value_or(0), out.max_age_s);
  } else if (is("min-fresh")) {
    out.min_fresh_s = std::max(ReadDeltaSeconds(directive.value).value_or(kDeltaSecondsMax), out.min_fresh_s.value_or(0));
  } else if (is("max-stale")) {
    KeepSmallest(directive.has_value ? ReadDeltaSeconds(directive.value).value_or(0) : CachePolicy::kAnyStaleness, out.max_stale_s);
  }
}

}  // namespace

void ReadCacheControl(std::string_view value, CacheDirectives& directives) {
  Directive directive;
  while (TakeDirective(value, directive)) Add(directive, directives);
}

bool PragmaSaysNoCache(std::string_view value) {
  Directive directive;
  while (TakeDirective(value, directive)) {
    if (http::EqualsIgnoringCase(directive.name, "no-cache")) return true;
  }
  return false;
}

std::optional<std::int64_t> ReadDeltaSeconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = std::min(seconds * 10 + (c - '0'), kDeltaSecondsMax);
  }
  return seconds;
}

}  // namespace reflex::gateway
