#include "app/known_models.h"

#include <array>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

extern "C" const char reflex_data_minilm_verifier_begin[];
extern "C" const char reflex_data_minilm_verifier_end[];
extern "C" const char reflex_data_minilm_pair_net_begin[];
extern "C" const char reflex_data_minilm_pair_net_end[];

namespace reflex::app {
namespace {

constexpr std::uint32_t kDimension = 384;
constexpr std::chrono::seconds kEmbedLimit{10};
constexpr auto kTexts = std::to_array<std::string_view>({"copper wires carry electricity", "power lines transport current",
                                                         "the orchestra played a slow waltz", "how do I reverse a linked list",
                                                         "bread rises because of yeast"});
// The cosine of each text with those before it. As f32 and as q8_0 they differ by less than 0.003.
constexpr auto kCosines =
    std::to_array<float>({0.450f, -0.055f, 0.072f, 0.066f, 0.073f, 0.055f, -0.008f, -0.020f, -0.093f, 0.015f});
constexpr float kTolerance = 0.02f;

std::string_view Between(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

bool IsMiniLm(Embedder& model) {
  if (model.dimension() != kDimension) return false;
  std::vector<std::vector<float>> vectors;
  auto expected = kCosines.begin();
  for (const std::string_view text : kTexts) {
    const Result<Embedding> embedding = model.Embed(text, {}, kEmbedLimit);
    if (!embedding) return false;
    for (const std::vector<float>& before : vectors) {
      float cosine = 0;
      for (std::size_t i = 0; i < before.size(); ++i) cosine += before[i] * embedding->text[i];
      if (!(std::abs(cosine - *expected++) <= kTolerance)) return false;
    }
    vectors.push_back(embedding->text);
  }
  return true;
}

}  // namespace

KnownVerifier ShippedVerifier(Embedder& model) {
  if (!IsMiniLm(model)) return {};
  const std::string_view shipped = Between(reflex_data_minilm_verifier_begin, reflex_data_minilm_verifier_end);
  // The weights name the model, the tier wants the id of this conversion.
  constexpr std::string_view kLine = "\nembedder ";
  const std::size_t begin = shipped.find(kLine);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = shipped.find('\n', begin + 1);
  return {.weights = std::string(shipped.substr(0, begin + kLine.size())) + model.model_id() + std::string(shipped.substr(end)),
          .pair_net = Between(reflex_data_minilm_pair_net_begin, reflex_data_minilm_pair_net_end)};
}

}  // namespace reflex::app
