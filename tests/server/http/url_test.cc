#include <gtest/gtest.h>

#include <string>

#include "http/client.h"

namespace reflex::http {
namespace {

TEST(BaseUrl, IsTakenApart) {
  const auto url = ParseBaseUrl("https://api.openai.com/v1");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->origin, (Origin{true, "api.openai.com", 443}));
  EXPECT_EQ(url->path, "/v1");
  EXPECT_EQ(url->text, "https://api.openai.com/v1");
}

TEST(BaseUrl, IsNormalised) {
  EXPECT_EQ(ParseBaseUrl("HTTP://LocalHost:80/")->text, "http://localhost");
  EXPECT_EQ(ParseBaseUrl("HTTPS://Api.Example:443/V1//")->text, "https://api.example/V1");
  EXPECT_EQ(ParseBaseUrl("https://h:8443/a/b/")->text, "https://h:8443/a/b");
  EXPECT_EQ(ParseBaseUrl("http://h")->path, "");
}

TEST(BaseUrl, TakesAddresses) {
  EXPECT_EQ(ParseBaseUrl("http://127.0.0.1:9000/x")->origin, (Origin{false, "127.0.0.1", 9000}));
  const auto v6 = ParseBaseUrl("http://[::1]:9000");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->origin, (Origin{false, "::1", 9000}));
  EXPECT_EQ(v6->text, "http://[::1]:9000");
  EXPECT_EQ(ParseBaseUrl("https://[2001:DB8::1]")->text, "https://[2001:db8::1]");
}

TEST(BaseUrl, RefusesWhatIsNone) {
  for (const char* text : {"", "api.openai.com", "ftp://h", "http://", "http:///x", "http://u:p@h/", "http://h?x=1", "http://h/#f",
                           "http://h:0", "http://h:65536", "http://h:", "http://h:8x", "http://[::1", "http://[h]", "http://[::1]x",
                           "http://h h/", "http://h/a b", "http://h\r\nX: y/", "http://h/\n"}) {
    const auto url = ParseBaseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(url.error().message.find("http(s)://host"), std::string::npos) << url.error().message;
  }
}

TEST(Origin, ShowsThePortOnlyIfItIsNotTheSchemesOwn) {
  EXPECT_EQ((Origin{true, "h", 443}).ToString(), "https://h");
  EXPECT_EQ((Origin{true, "h", 80}).ToString(), "https://h:80");
  EXPECT_EQ((Origin{false, "::1", 80}).ToString(), "http://[::1]");
}

}  // namespace
}  // namespace reflex::http
