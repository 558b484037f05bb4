#include "verify/reading.h"

namespace reflex::verify {

std::vector<TextSpan> WordSpans(const Reading& reading) {
  std::vector<TextSpan> spans;
  spans.reserve(reading.words.size());
  for (const text::Word& word : reading.words) spans.push_back(word.span);
  return spans;
}

}  // namespace reflex::verify
