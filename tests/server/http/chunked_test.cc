#include "http/detail/chunked.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace reflex::http {
namespace {

// The decoded body, fed in pieces of `step` bytes; null when refused; "more" appended in `incomplete` when it is not done.
std::optional<std::string> Decode(std::string_view coded, std::size_t step, bool* done = nullptr, std::size_t* used = nullptr) {
  ChunkedDecoder decoder;
  std::string body;
  std::size_t total = 0;
  for (std::size_t at = 0; at < coded.size() && !decoder.done(); at += step) {
    std::string_view piece = coded.substr(at, step);
    while (!piece.empty() && !decoder.done()) {
      const auto decoded = decoder.Decode(piece);
      if (!decoded) return std::nullopt;
      body += decoded->data;
      total += decoded->consumed;
      piece.remove_prefix(decoded->consumed);
    }
  }
  if (done != nullptr) *done = decoder.done();
  if (used != nullptr) *used = total;
  return body;
}

TEST(ChunkedDecoder, DecodesHoweverTheBytesArrive) {
  const std::string coded = "5\r\nhello\r\n1;name=value;q=\"a;b\\\"\"\r\n,\r\n0B\r\n wide world\r\n0\r\nSum: 1\r\n\r\nGET /";
  for (std::size_t step = 1; step <= coded.size(); ++step) {
    bool done = false;
    std::size_t used = 0;
    EXPECT_EQ(Decode(coded, step, &done, &used), "hello, wide world") << step;
    EXPECT_TRUE(done);
    EXPECT_EQ(used, coded.size() - 5);
  }
}

TEST(ChunkedDecoder, IsNotDoneBeforeTheLastByte) {
  const std::string coded = "3\r\nabc\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t size = 0; size < coded.size(); ++size) {
    bool done = true;
    ASSERT_TRUE(Decode(coded.substr(0, size), 7, &done));
    EXPECT_FALSE(done) << size;
  }
}

TEST(ChunkedDecoder, LimitsExtensionsAndTrailers) {
  const std::string long_name(ChunkedDecoder::kLineBytesMax, 'a');
  EXPECT_FALSE(Decode("1;" + long_name + "\r\nx\r\n0\r\n\r\n", 100));
  std::string many;
  for (std::size_t i = 0; i < ChunkedDecoder::kExtensionBytesMax / 1000 + 1; ++i)
    many += "1;" + std::string(1000, 'e') + "\r\nx\r\n";
  EXPECT_FALSE(Decode(many, 100));
  EXPECT_FALSE(Decode(std::string(ChunkedDecoder::kLineBytesMax + 1, '0'), 100));
  std::string trailers = "0\r\n";
  while (trailers.size() < ChunkedDecoder::kTrailerBytesMax + 10) trailers += "Name: value\r\n";
  EXPECT_FALSE(Decode(trailers, 100));
}

TEST(ChunkedDecoder, TakesTheLargestSizeAndRefusesMore) {
  bool done = true;
  EXPECT_EQ(Decode("7fffffffffffffff\r\nabc", 100, &done), "abc");
  EXPECT_FALSE(done);
  EXPECT_FALSE(Decode("80000000000000000\r\nabc", 100));
  EXPECT_FALSE(Decode("fffffffffffffffff\r\nabc", 100));
}

}  // namespace
}  // namespace reflex::http
