#include "verify/reading.h"

#include "base/utf8.h"
#include "text/chars.h"
#include "text/unicode.h"
#include "verify/vectors.h"

namespace reflex::verify {
namespace {

// The length of a space, or of nothing at all, at `at`; 0 where there is none.
std::size_t SpaceLength(std::string_view text, std::size_t at) {
  if (text::IsAscii(text[at])) return text::IsSpace(text[at]) ? 1 : 0;
  const base::CodePoint c = base::DecodeAt(text, at);
  return text::IsUnicodeSpace(c.value) ? c.length : 0;
}

bool IsSign(char c) { return text::IsAscii(c) && !text::IsAlnum(c); }

}  // namespace

std::vector<TextSpan> WordSpans(const Reading& reading) {
  std::vector<TextSpan> spans;
  spans.reserve(reading.words.size());
  for (const text::Word& word : reading.words) spans.push_back(word.span);
  return spans;
}

std::vector<TextSpan> TokenSpans(const Reading& reading) {
  const std::string_view text = reading.prepared;
  std::vector<TextSpan> spans;
  spans.reserve(2 * reading.words.size());
  auto word = reading.words.begin();
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t space = SpaceLength(text, at)) {
      at += space;
      continue;
    }
    while (word != reading.words.end() && word->span.end <= at) ++word;
    std::size_t end = at;
    do {
      end += text::IsAscii(text[end]) ? 1 : base::DecodeAt(text, end).length;
    } while (end < text.size() && !IsSign(text[at]) && !IsSign(text[end]) && SpaceLength(text, end) == 0 &&
             !(word != reading.words.end() && (end == word->span.begin || end == word->span.end)));
    spans.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
    at = end;
  }
  return spans;
}

std::vector<float> WordRows(const Reading& reading, std::span<const TextSpan> tokens, std::span<const float> rows) {
  const std::size_t size = tokens.empty() ? 0 : rows.size() / tokens.size();
  std::vector<float> out(reading.words.size() * size);
  std::size_t token = 0;
  for (std::size_t w = 0; w < reading.words.size(); ++w) {
    const TextSpan span = reading.words[w].span;
    const std::span<float> row(out.data() + w * size, size);
    while (token < tokens.size() && tokens[token].begin < span.begin) ++token;
    for (; token < tokens.size() && tokens[token].end <= span.end; ++token) AddRow(rows.subspan(token * size, size), row);
    Normalise(row);
  }
  return out;
}

}  // namespace reflex::verify
