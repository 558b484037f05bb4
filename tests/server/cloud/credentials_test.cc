// Where credentials come from, and that nobody is asked who need not be.
#include <gtest/gtest.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "cloud/text_forms.h"
#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

// A new RSA key, and what it signed.
class RsaKey {
 public:
  RsaKey() : key_(EVP_RSA_gen(2048)) {}
  ~RsaKey() { EVP_PKEY_free(key_); }
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;

  std::string Pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string pem(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return pem;
  }
  bool Verifies(const std::string& message, const std::string& signature) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key_);
    const int good = EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                                      reinterpret_cast<const unsigned char*>(message.data()), message.size());
    EVP_MD_CTX_free(context);
    return good == 1;
  }

 private:
  EVP_PKEY* key_;
};

std::string DecodeBase64Url(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const std::size_t value = std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").find(c);
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    have += 6;
    if (have >= 8) have -= 8, bytes += static_cast<char>(bits >> have & 255);
  }
  return bytes;
}

class GoogleCredentials : public ::testing::Test {
 protected:
  GoogleCredentials() { world_.options.endpoint = world_.options.metadata_endpoint = fake_.url(); }
  Result<void> List() {
    const auto listed = world_.Open("gs://bkt/p")->List();
    if (!listed) return std::unexpected(listed.error());
    return {};
  }
  std::filesystem::path KeyFile() {
    const std::string json = R"({"type":"service_account","client_email":"me@project","private_key_id":"kid1","token_uri":")" +
                             fake_.url() + R"(/token","private_key":)" + cloud::JsonQuote(key_.Pem()) + "}";
    WriteBytes(world_.folder / "key.json", json);
    return world_.folder / "key.json";
  }
  int metadata_asked() { return fake_.http().Count("GET", "computeMetadata"); }

  FakeGoogle fake_;
  CloudWorld world_;
  RsaKey key_;
};

