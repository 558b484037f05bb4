#include "http/decode.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace reflex::http {
namespace {

constexpr int kGzip = 31, kZlib = 15, kRaw = -15;

std::string Compress(std::string_view text, int window, int flush = Z_FINISH) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Text() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "data: {\"i\":" + std::to_string(i * 7919) + "}\n\n";
  return text;
}

// Feeds `input` in pieces of `step` bytes. Sets `error` when the decoder fails.
std::string Decode(ContentCoding coding, std::string_view input, std::size_t step, std::optional<Error>& error) {
  auto decoder = ContentDecoder::Create(coding);
  EXPECT_TRUE(decoder);
  std::string out;
  for (std::size_t at = 0; at < input.size() && !error; at += step) {
    (*decoder)->Feed(input.substr(at, step));
    for (;;) {
      const auto piece = (*decoder)->Next();
      if (!piece) error = piece.error();
      if (!piece || piece->empty()) break;
      if (coding != ContentCoding::kIdentity) {
        EXPECT_LE(piece->size(), ContentDecoder::kPieceBytes);
      }
      out.append(*piece);
    }
  }
  if (!error) {
    if (const auto end = (*decoder)->Finish(); !end) error = end.error();
  }
  return out;
}

TEST(ContentCoding, IsReadFromTheField) {
  EXPECT_EQ(ParseContentCoding(""), ContentCoding::kIdentity);
  EXPECT_EQ(ParseContentCoding("Identity"), ContentCoding::kIdentity);
  EXPECT_EQ(ParseContentCoding("GZIP"), ContentCoding::kGzip);
  EXPECT_EQ(ParseContentCoding("x-gzip"), ContentCoding::kGzip);
  EXPECT_EQ(ParseContentCoding("deflate"), ContentCoding::kDeflate);
  EXPECT_FALSE(ParseContentCoding("br"));
  EXPECT_FALSE(ParseContentCoding("gzip, gzip"));
}

TEST(ContentDecoder, DecodesEveryCodingInPiecesOfAnySize) {
  const std::string text = Text();
  struct {
    ContentCoding coding;
    std::string bytes;
  } const cases[] = {{ContentCoding::kGzip, Compress(text, kGzip)},
                     {ContentCoding::kDeflate, Compress(text, kZlib)},
                     {ContentCoding::kDeflate, Compress(text, kRaw)},
                     {ContentCoding::kIdentity, text},
                     {ContentCoding::kGzip, Compress(text.substr(0, 1000), kGzip) + Compress(text.substr(1000), kGzip)}};
  for (const auto& item : cases) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{4096}, item.bytes.size()}) {
      std::optional<Error> error;
      EXPECT_EQ(Decode(item.coding, item.bytes, step, error), text) << step;
      EXPECT_FALSE(error) << error->message;
    }
  }
}

TEST(ContentDecoder, GivesWhatTheSenderFlushed) {
  const std::string event = "data: {\"delta\":\"hello\"}\n\n";
  auto decoder = ContentDecoder::Create(ContentCoding::kGzip);
  const std::string flushed = Compress(event, kGzip, Z_SYNC_FLUSH);
  (*decoder)->Feed(flushed);
  EXPECT_EQ((*decoder)->Next().value(), event);
  EXPECT_EQ((*decoder)->Next().value(), "");
  const auto end = (*decoder)->Finish();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kClosed);
}

TEST(ContentDecoder, GivesABombInBoundedPieces) {
  const std::string zeros(8 << 20, '\0');
  const std::string bomb = Compress(zeros, kGzip);
  ASSERT_LT(bomb.size(), zeros.size() / 500);
  auto decoder = ContentDecoder::Create(ContentCoding::kGzip);
  (*decoder)->Feed(bomb);
  std::size_t total = 0;
  for (auto piece = (*decoder)->Next(); piece && !piece->empty(); piece = (*decoder)->Next()) {
    ASSERT_LE(piece->size(), ContentDecoder::kPieceBytes);
    total += piece->size();
  }
  EXPECT_EQ(total, zeros.size());
  EXPECT_TRUE((*decoder)->Finish());
}

TEST(ContentDecoder, RefusesWhatFollowsTheEnd) {
  for (const ContentCoding coding : {ContentCoding::kGzip, ContentCoding::kDeflate}) {
    const std::string whole = Compress("hello", coding == ContentCoding::kGzip ? kGzip : kZlib);
    for (const std::string& tail : {std::string("x"), std::string("\x1fx"), std::string("\0", 1)}) {
      for (const std::size_t step : {std::size_t{1}, std::size_t{1000}}) {
        std::optional<Error> error;
        EXPECT_EQ(Decode(coding, whole + tail, step, error), "hello");
        ASSERT_TRUE(error);
        EXPECT_EQ(error->code, ErrorCode::kProtocol);
      }
    }
  }
}

TEST(ContentDecoder, NoticesEveryCut) {
  for (const int window : {kGzip, kZlib, kRaw}) {
    const std::string whole = Compress(Text().substr(0, 300), window);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      std::optional<Error> error;
      Decode(window == kGzip ? ContentCoding::kGzip : ContentCoding::kDeflate, whole.substr(0, size), 16, error);
      ASSERT_TRUE(error) << size;
      EXPECT_EQ(error->code, ErrorCode::kClosed) << size << error->message;
    }
  }
}

TEST(ContentDecoder, NoticesEveryDamagedByteOfAGzipBody) {
  const std::string text = Text().substr(0, 300);
  const std::string whole = Compress(text, kGzip);
  for (std::size_t at = 10; at < whole.size(); ++at) {  // The ten bytes before hold a time and hints, which change nothing.
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    std::optional<Error> error;
    Decode(ContentCoding::kGzip, damaged, 64, error);
    EXPECT_TRUE(error) << at;
  }
}

TEST(ContentDecoder, TakesNoBytesForAnEmptyBody) {
  for (const ContentCoding coding : {ContentCoding::kIdentity, ContentCoding::kGzip, ContentCoding::kDeflate}) {
    std::optional<Error> error;
    EXPECT_EQ(Decode(coding, "", 1, error), "");
    EXPECT_FALSE(error);
  }
}

TEST(ContentDecoder, RefusesGarbage) {
  std::optional<Error> error;
  Decode(ContentCoding::kGzip, "{\"choices\":[]}", 100, error);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kProtocol);
}

}  // namespace
}  // namespace reflex::http
