#include "verify/encoder.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "weights_fixture.h"

namespace reflex::verify {
namespace {

// Width, layers, heads, dimensions in and out, positions.
const std::vector<std::uint32_t> kHead{8, 2, 2, 6, 5, 4};
constexpr std::size_t kEncoderValues = 1349, kInputSize = 6, kOutputSize = 5;

std::string File(const std::vector<std::uint32_t>& head, const std::vector<float>& values) {
  return WeightsFile("RSEN1", head, values);
}

std::vector<float> EncoderValues() { return WeightValues(kEncoderValues); }

std::vector<float> Rows(std::size_t count, std::size_t seed) { return UnitRows(count, kInputSize, seed); }

void ExpectNear(const std::vector<float>& said, const std::vector<float>& wanted) {
  ASSERT_EQ(said.size(), wanted.size());
  for (std::size_t i = 0; i < said.size(); ++i) EXPECT_NEAR(said[i], wanted[i], 1e-4) << i;
}

std::string EncoderRefusal(const std::string& bytes) {
  const auto encoder = Encoder::Parse(bytes);
  return encoder ? "" : encoder.error().message;
}

// The numbers are what the network of tools/train_encoder.py says with these weights.
TEST(Encoder, SaysWhatTheTrainedNetworkSays) {
  const auto encoder = Encoder::Parse(File(kHead, EncoderValues()));
  ASSERT_TRUE(encoder) << encoder.error().message;
  EXPECT_EQ(encoder->input(), kInputSize);
  EXPECT_EQ(encoder->output(), kOutputSize);
  EXPECT_EQ(encoder->tokens_max(), 4u);
  ExpectNear(encoder->Encode(Rows(3, 1)),
             {-0.518021f, -0.243331f, 0.79124f, 0.010238f, 0.215125f, -0.374183f, -0.423916f, 0.808167f, 0.021518f, 0.163354f,
              -0.363202f, -0.417178f, 0.811812f, 0.028092f, 0.184985f});
  ExpectNear(encoder->Encode(Rows(1, 2)), {-0.574704f, -0.195222f, 0.748432f, -0.122854f, 0.237402f});
}

TEST(Encoder, TokensPastTheLastPositionAreNotReadAndChangeNothing) {
  const auto encoder = Encoder::Parse(File(kHead, EncoderValues()));
  ASSERT_TRUE(encoder);
  std::vector<float> wanted = encoder->Encode(Rows(4, 1));
  ASSERT_EQ(wanted.size(), 4 * kOutputSize);
  wanted.resize(6 * kOutputSize, 0.f);
  EXPECT_EQ(encoder->Encode(Rows(6, 1)), wanted);
}

TEST(Encoder, OfNoTokensThereIsNothing) {
  const auto encoder = Encoder::Parse(File(kHead, EncoderValues()));
  ASSERT_TRUE(encoder);
  EXPECT_TRUE(encoder->Encode({}).empty());
}

TEST(Encoder, TheSameTokenIsReadOtherwiseBesideOthers) {
  const auto& encoder = Encoder::Builtin();
  ASSERT_TRUE(encoder) << encoder.error().message;
  EXPECT_EQ(encoder->input(), 256u);
  std::vector<float> rows(3 * 256);
  rows[0] = rows[256 + 1] = rows[512 + 2] = 1;
  std::vector<float> others = rows;
  others[512 + 2] = 0;
  others[512 + 3] = 1;
  const std::vector<float> first = encoder->Encode(rows), second = encoder->Encode(others);
  ASSERT_EQ(first.size(), 3u * encoder->output());
  float length = 0, cosine = 0;
  for (std::size_t k = 0; k < encoder->output(); ++k) {
    length += first[k] * first[k];
    cosine += first[k] * second[k];
  }
  EXPECT_NEAR(length, 1, 1e-4);
  EXPECT_LT(cosine, 0.999f);
}

TEST(Encoder, RefusesOtherFilesByName) {
  const std::string good = File(kHead, EncoderValues());
  EXPECT_EQ(EncoderRefusal(""), "not an encoder: it does not begin with RSEN1");
  EXPECT_EQ(EncoderRefusal("RSEN2" + good.substr(5)), "not an encoder: it does not begin with RSEN1");
  const std::string name = "an encoder of width 8, 2 layers, 2 heads, 6 dimensions in, 5 out and 4 positions";
  EXPECT_EQ(EncoderRefusal(good + "x"), name + " has 2730 bytes, not 2731");
  EXPECT_EQ(EncoderRefusal(good.substr(0, good.size() - 2)), name + " has 2730 bytes, not 2728");
  const std::string limits = "; at most 12 layers and 1024 of the others are read, and heads divide the width";
  EXPECT_EQ(EncoderRefusal(File({8, 2, 3, 6, 5, 4}, {})),
            "an encoder of width 8, 2 layers, 3 heads, 6 dimensions in, 5 out and 4 positions" + limits);
  EXPECT_EQ(EncoderRefusal(File({8, 0, 2, 6, 5, 4}, {})),
            "an encoder of width 8, 0 layers, 2 heads, 6 dimensions in, 5 out and 4 positions" + limits);
  EXPECT_EQ(EncoderRefusal(File({0xffffffff, 2, 1, 6, 5, 4}, {})),
            "an encoder of width 4294967295, 2 layers, 1 heads, 6 dimensions in, 5 out and 4 positions" + limits);
  std::vector<float> values = EncoderValues();
  values[100] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(EncoderRefusal(File(kHead, values)), "an encoder with a weight that is not a finite number");
}

}  // namespace
}  // namespace reflex::verify
