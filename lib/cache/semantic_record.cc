#include "cache/semantic_record.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/digest.h"
#include "base/half.h"
#include "base/little_endian.h"

namespace reflex::cache {
namespace {

constexpr std::string_view kMagic = "RXV\x01";
constexpr std::size_t kTextCheckAt = 4, kDimensionAt = 8, kWordsAt = 12, kModelAt = 16, kSpansAt = 48, kWordsCheckAt = 56,
                      kHeader = 64;

// Finds damage, not malice: eight bytes a step, multiplied and folded.
std::uint32_t Checksum(std::string_view bytes) {
  std::uint64_t hash = 0x9e3779b97f4a7c15 ^ bytes.size();
  std::size_t i = 0;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  };
  for (; i + 8 <= bytes.size(); i += 8) mix(base::GetLittleEndian<std::uint64_t>(bytes.data() + i));
  std::uint64_t rest = 0;
  for (std::size_t shift = 0; i < bytes.size(); ++i, shift += 8) {
    rest |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << shift;
  }
  mix(rest);
  return static_cast<std::uint32_t>(hash);
}

std::size_t TextEnd(std::size_t dimension) { return kHeader + 2 * dimension; }
std::size_t RecordBytes(std::size_t dimension, std::size_t words) { return TextEnd(dimension) + words * dimension; }

void WriteRow(std::span<const float> row, char* to) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::fabs(value));
  const float factor = largest > 0 ? 127 / largest : 0;
  for (std::size_t i = 0; i < row.size(); ++i) to[i] = static_cast<char>(static_cast<std::int8_t>(std::round(row[i] * factor)));
}

void ReadRow(const char* from, std::span<float> row) {
  std::int32_t squares = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto value = static_cast<std::int8_t>(from[i]);
    squares += value * value;
    row[i] = value;
  }
  if (squares == 0) return;
  const float factor = 1 / std::sqrt(static_cast<float>(squares));
  for (float& value : row) value *= factor;
}

// The checked beginning: everything but the words.
bool HeadIsGood(std::string_view bytes, const VectorMaker& maker) {
  if (bytes.size() < TextEnd(maker.dimension) || !bytes.starts_with(kMagic)) return false;
  if (base::GetLittleEndian<std::uint32_t>(bytes.data() + kDimensionAt) != maker.dimension) return false;
  if (std::memcmp(bytes.data() + kModelAt, maker.model.bytes.data(), maker.model.bytes.size()) != 0) return false;
  const std::size_t words = base::GetLittleEndian<std::uint32_t>(bytes.data() + kWordsAt);
  if (bytes.size() != RecordBytes(maker.dimension, words)) return false;
  return base::GetLittleEndian<std::uint32_t>(bytes.data() + kTextCheckAt) ==
         Checksum(bytes.substr(kDimensionAt, TextEnd(maker.dimension) - kDimensionAt));
}

}  // namespace

VectorMaker VectorMaker::Of(std::string_view model_id, std::uint32_t dimension) { return {base::HashBytes(model_id), dimension}; }

std::optional<VectorMaker> ReadMaker(std::string_view bytes) {
  if (bytes.size() < kHeader || !bytes.starts_with(kMagic)) return std::nullopt;
  VectorMaker maker;
  maker.dimension = base::GetLittleEndian<std::uint32_t>(bytes.data() + kDimensionAt);
  std::memcpy(maker.model.bytes.data(), bytes.data() + kModelAt, maker.model.bytes.size());
  return maker;
}

std::uint64_t HashSpans(std::span<const TextSpan> spans) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ spans.size();
  for (const TextSpan& span : spans) {
    hash = (hash ^ (static_cast<std::uint64_t>(span.begin) << 32 | span.end)) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  return hash;
}

std::string WriteRecord(const VectorMaker& maker, const Embedding& embedding, std::span<const TextSpan> spans, bool with_words) {
  const std::size_t dimension = maker.dimension, words = with_words ? spans.size() : 0;
  std::string bytes(RecordBytes(dimension, words), '\0');
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  base::PutLittleEndian(maker.dimension, bytes.data() + kDimensionAt);
  base::PutLittleEndian(static_cast<std::uint32_t>(words), bytes.data() + kWordsAt);
  std::memcpy(bytes.data() + kModelAt, maker.model.bytes.data(), maker.model.bytes.size());
  base::PutLittleEndian(words > 0 ? HashSpans(spans) : 0, bytes.data() + kSpansAt);
  base::EncodeHalf(embedding.text, {reinterpret_cast<std::uint8_t*>(bytes.data()) + kHeader, 2 * dimension});
  char* const rows = bytes.data() + TextEnd(dimension);
  for (std::size_t w = 0; w < words; ++w) {
    WriteRow(std::span(embedding.words).subspan(w * dimension, dimension), rows + w * dimension);
  }
  base::PutLittleEndian(Checksum(std::string_view(bytes).substr(TextEnd(dimension))), bytes.data() + kWordsCheckAt);
  base::PutLittleEndian(Checksum(std::string_view(bytes).substr(kDimensionAt, TextEnd(dimension) - kDimensionAt)),
                        bytes.data() + kTextCheckAt);
  return bytes;
}

bool ReadText(std::string_view bytes, const VectorMaker& maker, std::span<float> out) {
  if (out.size() != maker.dimension || !HeadIsGood(bytes, maker)) return false;
  base::DecodeHalf({reinterpret_cast<const std::uint8_t*>(bytes.data()) + kHeader, 2 * out.size()}, out);
  return std::all_of(out.begin(), out.end(), [](float value) { return std::isfinite(value); });
}

std::optional<Embedding> ReadRecord(std::string_view bytes, const VectorMaker& maker, std::span<const TextSpan> spans) {
  Embedding embedding;
  embedding.text.resize(maker.dimension);
  if (spans.empty() || !ReadText(bytes, maker, embedding.text)) return std::nullopt;
  const std::size_t dimension = maker.dimension, words = base::GetLittleEndian<std::uint32_t>(bytes.data() + kWordsAt);
  if (words != spans.size() || base::GetLittleEndian<std::uint64_t>(bytes.data() + kSpansAt) != HashSpans(spans))
    return std::nullopt;
  if (base::GetLittleEndian<std::uint32_t>(bytes.data() + kWordsCheckAt) != Checksum(bytes.substr(TextEnd(dimension))))
    return std::nullopt;
  embedding.words.resize(words * dimension);
  const char* const rows = bytes.data() + TextEnd(dimension);
  for (std::size_t w = 0; w < words; ++w) {
    ReadRow(rows + w * dimension, std::span(embedding.words).subspan(w * dimension, dimension));
  }
  return embedding;
}

}  // namespace reflex::cache
