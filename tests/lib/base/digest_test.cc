#include "base/digest.h"

#include <array>
#include <cctype>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace reflex::base {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

// FIPS 180-4 examples, as published by NIST (SHA256.pdf and SHA2_Additional.pdf).
TEST(Digest, HashBytesGivesTheValuesOfFips180) {
  EXPECT_EQ(ToHex(HashBytes("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(HashBytes("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(HashBytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(ToHex(HashBytes(std::string(1'000'000, '\0'))), "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025");
  EXPECT_EQ(ToHex(HashBytes(std::string(1'000'000, 'a'))), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, PiecesGiveTheSameAsOneText) {
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    hash.Reset();
    hash.Update("a");
    hash.Update("");
    hash.Update("bc");
    EXPECT_EQ(hash.Finish(), HashBytes("abc"));
  }
}

TEST(Digest, FieldsAreHashedWithTheirLength) {
  Sha256 hash;
  hash.UpdateField("ab");
  hash.UpdateField("c");
  const Digest one = hash.Finish();
  hash.Reset();
  hash.UpdateField("a");
  hash.UpdateField("bc");
  EXPECT_NE(one, hash.Finish());
  using namespace std::string_literals;
  EXPECT_EQ(one, HashBytes("\x02\0\0\0\0\0\0\0ab\x01\0\0\0\0\0\0\0c"s));
}

struct HmacVector {
  std::string key, message, mac;
};

// RFC 4231, sections 4.2 to 4.8; 4.6 is truncated there, so its first 16 bytes are compared.
TEST(Hmac, SignGivesTheValuesOfRfc4231) {
  const std::vector<HmacVector> vectors = {
      {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {FromHex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(20, '\x0c'), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before "
       "being "
       "used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const HmacVector& vector : vectors) {
    EXPECT_EQ(ToHex(HmacKey(vector.key).Sign(vector.message)).substr(0, vector.mac.size()), vector.mac) << vector.message;
  }
}

TEST(Hmac, OneKeySignsOnManyThreads) {
  const HmacKey key("secret");
  const Digest expected = key.Sign("message");
  std::vector<std::thread> threads;
  std::array<int, 4> wrong{};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 500; ++round) wrong[i] += key.Sign("message") == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) EXPECT_EQ(count, 0);
}

TEST(Hmac, AMovedKeySignsAsBefore) {
  HmacKey key("Jefe");
  const Digest before = key.Sign("x");
  HmacKey moved = std::move(key);
  EXPECT_EQ(moved.Sign("x"), before);
}

TEST(Digest, HexGoesBothWays) {
  const Digest digest = HashBytes("x");
  const auto back = DigestFromHex(ToHex(digest));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, digest);
  std::string upper = ToHex(digest);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(*DigestFromHex(upper), digest);
}

TEST(Digest, HexOfAnotherLengthOrAlphabetIsRefused) {
  const std::string good(64, 'a');
  for (const std::string& bad : {std::string(), good.substr(1), good + "a", good.substr(1) + "g", " " + good.substr(1)}) {
    const auto result = DigestFromHex(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Secrets, CompareEqualOnlyWhenEqual) {
  EXPECT_TRUE(EqualSecrets("", ""));
  EXPECT_TRUE(EqualSecrets("token", "token"));
  EXPECT_FALSE(EqualSecrets("token", "tokeN"));
  EXPECT_FALSE(EqualSecrets("token", "toke"));
}

TEST(Secrets, RandomBytesDiffer) {
  std::array<std::uint8_t, 32> a{}, b{};
  RandomBytes(a);
  RandomBytes(b);
  EXPECT_NE(a, b);
  EXPECT_NE(a, (std::array<std::uint8_t, 32>{}));
}

}  // namespace
}  // namespace reflex::base
