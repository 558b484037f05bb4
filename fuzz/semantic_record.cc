// Any bytes as a stored vector, and a good record with some bytes changed: read safely, and what is read is finite.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cache/semantic_record.h"

namespace {

constexpr std::uint32_t kDimension = 8;
const std::vector<reflex::TextSpan> kSpans = {{0, 3}, {4, 9}};

void Read(std::string_view bytes, const reflex::cache::VectorMaker& maker) {
  std::vector<float> text(kDimension);
  const bool has_text = reflex::cache::ReadText(bytes, maker, text);
  for (const float value : text) {
    if (has_text && !std::isfinite(value)) std::abort();
  }
  const auto record = reflex::cache::ReadRecord(bytes, maker, kSpans);
  if (!record) return;
  if (!has_text || record->words.size() != kDimension * kSpans.size()) std::abort();
  for (const float value : record->words) {
    if (!(std::fabs(value) <= 1.001f)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto maker = reflex::cache::VectorMaker::Of("model", kDimension);
  static const std::string good = [] {
    reflex::Embedding embedding;
    embedding.text.assign(kDimension, 0.25f);
    embedding.words.assign(kDimension * kSpans.size(), 0.35f);
    return reflex::cache::WriteRecord(maker, embedding, kSpans, true);
  }();
  Read({reinterpret_cast<const char*>(data), size}, maker);
  // Pairs of place and value; the last odd byte cuts.
  std::string bytes = good;
  for (std::size_t i = 0; i + 1 < size; i += 2) bytes[data[i] % bytes.size()] = static_cast<char>(data[i + 1]);
  if (size % 2 == 1) bytes.resize(data[size - 1] % (good.size() + 8));
  Read(bytes, maker);
  return 0;
}
