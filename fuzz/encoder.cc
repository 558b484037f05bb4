// The parser of encoders: any bytes give an encoder or an error with a message; what it says is as large as it should be.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "verify/encoder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto encoder = reflex::verify::Encoder::Parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!encoder) {
    if (encoder.error().message.empty()) std::abort();
    return 0;
  }
  for (const std::size_t tokens : {0u, 1u, 3u}) {
    const std::vector<float> rows(tokens * encoder->input(), 0.5f);
    if (encoder->Encode(rows).size() != tokens * encoder->output()) std::abort();
  }
  return 0;
}
