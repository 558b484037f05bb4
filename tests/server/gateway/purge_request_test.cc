#include "gateway/purge_request.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::gateway {
namespace {

PurgeRequest Parsed(std::string_view body) {
  Result<PurgeRequest> request = ParsePurgeRequest(body);
  EXPECT_TRUE(request) << body << ": " << request.error().message;
  return request.value_or(PurgeRequest{});
}

TEST(PurgeRequest, ReadsAllAndEveryCondition) {
  EXPECT_TRUE(Parsed("{\"all\":true}").all);
  EXPECT_FALSE(Parsed("{\"all\":true}").dry_run);
  const PurgeRequest request = Parsed(
      " {\r\n\t\"model\" : \"gpt-4o\", \"namespace\":\"\", \"tag\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\", "
      "\"older_than_s\": 0 , \"dry_run\":true } \n");
  EXPECT_EQ(request.model, "gpt-4o");
  EXPECT_EQ(request.name_space, "");
  EXPECT_EQ(request.tag, "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(request.older_than_s, 0);
  EXPECT_TRUE(request.dry_run);
  EXPECT_FALSE(request.all);
}

TEST(PurgeRequest, WhatIsNotClearIsAnErrorThatSaysWhatIsAllowed) {
  for (const char* body : {"",
                           "[]",
                           "null",
                           "{}",
                           "{\"all\":false}",
                           "{\"dry_run\":true}",
                           "{\"all\":true,\"model\":\"m\"}",
                           "{\"all\":true,\"all\":true}",
                           "{\"model\":\"m\",\"model\":\"n\"}",
                           "{\"all\":1}",
                           "{\"all\":\"true\"}",
                           "{\"all\":truex}",
                           "{\"model\":5}",
                           "{\"model\":null}",
                           "{\"model\":\"m\"",
                           "{\"model\":\"m\",}",
                           "{\"model\":\"m\"} x",
                           "{\"model\" \"m\"}",
                           "{model:\"m\"}",
                           "{\"model\":\"m}",
                           "{\"model\":\"a\nb\"}",
                           "{\"model\":\"\\x\"}",
                           "{\"model\":\"\\u12\"}",
                           "{\"model\":\"\\u12g4\"}",
                           "{\"model\":\"\\ud83d\"}",
                           "{\"model\":\"\\ud83d\\u0041\"}",
                           "{\"model\":\"\\ude00\"}",
                           "{\"model\":\"\\",
                           "{\"older_than_s\":-1}",
                           "{\"older_than_s\":-0}",
                           "{\"older_than_s\":1.5}",
                           "{\"older_than_s\":1e3}",
                           "{\"older_than_s\":007}",
                           "{\"older_than_s\":\"5\"}",
                           "{\"older_than_s\":99999999999999}",
                           "{\"older_than_s\":99999999999999999999999}",
                           "{\"older_than_s\":}",
                           "{\"olderthan\":5}"}) {
    const Result<PurgeRequest> request = ParsePurgeRequest(body);
    ASSERT_FALSE(request) << body;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(request.error().message.find("older_than_s"), std::string::npos) << request.error().message;
  }
}

TEST(PurgeRequest, ATooLongBodyIsNotRead) {
  const std::string body = "{\"model\":\"" + std::string(kPurgeBodyBytesMax, 'm') + "\"}";
  EXPECT_EQ(ParsePurgeRequest(body).error().code, ErrorCode::kTooLarge);
}

TEST(PurgeRequest, MatchesWhereAllConditionsHold) {
  Entry entry;
  entry.model = "m";
  entry.name_space = "n";
  entry.tags = {"a", "b"};
  entry.created_ms = 10'000;
  EXPECT_TRUE(Parsed("{\"model\":\"m\"}").Matches(entry, 20'000));
  EXPECT_FALSE(Parsed("{\"model\":\"M\"}").Matches(entry, 20'000));
  EXPECT_TRUE(Parsed("{\"namespace\":\"n\",\"tag\":\"b\"}").Matches(entry, 20'000));
  EXPECT_FALSE(Parsed("{\"namespace\":\"\"}").Matches(entry, 20'000));
  EXPECT_FALSE(Parsed("{\"model\":\"m\",\"tag\":\"c\"}").Matches(entry, 20'000));
  EXPECT_TRUE(Parsed("{\"older_than_s\":9}").Matches(entry, 20'000));
  EXPECT_FALSE(Parsed("{\"older_than_s\":10}").Matches(entry, 20'000));
}

}  // namespace
}  // namespace reflex::gateway
