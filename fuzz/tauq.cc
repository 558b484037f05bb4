// Any bytes as Tauq: refused with a place, or JSON that encodes and decodes to itself. Any bytes as JSON: refused with a place, or
// Tauq that decodes to the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/tauq.h"

namespace {

namespace tauq = reflex::wire::tauq;

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto json = tauq::Decode(input);
  Require(json.has_value() || json.error().message.starts_with("line "));
  for (const std::string_view document : {input, json ? std::string_view(*json) : std::string_view("{}")}) {
    const auto text = tauq::Encode(document);
    if (!text) {
      Require(document.data() == input.data() && text.error().message.starts_with("line "));
      continue;
    }
    const auto back = tauq::Decode(*text);
    Require(back.has_value());
    // The first round may respell escapes and drop white space; the second changes nothing.
    const auto again = tauq::Encode(*back);
    Require(again.has_value() && *again == *text);
    if (json && document == *json) Require(*back == *json);
  }
  return 0;
}
