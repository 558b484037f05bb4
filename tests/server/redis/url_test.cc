#include "redis/url.h"

#include <string>

#include <gtest/gtest.h>

namespace reflex::redis {
namespace {

TEST(StoreUrl, EachFormIsRead) {
  const auto plain = ParseAddress("redis://cache.example:7000/3");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->topology, Topology::kSingle);
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->endpoints.front(), (Endpoint{"cache.example", 7'000}));
  EXPECT_EQ(plain->database, 3u);

  const auto secret = ParseAddress("rediss://me:p%40s%2Fs@[::1]");
  ASSERT_TRUE(secret);
  EXPECT_TRUE(secret->tls);
  EXPECT_EQ(secret->user, "me");
  EXPECT_EQ(secret->password, "p@s/s");
  EXPECT_EQ(secret->endpoints.front(), (Endpoint{"::1", 6'379}));
  EXPECT_EQ(secret->ToString(), "rediss://[::1]:6379") << "no password in a log";

  const auto sentinel = ParseAddress("redis+sentinel://:pw@a,b:5/main/2");
  ASSERT_TRUE(sentinel);
  EXPECT_EQ(sentinel->endpoints, (std::vector<Endpoint>{{"a", 26'379}, {"b", 5}}));
  EXPECT_EQ(sentinel->master, "main");
  EXPECT_EQ(sentinel->database, 2u);

  const auto cluster = ParseAddress("valkeys+cluster://a:1,b:2");
  ASSERT_TRUE(cluster);
  EXPECT_TRUE(cluster->tls);
  EXPECT_EQ(cluster->topology, Topology::kCluster);
}

TEST(StoreUrl, WhatIsWrongIsNamedWithWhatIsAllowedAndWithoutThePassword) {
  for (const char* wrong : {"", "localhost", "http://x", "redis://", "redis://h:0", "redis://h:99999", "redis://a,b", "redis://h/x",
                            "redis+sentinel://h", "redis+cluster://h/1", "redis://u:hunter2%zz@h", "redis://h?x=1", "redis+foo://h",
                            "redis://[::1", "redis://u:hunter2@h:x"}) {
    const auto read = ParseAddress(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(read.error().message.find("allowed: redis://"), std::string::npos) << read.error().message;
    EXPECT_EQ(read.error().message.find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace reflex::redis
