#include "wire/error_body.h"

#include <gtest/gtest.h>

#include <string>

#include "server/wire/tree.h"

namespace reflex::wire {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

TEST(ErrorBody, HasTheFourKeysOfTheEnvelope) {
  EXPECT_EQ(ErrorBody("Not \"here\".", "invalid_request_error", "unknown_url"),
            R"({"error":{"message":"Not \"here\".","type":"invalid_request_error","param":null,"code":"unknown_url"}})");
  EXPECT_EQ(ErrorBody("x", "server_error", ""), R"({"error":{"message":"x","type":"server_error","param":null,"code":null}})");
}

TEST(ErrorEvent, IsOneDataLine) {
  EXPECT_EQ(
      ErrorEvent("cut\noff", "upstream_error", "upstream_truncated"),
      "data: "
      "{\"error\":{\"message\":\"cut\\noff\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"upstream_truncated\"}}\n\n");
}

TEST(AppendJsonString, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(Json(""), "\"\"");
  EXPECT_EQ(Json(std::string_view("\"\\\b\f\n\r\t\0\x1f/\x7f", 11)), "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\"");
  EXPECT_EQ(Json("é漢😀"), "\"é漢😀\"");
}

TEST(AppendJsonString, ReplacesInvalidUtf8) {
  EXPECT_EQ(Json("a\xff"
                 "b"),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_EQ(Json("\xc3"), "\"\xef\xbf\xbd\"");
  EXPECT_EQ(Json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(Json("\xe2\x82\"\xf0\x9f\x98\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\xf0\x9f\x98\x80\"");
}

TEST(AppendJsonString, GivesBackAnyTextThroughTheReader) {
  testing::Random random(5);
  for (int round = 0; round < 500; ++round) {
    const std::string text = testing::RandomText(random, 20);
    EXPECT_EQ(testing::Tree::Parse(Json(text)).text, text);
  }
  for (int round = 0; round < 500; ++round) {
    std::string bytes(testing::Below(random, 20), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    json::Document document;
    EXPECT_EQ(document.Parse(Json(bytes)), "");
  }
}

}  // namespace
}  // namespace reflex::wire
