#include "gateway/identity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <vector>

namespace reflex::gateway {
namespace {

constexpr std::string_view kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr std::string_view kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

std::string TraceIdOf(std::string_view value) {
  const std::vector<http::Header> headers = {{"Traceparent", value}};
  return std::string(ReadTraceId(headers));
}

TEST(Identity, RequestIdsHaveTheirFormAndNeverRepeat) {
  http::IoThread io;
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) {
    const ShortText id = MakeRequestId(io);
    EXPECT_EQ(id.view().size(), 36u);
    EXPECT_TRUE(id.view().starts_with("req_"));
    EXPECT_EQ(id.view().substr(4).find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_TRUE(seen.insert(std::string(id.view())).second);
  }
}

TEST(Identity, ChatIdsHaveTheirFormAndNeverRepeat) {
  http::IoThread io;
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) {
    const ShortText id = MakeChatId(io);
    EXPECT_EQ(id.view().size(), 38u);
    EXPECT_TRUE(id.view().starts_with("chatcmpl-"));
    EXPECT_TRUE(std::ranges::all_of(id.view().substr(9), [](unsigned char c) { return std::isalnum(c); }));
    EXPECT_TRUE(seen.insert(std::string(id.view())).second);
  }
}

TEST(Identity, TraceIdIsReadFromATraceparent) {
  EXPECT_EQ(TraceIdOf(kTraceparent), kTraceId);
  EXPECT_EQ(ReadTraceId({}), "");
  // A later version may be longer.
  EXPECT_EQ(TraceIdOf("01" + std::string(kTraceparent.substr(2)) + "-more"), kTraceId);
}

TEST(Identity, AMalformedTraceparentHasNoTraceId) {
  const std::string good(kTraceparent);
  EXPECT_EQ(TraceIdOf(""), "");
  EXPECT_EQ(TraceIdOf(good.substr(0, 54)), "");
  EXPECT_EQ(TraceIdOf(good + "-more"), "") << "version 00 has nothing after its flags";
  EXPECT_EQ(TraceIdOf("01" + good.substr(2) + "more"), "");
  EXPECT_EQ(TraceIdOf("ff" + good.substr(2)), "");
  EXPECT_EQ(TraceIdOf("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"), "") << "upper case";
  EXPECT_EQ(TraceIdOf("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), "");
  EXPECT_EQ(TraceIdOf("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), "");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string broken = good;
    broken[i] = '"';
    EXPECT_EQ(TraceIdOf(broken), "") << i;
  }
}

TEST(Identity, TwoTraceparentsHaveNoTraceId) {
  const std::vector<http::Header> headers = {{"traceparent", kTraceparent}, {"traceparent", kTraceparent}};
  EXPECT_EQ(ReadTraceId(headers), "");
}

}  // namespace
}  // namespace reflex::gateway
