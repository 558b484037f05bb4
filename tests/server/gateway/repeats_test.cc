#include "gateway/repeats.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::gateway {
namespace {

std::string Request(int number, std::size_t size = 200) {
  std::string request = "POST /v1/chat/completions HTTP/1.1\r\nX-Number: " + std::to_string(number) + "\r\n\r\n";
  request.resize(std::max(size, request.size()), static_cast<char>('a' + number % 26));
  return request;
}

Repeats::Known KnownAs(int number) {
  Repeats::Known known;
  known.key.bytes[0] = static_cast<std::uint8_t>(number);
  known.key.bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return known;
}

TEST(Repeats, FindsTheSameBytesAlone) {
  Repeats repeats(1 << 20);
  const std::string request = Request(1);
  EXPECT_EQ(repeats.Find(request), nullptr);
  repeats.Remember(KnownAs(1), request);
  ASSERT_NE(repeats.Find(std::string(request)), nullptr);
  EXPECT_EQ(repeats.Find(request)->key, KnownAs(1).key);
  for (std::size_t i = 0; i < request.size(); ++i) {
    std::string other = request;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_EQ(repeats.Find(other), nullptr) << i;
  }
  EXPECT_EQ(repeats.Find(request + "x"), nullptr);
  EXPECT_EQ(repeats.Find(std::string_view(request).substr(1)), nullptr);
}

TEST(Repeats, ViewsPointIntoItsOwnCopy) {
  Repeats repeats(1 << 20);
  std::string request = Request(7);
  Repeats::Known known = KnownAs(7);
  known.path = std::string_view(request).substr(5, 20);
  known.policy.name_space = std::string_view(request).substr(0, 4);
  known.policy.tags.push_back(std::string_view(request).substr(0, 4));
  repeats.Remember(std::move(known), request);
  const std::string again = request;
  request.assign(request.size(), '#');
  const Repeats::Known* found = repeats.Find(again);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->path, "/v1/chat/completions");
  EXPECT_EQ(found->path.data(), found->bytes.data() + 5);
  EXPECT_TRUE(found->policy.name_space.empty());
  EXPECT_TRUE(found->policy.tags.empty());
}

TEST(Repeats, StaysWithinItsBytesAndDropsTheOldest) {
  constexpr std::uint64_t kLimit = 20'000;
  Repeats repeats(kLimit);
  for (int i = 0; i < 500; ++i) {
    repeats.Remember(KnownAs(i), Request(i));
    ASSERT_LE(repeats.bytes(), kLimit);
    ASSERT_NE(repeats.Find(Request(i)), nullptr);
    repeats.Remember(KnownAs(i), Request(i));  // Twice is once.
  }
  EXPECT_GT(repeats.size(), 10u);
  EXPECT_EQ(repeats.Find(Request(0)), nullptr);
  EXPECT_NE(repeats.Find(Request(495)), nullptr);
}

TEST(Repeats, KeepsNothingThatIsTooLargeOrSwitchedOff) {
  Repeats repeats(1 << 20);
  repeats.Remember(KnownAs(1), Request(1, Repeats::kRequestBytesMax + 1));
  EXPECT_EQ(repeats.size(), 0u);
  Repeats off(0);
  off.Remember(KnownAs(1), Request(1));
  EXPECT_EQ(off.Find(Request(1)), nullptr);
}

}  // namespace
}  // namespace reflex::gateway
