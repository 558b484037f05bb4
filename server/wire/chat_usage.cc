// Asking for usage where the client did not, and hiding it again.
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "wire/chat_reply.h"
#include "wire/chat_request.h"
#include "wire/json.h"

namespace reflex::wire {
namespace {

using json::Member;
using json::Value;

constexpr std::string_view kUsage = "usage";

std::string Spliced(std::string_view text, std::size_t begin, std::size_t end, std::string_view replacement) {
  std::string result;
  result.reserve(text.size() - (end - begin) + replacement.size());
  result.append(text.substr(0, begin)).append(replacement).append(text.substr(end));
  return result;
}

// Inserts `member` as the first one of `object`.
std::string WithFirstMember(std::string_view text, Value object, std::string member) {
  if (object.size() > 0) member += ',';
  return Spliced(text, object.begin() + 1, object.begin() + 1, member);
}

// The bytes to take out so that the member `name` and one comma are gone; an empty span if there is no such member.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Span SpanOfMember(Value object, std::string_view name) {
  Span span;
  std::size_t previous_end = 0;
  bool found = false;
  for (const Member member : object.members()) {
    if (found) return {span.begin, member.key.begin()};
    if (member.name() == name) {
      found = true;
      span = {member.key.begin(), member.value.end()};
    } else {
      previous_end = member.value.end();
    }
  }
  if (found && previous_end > 0) span.begin = previous_end;
  return span;
}

// The chunk that comes only where usage was asked for, whatever else its provider says there (timings, costs): clients that did not
// ask look for a choice in every chunk.
bool IsUsageChunk(Value chunk) {
  const Value choices = chunk.Find("choices");
  return choices.IsArray() && choices.size() == 0 && chunk.Find(kUsage).IsObject() && chunk.Find("error").IsEmpty();
}

// `data` is a part of `raw` unless it was joined from several lines.
std::string_view Rewritten(std::string_view raw, std::string_view data, const Span& gone, std::string& scratch) {
  scratch.clear();
  const std::less_equal<const char*> not_behind;
  if (not_behind(raw.data(), data.data()) && not_behind(data.data() + data.size(), raw.data() + raw.size())) {
    const auto at = static_cast<std::size_t>(data.data() - raw.data());
    scratch.append(raw.substr(0, at + gone.begin)).append(raw.substr(at + gone.end));
    return scratch;
  }
  std::string text(data.substr(0, gone.begin));
  text.append(data.substr(gone.end));
  std::string_view rest = text;
  for (bool more = true; more;) {
    const std::size_t line_end = rest.find('\n');
    more = line_end != std::string_view::npos;
    scratch.append("data: ").append(rest.substr(0, line_end)).append("\n");
    if (more) rest.remove_prefix(line_end + 1);
  }
  scratch += '\n';
  return scratch;
}

}  // namespace

std::string WithUsageRequested(std::string_view body) {
  json::Document document;
  if (!document.Parse(body).empty() || !document.root().IsObject()) return std::string(body);
  const Value options = document.root().Find("stream_options");
  if (!options) return WithFirstMember(body, document.root(), R"("stream_options":{"include_usage":true})");
  if (!options.IsObject()) return Spliced(body, options.begin(), options.end(), R"({"include_usage":true})");
  const Value include = options.Find("include_usage");
  if (!include) return WithFirstMember(body, options, R"("include_usage":true)");
  return Spliced(body, include.begin(), include.end(), "true");
}

std::string_view HideUsage(std::string_view raw, std::string_view data, std::string& scratch) {
  if (data.find(kUsage) == std::string_view::npos) return raw;
  json::Document document;
  if (!document.Parse(data).empty() || !document.root().IsObject()) return raw;
  const Value chunk = document.root();
  if (!chunk.Find(kUsage)) return raw;
  if (IsUsageChunk(chunk)) return {};
  return Rewritten(raw, data, SpanOfMember(chunk, kUsage), scratch);
}

}  // namespace reflex::wire
