#include "cloud/checksum.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "cloud_world.h"

namespace reflex::cloud {
namespace {

// One bit at a time, as the definition says.
std::uint32_t SlowCrc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  return ~crc;
}

TEST(Checksum, Crc32cIsThatOfRfc3720) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  EXPECT_EQ(Crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Checksum, Crc32cOfPiecesIsThatOfTheWhole) {
  const std::string bytes = test::SomeBytes(1000);
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string_view whole = std::string_view(bytes).substr(size % 9, size);
    EXPECT_EQ(Crc32c(whole), SlowCrc32c(whole));
    EXPECT_EQ(Crc32c(whole.substr(size / 3), Crc32c(whole.substr(0, size / 3))), Crc32c(whole));
  }
}

TEST(Checksum, TextsAreThoseOfTheServices) {
  EXPECT_EQ(Crc32cText(0xE3069283u), "4waSgw==");
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64Url("\xfb\xff\xfe"), "-__-");
  EXPECT_EQ(Base64Url("f"), "Zg");
  // RFC 1321, appendix A.5.
  EXPECT_EQ(Base64(Md5("abc")), "kAFQmDzST7DWlj99KOF/cg==");
}

TEST(Checksum, AKeyThatIsNoneIsRefused) {
  for (const char* key : {"", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    const auto signature = SignRs256("message", key);
    ASSERT_FALSE(signature);
    EXPECT_EQ(signature.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace reflex::cloud
