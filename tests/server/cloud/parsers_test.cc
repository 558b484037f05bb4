#include <gtest/gtest.h>

#include "cloud/aws_auth.h"
#include "cloud/json_answers.h"
#include "cloud/s3_answers.h"
#include "cloud/text_forms.h"
#include "cloud/xml.h"

namespace reflex::cloud {
namespace {

TEST(Times, AreReadInBothForms) {
  EXPECT_EQ(ParseIsoTime("1970-01-01T00:00:01Z"), 1000);
  EXPECT_EQ(ParseIsoTime("2026-03-09T17:05:06.789Z"), 1'773'075'906'789);
  EXPECT_EQ(ParseIsoTime("2026-03-09T19:05:06.7891234+02:00"), 1'773'075'906'789);
  EXPECT_EQ(ParseHttpDate("Mon, 09 Mar 2026 17:05:06 GMT"), 1'773'075'906'000);
  EXPECT_EQ(AmazonTime(1'773'075'906'789), "20260309T170506Z");
  for (const char* bad : {"", "2026-03-09", "2026-13-09T17:05:06Z", "2026-02-30T17:05:06Z", "2026-03-09T24:05:06Z",
                          "2026-03-09T17:05:06", "2026-03-09T17:05:06.Z", "2026-03-09T17:05:06+0200"}) {
    EXPECT_FALSE(ParseIsoTime(bad)) << bad;
  }
  for (const char* bad : {"", "Mon, 09 Mar 2026 17:05:06", "Mon, 09 arM 2026 17:05:06 GMT", "Monday, 09-Mar-26 17:05:06 GMT"}) {
    EXPECT_FALSE(ParseHttpDate(bad)) << bad;
  }
}

TEST(Endpoints, LoseTheUsualPortAndTheLastSlash) {
  EXPECT_EQ(ParseEndpoint("x", "https://host:443/")->ToString(), "https://host");
  EXPECT_EQ(ParseEndpoint("x", "http://host:443/a/")->ToString(), "http://host:443/a");
  EXPECT_EQ(ParseEndpoint("x", "http://[::1]:9000")->authority, "[::1]:9000");
}

TEST(Xml, IsReadWithEntitiesCdataAndAttributes) {
  std::string seen;
  const auto read =
      ReadXml("<?xml version='1.0'?><!-- c --><a x='1>2'><b>1 &lt; 2 &amp; &#x20AC;&#65;</b><c/><d><![CDATA[<raw>&]]></d></a>\n",
              [&](std::string_view path, std::string_view text) { seen.append(path).append("=").append(text).append(";"); });
  ASSERT_TRUE(read);
  EXPECT_EQ(seen, "a/b=1 < 2 & €A;a/c=;a/d=<raw>&;a=;");
}

TEST(Xml, ThatIsBrokenIsRefused) {
  for (const char* bad : {"", "text", "<a>", "<a></b>", "<a>&nope;</a>", "<a>&#xD800;</a>", "<a/><b/>", "<a></a>text",
                          "<!DOCTYPE a><a/>", "<a", "<a><![CDATA[x</a>", "<>x</>"}) {
    const auto read = ReadXml(bad, [](std::string_view, std::string_view) {});
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, ErrorCode::kProtocol);
  }
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  EXPECT_FALSE(ReadXml(deep, [](std::string_view, std::string_view) {}));
}

TEST(S3Answers, AreRead) {
  const auto page = ParseS3Page(
      "<ListBucketResult xmlns='x'><IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;1</NextContinuationToken>"
      "<Contents><Key>p/a</Key><Size>7</Size><LastModified>2026-03-09T17:05:06.789Z</LastModified></Contents></ListBucketResult>");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->next, "t&1");
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].name, "p/a");
  EXPECT_EQ(page->objects[0].bytes, 7u);
  EXPECT_EQ(page->objects[0].modified_ms, 1'773'075'906'789);
  EXPECT_FALSE(ParseS3Page("<Other/>"));
  EXPECT_FALSE(ParseS3Page("<ListBucketResult><Contents><Size>7</Size></Contents></ListBucketResult>"));
  EXPECT_FALSE(ParseS3Page("<ListBucketResult><Contents><Key>a</Key><Size>-7</Size></Contents></ListBucketResult>"));
  EXPECT_FALSE(ParseS3Page("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"));
  EXPECT_EQ(ParseAwsError("<Error><Code>SlowDown</Code><Message>m</Message></Error>").code, "SlowDown");
  EXPECT_EQ(ParseAwsError("<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>").code,
            "RequestExpired");
  EXPECT_EQ(ParseAwsError("<html>").code, "");
  EXPECT_FALSE(ParseUploadId("<InitiateMultipartUploadResult/>"));
}

TEST(JsonAnswers, WithoutWhatIsNeededAreRefused) {
  EXPECT_FALSE(ParseTokenAnswer("{}"));
  EXPECT_FALSE(ParseTokenAnswer("[]"));
  EXPECT_FALSE(ParseTokenAnswer(R"({"access_token":"a b","expires_in":1})"));
  EXPECT_FALSE(ParseTokenAnswer(R"({"access_token":"a","expires_in":0})"));
  EXPECT_FALSE(ParseStorageObject(R"({"size":"1"})"));
  EXPECT_FALSE(ParseStoragePage(R"({"items":{}})"));
  EXPECT_FALSE(ParseStoragePage(R"({"items":[{}]})"));
  EXPECT_TRUE(ParseStoragePage("{}")->objects.empty());
  EXPECT_FALSE(ParseInstanceKeys(R"({"AccessKeyId":"a"})"));
  EXPECT_FALSE(ParseInstanceKeys("{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"x\\r\\ny\"}"));
  EXPECT_EQ(GoogleErrorWords(R"({"error":"invalid_grant","error_description":"too late"})"), "invalid_grant: too late");
  EXPECT_EQ(GoogleErrorWords(R"({"error":{"message":"no"}})"), "no");
  EXPECT_EQ(GoogleErrorWords("<html>"), "");
}

TEST(JsonAnswers, OfGoogleAreRead) {
  const auto object = ParseStorageObject(
      R"({"name":"p/a","size":"12345678901","generation":"17","crc32c":"4waSgw==","updated":"2026-03-09T17:05:06.789Z"})");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->bytes, 12'345'678'901u);
  EXPECT_EQ(object->generation, "17");
  EXPECT_EQ(object->crc32c, "4waSgw==");
  EXPECT_EQ(object->updated_ms, 1'773'075'906'789);
}

TEST(CredentialsFile, GivesTheProfileThatWasNamed) {
  constexpr std::string_view kText =
      "# comment\n[default]\naws_access_key_id = A\naws_secret_access_key=B=\n\n[ other ]\r\naws_access_key_id=C\r\n"
      "aws_secret_access_key = D\r\naws_session_token = E\r\nregion = x\r\n";
  const auto usual = ParseCredentialsFile(kText, "default");
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->id, "A");
  EXPECT_EQ(usual->secret, "B=");
  EXPECT_EQ(usual->session, "");
  const auto other = ParseCredentialsFile(kText, "other");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->id, "C");
  EXPECT_EQ(other->secret, "D");
  EXPECT_EQ(other->session, "E");
  EXPECT_NE(ParseCredentialsFile(kText, "third").error().message.find("third"), std::string::npos);
  const auto half = ParseCredentialsFile("[default]\naws_secret_access_key = hidden", "default");
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().message.find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace reflex::cloud
