#include "verify/pair_net.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "weights_fixture.h"

namespace reflex::verify {
namespace {

constexpr std::uint32_t kWidth = 8, kInput = 6, kContext = 5;
constexpr std::size_t kValues = 1093, kValuesWithoutContext = 1037;  // Of nets of that size.

std::string Net(std::uint32_t width, std::uint32_t input, std::uint32_t context, const std::vector<float>& values) {
  return WeightsFile("RSPN2", {width, input, context}, values);
}

std::vector<float> Values(std::size_t count = kValues) { return WeightValues(count); }

std::string NetRefusal(const std::string& bytes) {
  const auto net = PairNet::Parse(bytes);
  return net ? "" : net.error().message;
}

double Score(const PairNet& net, const NetTokens& a, const NetTokens& b) { return net.Score(net.Enter(a), net.Enter(b)); }

// The numbers are what the network of tools/train_pair_net.py says with these weights.
TEST(PairNet, SaysWhatTheTrainedNetworkSays) {
  const auto net = PairNet::Parse(Net(kWidth, kInput, kContext, Values()));
  ASSERT_TRUE(net) << net.error().message;
  EXPECT_EQ(net->width(), kWidth);
  EXPECT_EQ(net->input(), kInput);
  EXPECT_EQ(net->context(), kContext);
  const auto ia = UnitRows(3, kInput, 1), ca = UnitRows(3, kContext, 2), ib = UnitRows(2, kInput, 3), cb = UnitRows(2, kContext, 4);
  EXPECT_NEAR(Score(*net, {ia, ca}, {ib, cb}), 0.07283449, 1e-4);
  EXPECT_NEAR(Score(*net, {ib, cb}, {ia, ca}), 0.07283449, 1e-4);
  EXPECT_NEAR(Score(*net, {ia, ca}, {ia, ca}), -0.05969082, 1e-4);
}

TEST(PairNet, DoesWithoutAModelsVectors) {
  const auto net = PairNet::Parse(Net(kWidth, kInput, 0, Values(kValuesWithoutContext)));
  ASSERT_TRUE(net) << net.error().message;
  const auto a = UnitRows(3, kInput, 1), b = UnitRows(2, kInput, 3);
  EXPECT_NEAR(Score(*net, {a, {}}, {b, {}}), -0.58622622, 1e-4);
  EXPECT_NEAR(Score(*net, {a, {}}, {a, {}}), -0.51532542, 1e-4);
}

TEST(PairNet, TokensWithoutAVectorAreNoHarm) {
  const auto net = PairNet::Parse(Net(kWidth, kInput, kContext, Values()));
  ASSERT_TRUE(net);
  const std::vector<float> none(kInput), nothing(kContext);
  EXPECT_TRUE(std::isfinite(Score(*net, {none, nothing}, {none, nothing})));
}

TEST(PairNet, WeightsThatOverflowStayWithinTheRange) {
  std::vector<float> values(kValues, 60000.f);
  const auto net = PairNet::Parse(Net(kWidth, kInput, kContext, values));
  ASSERT_TRUE(net);
  const auto input = UnitRows(3, kInput, 1), context = UnitRows(3, kContext, 2);
  const double score = Score(*net, {input, context}, {input, context});
  EXPECT_GE(score, -50);
  EXPECT_LE(score, 50);
}

TEST(PairNet, TheBuiltInOneIsForTheBuiltInTables) {
  const auto& net = PairNet::Builtin();
  ASSERT_TRUE(net) << net.error().message;
  EXPECT_EQ(net->input(), 256u);
  EXPECT_EQ(net->context(), 128u);
}

TEST(PairNet, RefusesOtherFilesByName) {
  const std::string good = Net(kWidth, kInput, kContext, Values());
  EXPECT_EQ(NetRefusal(""), "not a pair net: it does not begin with RSPN2");
  EXPECT_EQ(NetRefusal("RSPN3" + good.substr(5)), "not a pair net: it does not begin with RSPN2");
  const std::string name = "a pair net of width 8 over 6 and 5 dimensions";
  EXPECT_EQ(NetRefusal(good + "x"), name + " has 2206 bytes, not 2207");
  EXPECT_EQ(NetRefusal(good.substr(0, good.size() - 2)), name + " has 2206 bytes, not 2204");
  EXPECT_EQ(NetRefusal(Net(0, 6, 5, {})),
            "a pair net of width 0 over 6 and 5 dimensions; at most 1024 over 4096 and as many are read");
  EXPECT_EQ(NetRefusal(Net(8, 6, 0xffffffff, {})),
            "a pair net of width 8 over 6 and 4294967295 dimensions; at most 1024 over 4096 and as many are read");
  std::vector<float> values = Values();
  values[100] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(NetRefusal(Net(kWidth, kInput, kContext, values)), "a pair net with a weight that is not a finite number");
}

}  // namespace
}  // namespace reflex::verify
