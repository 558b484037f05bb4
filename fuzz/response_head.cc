// The head of a provider's reply: no read outside the input, and a verdict that does not depend on how the bytes arrived.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/detail/head_parser.h"

namespace {

using reflex::http::HeadVerdict;
using reflex::http::ParseResponseHead;
using reflex::http::ResponseHead;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool Inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ResponseHead head;
  const HeadVerdict whole = ParseResponseHead(bytes, head);
  if (whole.kind == HeadVerdict::Kind::kDone) {
    Require(whole.head_bytes > 0 && whole.head_bytes <= size);
    Require(head.status >= 100 && head.status <= 999);
    Require(!(head.chunked && head.content_length));
    const std::string_view text = bytes.substr(0, whole.head_bytes);
    Require(Inside(head.reason, text));
    for (const auto& field : head.headers) {
      Require(!field.name.empty() && Inside(field.name, text) && Inside(field.value, text));
      for (char c : field.value) Require(c != '\r' && c != '\n' && c != '\0');
    }
  }
  // What came first never changes the verdict: a prefix of a good head is incomplete, of a refused one incomplete or refused.
  for (std::size_t part = 0; part < size; part += 1 + size / 16) {
    ResponseHead partial;
    const HeadVerdict verdict = ParseResponseHead(bytes.substr(0, part), partial);
    if (whole.kind == HeadVerdict::Kind::kDone && part < whole.head_bytes) Require(verdict.kind == HeadVerdict::Kind::kIncomplete);
    if (whole.kind == HeadVerdict::Kind::kIncomplete) Require(verdict.kind == HeadVerdict::Kind::kIncomplete);
    if (whole.kind == HeadVerdict::Kind::kRefused) Require(verdict.kind != HeadVerdict::Kind::kDone);
  }
  return 0;
}
