#include "base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

std::string Encode(std::uint32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, EveryCodePointButSurrogatesIsGood) {
  for (std::uint32_t c = 0; c < 0x110100; ++c) {
    const std::string text = "a" + Encode(c) + "b";
    const bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    ASSERT_EQ(IsUtf8(text), good) << c;
    if (!good) continue;
    const CodePoint decoded = DecodeAt(text, 1);
    ASSERT_EQ(decoded.value, c);
    ASSERT_EQ(decoded.length, text.size() - 2);
  }
}

TEST(Utf8, CutOverlongAndStrayBytesAreNot) {
  for (const char* bad : {"\x80", "a\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc3(",
                          "\xf5\x80\x80\x80", "\xff", "\xed\xa0\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8(std::string_view("\0", 1)));
}

TEST(Utf8, DecodingStaysInsideTheText) {
  EXPECT_EQ(DecodeAt("a", 1).length, 0u);
  EXPECT_EQ(DecodeAt("\xe2\x82", 0).length, 1u);
}

}  // namespace
}  // namespace reflex::base