TEST_F(GoogleCredentials, OfAServiceAccountAreASignedClaim) {
  world_.options.credentials_file = KeyFile();
  const auto listed = List();
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(metadata_asked(), 0);
  ASSERT_EQ(fake_.assertions().size(), 1u);
  const std::string form = fake_.assertions()[0];
  const std::string start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  ASSERT_TRUE(form.starts_with(start));
  const std::string assertion = form.substr(start.size());
  const std::size_t second_dot = assertion.rfind('.');
  EXPECT_TRUE(key_.Verifies(assertion.substr(0, second_dot), DecodeBase64Url(assertion.substr(second_dot + 1))));
  EXPECT_EQ(DecodeBase64Url(assertion.substr(0, assertion.find('.'))), R"({"alg":"RS256","typ":"JWT","kid":"kid1"})");
  const std::string claims = DecodeBase64Url(assertion.substr(assertion.find('.') + 1, second_dot - assertion.find('.') - 1));
  EXPECT_TRUE(claims.starts_with(R"({"iss":"me@project","scope":"https://www.googleapis.com/auth/devstorage.read_write","aud":")" +
                                 fake_.url() + R"(/token","iat":)"))
      << claims;
}

TEST_F(GoogleCredentials, OfTheUsualVariablesAreFound) {
  world_.variables["GOOGLE_APPLICATION_CREDENTIALS"] = KeyFile().string();
  ASSERT_TRUE(List());
  EXPECT_EQ(fake_.assertions().size(), 1u);
  world_.variables["GOOGLE_OAUTH_ACCESS_TOKEN"] = "given";
  ASSERT_TRUE(List());
  EXPECT_EQ(fake_.assertions().size(), 1u);
  EXPECT_EQ(metadata_asked(), 0);
}

TEST_F(GoogleCredentials, ATokenOfTheEnvironmentIsNotRenewed) {
  world_.variables["GOOGLE_OAUTH_ACCESS_TOKEN"] = "other";
  const auto listed = List();
  ASSERT_FALSE(listed);
  EXPECT_NE(listed.error().message.find("401"), std::string::npos);
  EXPECT_EQ(metadata_asked(), 0);
  EXPECT_EQ(fake_.http().Count("GET", "/storage"), 1);
}

TEST_F(GoogleCredentials, NoneSignsNothing) {
  world_.options.credentials_file = "none";
  const auto listed = List();
  ASSERT_FALSE(listed);
  EXPECT_NE(listed.error().message.find("Login Required"), std::string::npos) << listed.error().message;
  EXPECT_EQ(metadata_asked(), 0);
}

TEST_F(GoogleCredentials, AClockThatTheTokenEndpointRefusesIsCorrected) {
  world_.options.credentials_file = KeyFile();
  world_.clock.wall_ahead_ms = -7'200'000;
  fake_.http().Plant("POST", "/token", {.status = 400, .headers = {}, .body = R"({"error":"invalid_grant"})"});
  ASSERT_TRUE(List());
  const std::string form = fake_.assertions().at(0);
  const std::string assertion = form.substr(form.rfind('=') + 1);
  const std::string claims =
      DecodeBase64Url(assertion.substr(assertion.find('.') + 1, assertion.rfind('.') - assertion.find('.') - 1));
  const std::int64_t issued_s = std::strtoll(claims.c_str() + claims.find("\"iat\":") + 6, nullptr, 10);
  EXPECT_LT(std::abs(issued_s - fake_.http().NowMs() / 1000), 60);
}

TEST_F(GoogleCredentials, ARefusedAccountIsNamed) {
  world_.options.credentials_file = KeyFile();
  fake_.http().Plant("POST", "/token",
                     {.status = 400, .headers = {}, .body = R"({"error":"invalid_grant","error_description":"gone"})"});
  const auto listed = List();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(listed.error().message.find("me@project"), std::string::npos);
  EXPECT_NE(listed.error().message.find("invalid_grant: gone"), std::string::npos);
}

TEST_F(GoogleCredentials, FilesThatAreNoneSayWhy) {
  const auto refused = [&](const std::string& text, std::string_view why) {
    world_.options.credentials_file = world_.folder / "bad.json";
    WriteBytes(world_.options.credentials_file, text);
    const auto listed = List();
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(listed.error().message.find("bad.json"), std::string::npos) << listed.error().message;
    EXPECT_NE(listed.error().message.find(why), std::string::npos) << listed.error().message;
  };
  refused("no json", "no JSON object");
  refused(R"({"type":"authorized_user"})", "\"authorized_user\"; allowed: \"service_account\"");
  refused(R"({"type":"service_account"})", "client_email");
  refused(R"({"type":"service_account","client_email":"a"})", "private_key");
  refused(R"({"type":"service_account","client_email":"a","private_key":"b"})", "no RSA key");
  world_.options.credentials_file = world_.folder / "absent.json";
  EXPECT_NE(List().error().message.find("absent.json"), std::string::npos);
  EXPECT_EQ(metadata_asked(), 0);
}

class AwsCredentials : public ::testing::Test {
 protected:
  AwsCredentials() { world_.options.endpoint = world_.options.metadata_endpoint = fake_.url(); }
  Result<void> List() {
    const auto listed = world_.Open("s3://bkt/p")->List();
    if (!listed) return std::unexpected(listed.error());
    return {};
  }
  int metadata_asked() { return fake_.http().Count("PUT", "/latest/api/token"); }
  static constexpr const char* kFile = "[default]\naws_access_key_id=A\naws_secret_access_key=B\n";

  FakeS3 fake_;
  CloudWorld world_;
};

TEST_F(AwsCredentials, AreFoundInTheUsualPlaces) {
  std::filesystem::create_directories(world_.folder / ".aws");
  WriteBytes(world_.folder / ".aws/credentials", kFile);
  world_.variables = {{"HOME", world_.folder.path().string()}};
  ASSERT_TRUE(List());
  world_.variables = {{"AWS_SHARED_CREDENTIALS_FILE", (world_.folder / ".aws/credentials").string()}};
  ASSERT_TRUE(List());
  world_.variables = {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "B"}};
  ASSERT_TRUE(List());
  world_.variables.clear();
  world_.options.credentials_file = world_.folder / ".aws/credentials";
  ASSERT_TRUE(List());
  EXPECT_EQ(metadata_asked(), 0);
  world_.options.credentials_file.clear();
  ASSERT_TRUE(List());
  EXPECT_GT(metadata_asked(), 0);
}

TEST_F(AwsCredentials, ThatAreHalfOrAbsentSayWhatIsMissing) {
  world_.variables = {{"AWS_ACCESS_KEY_ID", "A"}};
  EXPECT_EQ(List().error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(List().error().message.find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
  world_.variables = {{"AWS_SHARED_CREDENTIALS_FILE", "/no/such/file"}};
  EXPECT_NE(List().error().message.find("/no/such/file"), std::string::npos);
  WriteBytes(world_.folder / "credentials", kFile);
  world_.variables = {{"AWS_SHARED_CREDENTIALS_FILE", (world_.folder / "credentials").string()}, {"AWS_PROFILE", "other"}};
  EXPECT_NE(List().error().message.find("\"other\""), std::string::npos);
  EXPECT_EQ(metadata_asked(), 0);
}

TEST_F(AwsCredentials, DoNotAskAnInstanceThatMayNotBeAsked) {
  world_.variables = {{"AWS_EC2_METADATA_DISABLED", "true"}};
  const auto listed = List();
  ASSERT_FALSE(listed);
  EXPECT_NE(listed.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);
  EXPECT_TRUE(fake_.http().seen().empty());
}

TEST_F(AwsCredentials, NoneSignsNothing) {
  world_.options.credentials_file = "none";
  EXPECT_NE(List().error().message.find("AccessDenied"), std::string::npos);
  EXPECT_EQ(metadata_asked(), 0);
}

}  // namespace
}  // namespace reflex::test
