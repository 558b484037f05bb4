// What embedders answer: either an error, or as many vectors as texts, each of the right length and of unit length or zero.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "remote/embed_wire.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  using reflex::remote::EmbedForm;
  for (const EmbedForm form : {EmbedForm::kOpenAi, EmbedForm::kTei}) {
    for (const std::uint32_t dimension : {0u, 3u}) {
      const auto vectors = reflex::remote::ReadEmbeddings(form, bytes, 2, dimension);
      if (!vectors) continue;
      Require(vectors->size() == 2);
      for (const auto& vector : *vectors) {
        Require(!vector.empty() && vector.size() == vectors->front().size() && (dimension == 0 || vector.size() == dimension));
        double squares = 0;
        for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
        Require(squares == 0 || std::abs(squares - 1) < 1e-3);
      }
    }
  }
  return 0;
}
