// Features of any two texts, with vectors of any bytes: always finite. The first byte is the dimension; the texts are cut at zero
// bytes, what follows them is vectors.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "verify/features.h"

namespace {

std::string_view TakeText(std::string_view& bytes) {
  const std::size_t cut = std::min(bytes.find('\0'), bytes.size());
  const std::string_view text = bytes.substr(0, cut);
  bytes.remove_prefix(std::min(cut + 1, bytes.size()));
  return text;
}

std::vector<float> Floats(std::string_view bytes, std::size_t count) {
  std::vector<float> floats(count);
  for (std::size_t i = 0; i < count && bytes.size() >= sizeof(float); ++i) {
    std::memcpy(&floats[i], bytes.data() + (i * sizeof(float)) % (bytes.size() - sizeof(float) + 1), sizeof(float));
  }
  return floats;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t dimension = data[0] % 20;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto a = reflex::verify::Read(TakeText(bytes)), b = reflex::verify::Read(TakeText(bytes));
  const reflex::Embedding ea{Floats(bytes, dimension), Floats(bytes, dimension * a.words.size())};
  const reflex::Embedding eb{Floats(bytes, dimension), Floats(bytes, dimension * (b.words.size() / 2))};
  for (const float value : reflex::verify::Compare(a, b, ea, eb)) {
    if (!std::isfinite(value)) std::abort();
  }
  return 0;
}
