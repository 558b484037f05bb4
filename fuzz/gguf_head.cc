// Heads of GGUF files: no length in them is believed, and what is found lies within the bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "inference/gguf_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto head = reflex::inference::GgufHead::Read(bytes);
  if (!head) return 0;
  for (const std::string_view piece : head->vocabulary()) {
    if (!piece.empty() && (piece.data() < bytes.data() || piece.data() + piece.size() > bytes.data() + size)) std::abort();
  }
  if (const auto* tensor = head->Tensor("token_embd.weight"); tensor && tensor->begin >= size) std::abort();
  (void)head->CheckLoadable();
  return 0;
}
