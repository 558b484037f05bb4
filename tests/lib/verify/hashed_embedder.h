#pragma once

#include <cmath>
#include <random>
#include <string>

#include "reflex/embedder.h"
#include "text/chars.h"

namespace reflex::verify {

// A vector of 32 floats for each word, drawn from a generator that its letters seed: equal words are equal, others are far apart.
class HashedEmbedder final : public Embedder {
 public:
  const std::string& model_id() const override { return id_; }
  std::uint32_t dimension() const override { return 32; }
  bool quick() const override { return true; }
  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds) override {
    Embedding embedding{.text = std::vector<float>(dimension()), .words = {}};
    for (const TextSpan& span : words) {
      std::mt19937_64 random(text::HashWord(text::LowerAscii(text.substr(span.begin, span.end - span.begin))));
      std::vector<float> row(dimension());
      for (float& x : row) x = static_cast<float>(static_cast<double>(random() % 2001) / 1000 - 1);
      Unit(row);
      for (std::size_t i = 0; i < row.size(); ++i) embedding.text[i] += row[i];
      embedding.words.insert(embedding.words.end(), row.begin(), row.end());
    }
    Unit(embedding.text);
    return embedding;
  }

 private:
  static void Unit(std::vector<float>& vector) {
    float sum = 0;
    for (const float x : vector) sum += x * x;
    if (sum > 0) {
      for (float& x : vector) x /= std::sqrt(sum);
    }
  }
  std::string id_ = "hashed-32";
};

}  // namespace reflex::verify
