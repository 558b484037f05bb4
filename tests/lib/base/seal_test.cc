#include "base/seal.h"

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

const SealCost kQuick{.log2_n = 10, .r = 8, .p = 1};
const std::string kSecret("\x00\x01secret of 32 bytes\xff", 21);

TEST(Seal, OpensWithItsKeyAndNoOther) {
  const auto sealed = Seal(kSecret, "correct horse", kQuick);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->find("secret"), std::string::npos);
  EXPECT_EQ(*Unseal(*sealed, "correct horse"), kSecret);
  for (const char* wrong : {"correct hors", "Correct horse", "x"}) {
    const auto opened = Unseal(*sealed, wrong);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(opened.error().message.find("passphrase"), std::string::npos);
  }
}

TEST(Seal, TwoOfOneSecretDiffer) { EXPECT_NE(*Seal(kSecret, "k", kQuick), *Seal(kSecret, "k", kQuick)); }

TEST(Seal, EveryChangedByteIsNoticed) {
  const std::string sealed = *Seal(kSecret, "k", kQuick);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string bad = sealed;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    // The cost's bytes may ask for more work, the others for none that fails late.
    EXPECT_FALSE(Unseal(bad, "k")) << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) EXPECT_FALSE(Unseal(sealed.substr(0, size), "k")) << size;
}

TEST(Seal, RefusesEmptyKeysAndCostsOutOfRange) {
  EXPECT_EQ(Seal(kSecret, "").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Seal(kSecret, "k", {.log2_n = 30}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Seal(kSecret, "k", {.log2_n = 20, .r = 32}).error().code, ErrorCode::kInvalidArgument);
}

TEST(Seal, AMarkTellsSecretsApart) {
  EXPECT_EQ(MarkOf("a"), MarkOf("a"));
  EXPECT_NE(MarkOf("a"), MarkOf("b"));
}

}  // namespace
}  // namespace reflex::base
