#include "http/message.h"

#include <gtest/gtest.h>

namespace reflex::http {
namespace {

TEST(Message, FindsFieldsInAnyCase) {
  const Header headers[] = {{"Content-Type", "a"}, {"content-type", "b"}, {"X", ""}};
  EXPECT_EQ(HeaderValue(headers, "CONTENT-TYPE"), "a");
  EXPECT_EQ(FindHeader(headers, "y"), nullptr);
  EXPECT_EQ(HeaderValue(headers, "y"), "");
  EXPECT_FALSE(EqualsIgnoringCase("a@", "a`"));  // Only letters have case.
}

TEST(Message, KnowsHopByHopFields) {
  for (const char* name : {"Connection", "keep-alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE",
                           "Trailer", "Transfer-Encoding", "Upgrade"}) {
    EXPECT_TRUE(IsHopByHop(name, "")) << name;
  }
  EXPECT_FALSE(IsHopByHop("Content-Length", ""));
  EXPECT_TRUE(IsHopByHop("X-Own", "close ,\tx-own"));
  EXPECT_FALSE(IsHopByHop("X-Own", "x-owner, x"));
}

TEST(Message, ListsOwnTheirText) {
  HeaderList list;
  list.Add("A", "1");
  list.Add("b", "2");
  list.Add("a", "3");
  EXPECT_EQ(list.view().size(), 3u);
  list.Set("A", "4");
  EXPECT_EQ(list.view().size(), 2u);
  EXPECT_EQ(HeaderValue(list.view(), "a"), "4");
  list.Remove("B");
  EXPECT_EQ(list.view().size(), 1u);
}

TEST(Message, KnowsReasonPhrases) {
  EXPECT_EQ(ReasonPhrase(200), "OK");
  EXPECT_EQ(ReasonPhrase(100), "Continue");
  EXPECT_EQ(ReasonPhrase(511), "Network Authentication Required");
  EXPECT_EQ(ReasonPhrase(299), "");
  EXPECT_EQ(ReasonPhrase(999), "");
}

}  // namespace
}  // namespace reflex::http
