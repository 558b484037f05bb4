// Which models the program has weights for.
#include "app/known_models.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "verify/model.h"
#include "verify/pair_net.h"

namespace reflex::app {
namespace {

constexpr std::size_t kTexts = 5;
// The cosines that all-MiniLM-L6-v2 gives, as f32, for the five texts the program asks about.
constexpr float kMiniLm[kTexts][kTexts] = {{1, 0.4504f, -0.0552f, 0.0662f, -0.0081f},
                                           {0.4504f, 1, 0.0723f, 0.0724f, -0.0198f},
                                           {-0.0552f, 0.0723f, 1, 0.0544f, -0.0929f},
                                           {0.0662f, 0.0724f, 0.0544f, 1, 0.0147f},
                                           {-0.0081f, -0.0198f, -0.0929f, 0.0147f, 1}};

// Gives the i-th text it is asked for the i-th of some unit vectors with these cosines (Cholesky).
class Recorded final : public Embedder {
 public:
  explicit Recorded(std::uint32_t dimension, float shift = 0) : dimension_(dimension) {
    double row[kTexts][kTexts] = {};
    for (std::size_t i = 0; i < kTexts; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double rest = static_cast<double>(kMiniLm[i][j]) + (i == j ? 0 : static_cast<double>(shift));
        for (std::size_t k = 0; k < j; ++k) rest -= row[i][k] * row[j][k];
        row[i][j] = i == j ? std::sqrt(rest) : rest / row[j][j];
      }
      std::vector<float>& vector = vectors_.emplace_back(dimension_);
      for (std::size_t k = 0; k <= i; ++k) vector[k] = static_cast<float>(row[i][k]);
    }
  }
  const std::string& model_id() const override { return id_; }
  std::uint32_t dimension() const override { return dimension_; }
  bool quick() const override { return false; }
  Result<Embedding> Embed(std::string_view, std::span<const TextSpan>, std::chrono::nanoseconds) override {
    if (next_ == fails_at) return Fail(ErrorCode::kTimeout, "told to");
    return Embedding{.text = vectors_.at(next_++), .words = {}};
  }
  std::size_t fails_at = kTexts;

 private:
  const std::string id_ = "gguf-0123456789abcdef-mean";
  const std::uint32_t dimension_;
  std::vector<std::vector<float>> vectors_;
  std::size_t next_ = 0;
};

TEST(KnownModels, MiniLmIsKnownByItsVectorsAndHasWeights) {
  Recorded model(384);
  const KnownVerifier known = ShippedVerifier(model);
  const auto verifier = verify::Model::Parse(known.weights);
  ASSERT_TRUE(verifier) << verifier.error().message;
  const auto net = verify::PairNet::Parse(known.pair_net);
  ASSERT_TRUE(net) << net.error().message;
  EXPECT_TRUE(verifier->listens_to_net());
  EXPECT_EQ(net->context(), model.dimension());
  EXPECT_EQ(net->input(), 384u);
  EXPECT_EQ(verifier->embedder(), model.model_id());
  EXPECT_FALSE(verifier->table().empty());
  EXPECT_LE(verifier->ThresholdFor(0.003), 1);
}

TEST(KnownModels, OthersHaveNone) {
  Recorded longer(768), other(384, 0.03f), broken(384);
  EXPECT_EQ(ShippedVerifier(longer).weights, "");
  EXPECT_EQ(ShippedVerifier(other).weights, "");
  broken.fails_at = 3;
  EXPECT_EQ(ShippedVerifier(broken).weights, "");
}

}  // namespace
}  // namespace reflex::app
