// Signature V4 against the vectors that AWS publishes: the examples of the S3 documentation ("Signature Calculations: Transferring
// Payload in a Single Chunk") and the test suite of the general documentation (service "service").
#include <gtest/gtest.h>

#include "base/digest.h"
#include "cloud/aws_sign.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

const AwsKeys kS3Keys{.id = "AKIAIOSFODNN7EXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", .session = {}};
const AwsKeys kSuiteKeys{.id = "AKIDEXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", .session = {}};
constexpr const char* kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kS3Url = "https://examplebucket.s3.amazonaws.com";

std::string AuthorizationOf(const HttpRequest& request) { return request.headers.back().second; }

std::string SignedForS3(HttpRequest request) {
  const std::string hash = base::ToHex(base::HashBytes(request.body));
  request.headers.emplace_back("x-amz-content-sha256", hash);
  SignV4(request, kS3Keys, {.region = "us-east-1", .service = "s3", .wall_ms = *ParseIsoTime("2013-05-24T00:00:00Z")}, hash);
  return AuthorizationOf(request);
}

std::string SignedForSuite(HttpRequest request, const AwsKeys& keys = kSuiteKeys) {
  const std::string hash = base::ToHex(base::HashBytes(request.body));
  SignV4(request, keys, {.region = "us-east-1", .service = "service", .wall_ms = *ParseIsoTime("2015-08-30T12:36:00Z")}, hash);
  return AuthorizationOf(request);
}

TEST(SignV4, SignsTheGetOfTheS3Documentation) {
  EXPECT_EQ(SignedForS3({.method = "GET", .url = std::string(kS3Url) + "/test.txt", .headers = {{"Range", "bytes=0-9"}}}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SignV4, SignsThePutOfTheS3Documentation) {
  const std::string signature =
      SignedForS3({.method = "PUT",
                   .url = std::string(kS3Url) + "/" + PercentEncode("test$file.text", true),
                   .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                   .body = "Welcome to Amazon S3."});
  EXPECT_NE(signature.find("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"), std::string::npos)
      << signature;
}

TEST(SignV4, SignsQueriesWithAndWithoutValues) {
  const std::string lifecycle = SignedForS3({.method = "GET", .url = std::string(kS3Url) + "?lifecycle", .headers = {}});
  EXPECT_NE(lifecycle.find("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"), std::string::npos)
      << lifecycle;
  const std::string list = SignedForS3({.method = "GET", .url = std::string(kS3Url) + "/?prefix=J&max-keys=2", .headers = {}});
  EXPECT_NE(list.find("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"), std::string::npos) << list;
  // A multipart call's parameters in any order give one signature: that of the sorted ones.
  EXPECT_EQ(SignedForS3({.method = "PUT", .url = std::string(kS3Url) + "/k?uploadId=a%2Fb%2B%3D&partNumber=2", .headers = {}}),
            SignedForS3({.method = "PUT", .url = std::string(kS3Url) + "/k?partNumber=2&uploadId=a%2Fb%2B%3D", .headers = {}}));
  EXPECT_EQ(SignedForS3({.method = "POST", .url = std::string(kS3Url) + "/k?uploads", .headers = {}}),
            SignedForS3({.method = "POST", .url = std::string(kS3Url) + "/k?uploads=", .headers = {}}));
}

TEST(SignV4, SignsTheTestSuiteOfAws) {
  const std::string vanilla = SignedForSuite({.method = "GET", .url = "https://example.amazonaws.com/", .headers = {}});
  EXPECT_EQ(vanilla,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  const std::string ordered =
      SignedForSuite({.method = "GET", .url = "https://example.amazonaws.com/?Param2=value2&Param1=value1", .headers = {}});
  EXPECT_NE(ordered.find("Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"), std::string::npos)
      << ordered;
  const std::string posted = SignedForSuite({.method = "POST", .url = "https://example.amazonaws.com/", .headers = {}});
  EXPECT_NE(posted.find("Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"), std::string::npos) << posted;
}

TEST(SignV4, SignsSessionTokens) {
  AwsKeys keys = kSuiteKeys;
  keys.session =
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/"
      "qkPpKPi/"
      "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD"
      "0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
  const std::string signature = SignedForSuite({.method = "POST", .url = "https://example.amazonaws.com/", .headers = {}}, keys);
  EXPECT_NE(signature.find("SignedHeaders=host;x-amz-date;x-amz-security-token"), std::string::npos) << signature;
  EXPECT_NE(signature.find("Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"), std::string::npos)
      << signature;
}

TEST(SignV4, HashesNothingToTheKnownHash) { EXPECT_EQ(base::ToHex(base::HashBytes("")), kEmptyHash); }

}  // namespace
}  // namespace reflex::cloud
