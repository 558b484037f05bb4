// Canonical and prepared text: idempotent, valid UTF-8 in gives valid UTF-8 out, bytes that are none come back as they are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/canonical.h"
#include "text/unicode.h"
#include "text/zones.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reflex::text;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string canonical = CanonicalText(text);
  const std::string prepared = PreparedText(text);
  if (!reflex::base::IsUtf8(text)) {
    Require(canonical == text && prepared == text);
    return 0;
  }
  Require(reflex::base::IsUtf8(canonical) && reflex::base::IsUtf8(prepared));
  Require(CanonicalText(canonical) == canonical);
  std::size_t at = 0;
  for (const Zone& zone : SplitZones(text)) {
    Require(zone.begin == at && zone.end > zone.begin);
    at = zone.end;
  }
  Require(at == size);
  return 0;
}
