#include "verify/pair_net.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/half.h"

namespace reflex::verify {
namespace {

constexpr std::uint32_t kWidth = 8, kContext = 6;
constexpr std::size_t kValues = 853;  // Of a net of that size.

std::string Net(std::uint32_t width, std::uint32_t context, const std::vector<float>& values) {
  std::string bytes("RSPN1\0\0\0", 8);
  for (const std::uint32_t number : {width, context}) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  }
  for (const float value : values) {
    const std::uint16_t half = base::HalfFromFloat(value);
    bytes += static_cast<char>(half & 0xff);
    bytes += static_cast<char>(half >> 8);
  }
  return bytes;
}

std::vector<float> Values() {
  std::vector<float> values;
  for (std::size_t i = 0; i < kValues; ++i) values.push_back(static_cast<float>(i * 7919 % 1000) / 1000 - 0.5f);
  return values;
}

std::vector<float> Rows(std::size_t count, std::size_t dimension, std::size_t seed) {
  std::vector<float> rows;
  for (std::size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (std::size_t j = 0; j < dimension; ++j) {
      rows.push_back(static_cast<float>((i * 31 + j * 17 + seed) * 7907 % 1000) / 1000 - 0.5f);
      sum += rows.back() * rows.back();
    }
    for (std::size_t j = 0; j < dimension; ++j) rows[i * dimension + j] /= std::sqrt(sum);
  }
  return rows;
}

std::string Message(const std::string& bytes) {
  const auto net = PairNet::Parse(bytes);
  return net ? "" : net.error().message;
}

// The numbers are what the network of tools/train_pair_net.py says with these weights.
TEST(PairNet, SaysWhatTheTrainedNetworkSays) {
  const auto net = PairNet::Parse(Net(kWidth, kContext, Values()));
  ASSERT_TRUE(net) << net.error().message;
  EXPECT_EQ(net->width(), kWidth);
  EXPECT_EQ(net->context(), kContext);
  const auto la = Rows(3, kWidth, 1), ca = Rows(3, kContext, 2), lb = Rows(2, kWidth, 3), cb = Rows(2, kContext, 4);
  EXPECT_NEAR(net->Score({la, ca}, {lb, cb}), 0.26315075, 1e-4);
  EXPECT_NEAR(net->Score({lb, cb}, {la, ca}), 0.26315075, 1e-4);
  EXPECT_NEAR(net->Score({la, ca}, {la, ca}), -0.09158713, 1e-4);
}

TEST(PairNet, WordsWithoutAVectorAreNoHarm) {
  const auto net = PairNet::Parse(Net(kWidth, kContext, Values()));
  ASSERT_TRUE(net);
  const std::vector<float> none(kWidth), nothing(kContext);
  EXPECT_TRUE(std::isfinite(net->Score({none, nothing}, {none, nothing})));
}

TEST(PairNet, WeightsThatOverflowStayWithinTheRange) {
  std::vector<float> values(kValues, 60000.f);
  const auto net = PairNet::Parse(Net(kWidth, kContext, values));
  ASSERT_TRUE(net);
  const auto lexical = Rows(3, kWidth, 1), context = Rows(3, kContext, 2);
  const double score = net->Score({lexical, context}, {lexical, context});
  EXPECT_GE(score, -50);
  EXPECT_LE(score, 50);
}

TEST(PairNet, RefusesOtherFilesByName) {
  const std::string good = Net(kWidth, kContext, Values());
  EXPECT_EQ(Message(""), "not a pair net: it does not begin with RSPN1");
  EXPECT_EQ(Message("RSPN2" + good.substr(5)), "not a pair net: it does not begin with RSPN1");
  EXPECT_EQ(Message(good + "x"), "a pair net of width 8 over 6 dimensions has 1722 bytes, not 1723");
  EXPECT_EQ(Message(good.substr(0, good.size() - 2)), "a pair net of width 8 over 6 dimensions has 1722 bytes, not 1720");
  EXPECT_EQ(Message(Net(0, 6, {})), "a pair net of width 0 over 6 dimensions; at most 1024 over 4096 are read");
  EXPECT_EQ(Message(Net(8, 0xffffffff, {})), "a pair net of width 8 over 4294967295 dimensions; at most 1024 over 4096 are read");
  std::vector<float> values = Values();
  values[100] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Message(Net(kWidth, kContext, values)), "a pair net with a weight that is not a finite number");
}

}  // namespace
}  // namespace reflex::verify
