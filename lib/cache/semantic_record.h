#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reflex/embedder.h"
#include "reflex/types.h"

namespace reflex::cache {

// Whose vectors a record holds. Made once an embedder: the digest is of its id.
struct VectorMaker {
  Digest model;
  std::uint32_t dimension = 0;

  static VectorMaker Of(std::string_view model_id, std::uint32_t dimension);
};

// Whose record these bytes are; nothing where they are none. The vectors themselves are not checked.
std::optional<VectorMaker> ReadMaker(std::string_view bytes);

// A digest of word spans: word vectors fit a text only where its words are still split the same way.
std::uint64_t HashSpans(std::span<const TextSpan> spans);

// The bytes EntryStore::PutVector keeps, little-endian:
//   0 "RXV" and the version 1        4 checksum of bytes 8 to the end of the text vector
//   8 dimension   12 words   16 SHA-256 of the model id (32)   48 HashSpans   56 checksum of the words   60 zero
//   64 f16 text vector, then with words: rows of int8.
// A row is read back with unit length, so that it needs no scale. Words may be absent: an embedder that is quick makes them again.
// REQUIRES: embedding.text has maker.dimension floats, embedding.words that many for each of `spans`; all finite.
std::string WriteRecord(const VectorMaker& maker, const Embedding& embedding, std::span<const TextSpan> spans, bool with_words);

// Fills `out` (maker.dimension floats) with the text vector. False for bytes of another maker or damaged ones.
bool ReadText(std::string_view bytes, const VectorMaker& maker, std::span<float> out);

// Text and word vectors, rows of unit length; nothing where the record has no words, is of another maker, of other spans or
// damaged.
std::optional<Embedding> ReadRecord(std::string_view bytes, const VectorMaker& maker, std::span<const TextSpan> spans);

}  // namespace reflex::cache
