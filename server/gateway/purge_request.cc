#include "gateway/purge_request.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/digest.h"

namespace reflex::gateway {
namespace {

constexpr std::string_view kAllowed =
    "; allowed are \"all\": true, or \"entry\": what X-Reflex-Entry said, or \"model\", \"namespace\", \"tag\" (strings) and "
    "\"older_than_s\" (whole seconds), with "
    "\"dry_run\": "
    "true or false beside them";

std::unexpected<Error> Bad(std::string what) { return Fail(ErrorCode::kInvalidArgument, what.append(kAllowed)); }

void AppendUtf8(std::uint32_t point, std::string& out) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xc0 | point >> 6));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | point >> 12));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | point >> 18));
    out.push_back(static_cast<char>(0x80 | (point >> 12 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  }
}

// Reads the few JSON values a purge is made of (RFC 8259); anything else is an error, nullopt here.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void SkipBlanks() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size())); }
  bool Take(char c) {
    SkipBlanks();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool AtEnd() {
    SkipBlanks();
    return text_.empty();
  }
  std::optional<bool> Bool() {
    SkipBlanks();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>("true", true), {"false", false}}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    return std::nullopt;
  }
  std::optional<std::int64_t> Seconds() {
    SkipBlanks();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    // JSON has no leading zeros; a fraction or exponent fails at the comma that must follow.
    if (error != std::errc() || value < 0 || value > kSecondsMax || (text_.starts_with('0') && end - text_.data() > 1)) {
      return std::nullopt;
    }
    if (text_.starts_with('-')) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }
  std::optional<std::string> String() {
    if (!Take('"')) return std::nullopt;
    std::string out;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < ' ') return std::nullopt;
      if (c != '\\') {
        out.push_back(c);
      } else if (!Escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  // A thousand years: products with 1000 stay far from overflow.
  static constexpr std::int64_t kSecondsMax = 31'557'600'000;

  bool Escape(std::string& out) {
    if (text_.empty()) return false;
    const char c = text_.front();
    text_.remove_prefix(1);
    if (c == 'u') return UnicodeEscape(out);
    constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const std::size_t place = kNames.find(c);
    if (place == std::string_view::npos) return false;
    out.push_back(kValues[place]);
    return true;
  }
  std::optional<std::uint32_t> FourDigits() {
    std::uint32_t value = 0;
    if (text_.size() < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + 4, value, 16);
    if (error != std::errc() || end != text_.data() + 4) return std::nullopt;
    text_.remove_prefix(4);
    return value;
  }
  bool UnicodeEscape(std::string& out) {
    const std::optional<std::uint32_t> first = FourDigits();
    if (!first || (*first >= 0xdc00 && *first < 0xe000)) return false;
    std::uint32_t point = *first;
    if (point >= 0xd800 && point < 0xdc00) {
      if (!text_.starts_with("\\u")) return false;
      text_.remove_prefix(2);
      const std::optional<std::uint32_t> second = FourDigits();
      if (!second || *second < 0xdc00 || *second >= 0xe000) return false;
      point = 0x10000 + ((point - 0xd800) << 10) + (*second - 0xdc00);
    }
    AppendUtf8(point, out);
    return true;
  }

  std::string_view text_;
};

template <class T>
Result<void> Keep(std::string_view name, std::optional<T> value, std::string_view type, std::optional<T>& place) {
  if (!value) return Bad("\"" + std::string(name) + "\" must be " + std::string(type));
  if (place) return Bad("\"" + std::string(name) + "\" stands there twice");
  place = std::move(value);
  return {};
}

struct Members {
  std::optional<bool> all, dry_run;
  std::optional<std::string> entry;
};

Result<void> ReadMember(std::string_view name, Reader& reader, Members& members, PurgeRequest& request) {
  if (name == "all") return Keep(name, reader.Bool(), "true or false", members.all);
  if (name == "dry_run") return Keep(name, reader.Bool(), "true or false", members.dry_run);
  if (name == "model") return Keep(name, reader.String(), "a string", request.model);
  if (name == "namespace") return Keep(name, reader.String(), "a string", request.name_space);
  if (name == "tag") return Keep(name, reader.String(), "a string", request.tag);
  if (name == "entry") return Keep(name, reader.String(), "a string", members.entry);
  if (name == "older_than_s") return Keep(name, reader.Seconds(), "a whole number of seconds", request.older_than_s);
  return Bad("\"" + std::string(name.substr(0, 64)) + "\" is not known");
}

}  // namespace

bool PurgeRequest::Matches(const Entry& entry_to_judge, std::int64_t now_ms) const {
  if (all) return true;
  return entry ? entry_to_judge.key == *entry : Rule(now_ms).Matches(entry_to_judge);
}

PurgeRule PurgeRequest::Rule(std::int64_t now_ms) const {
  PurgeRule rule;
  rule.before_ms = older_than_s ? now_ms - *older_than_s * 1000 - 1 : now_ms;
  rule.model = model;
  rule.name_space = name_space;
  rule.tag = tag;
  return rule;
}

Result<PurgeRequest> ParsePurgeRequest(std::string_view body) {
  if (body.size() > kPurgeBodyBytesMax) return Fail(ErrorCode::kTooLarge, "the body of a purge has at most 16 KiB");
  PurgeRequest request;
  Members members;
  Reader reader(body);
  if (!reader.Take('{')) return Bad("the body must be a JSON object");
  for (bool more = !reader.Take('}'); more;) {
    const std::optional<std::string> name = reader.String();
    if (!name || !reader.Take(':')) return Bad("the body is not a well-formed JSON object");
    REFLEX_CHECK(ReadMember(*name, reader, members, request));
    more = reader.Take(',');
    if (!more && !reader.Take('}'))
      return Bad("after \"" + name->substr(0, 64) + "\" a comma or the end of the object must follow");
  }
  if (!reader.AtEnd()) return Bad("something follows the object");
  request.all = members.all.value_or(false);
  request.dry_run = members.dry_run.value_or(false);
  if (members.entry) {
    const Result<Digest> key = base::DigestFromHex(*members.entry);
    if (!key) return Bad("\"entry\" must be 64 hexadecimal digits");
    request.entry = *key;
  }
  const bool conditions = request.model || request.name_space || request.tag || request.older_than_s;
  if (request.all && conditions) return Bad("\"all\" stands beside a condition");
  if (request.entry && (request.all || conditions)) return Bad("\"entry\" stands beside another condition");
  if (!request.all && !request.entry && !conditions) return Bad("the body says neither \"all\" nor a condition");
  return request;
}

}  // namespace reflex::gateway
