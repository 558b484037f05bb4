#include "app/secrets.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/files.h"

namespace reflex::app {
namespace {

class SecretsTest : public testing::Test {
 protected:
  SecretsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-secrets-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    settings_.storage_path = root_ / "data";
  }
  ~SecretsTest() override { std::filesystem::remove_all(root_); }

  static mode_t ModeOf(const std::filesystem::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(base::WriteFileAtomically(settings_.storage_path / name, content, 0600));
  }

  std::filesystem::path root_;
  Settings settings_;
};

TEST_F(SecretsTest, AreMadeOnceAndOnlyTheOwnerCanReadThem) {
  ASSERT_TRUE(PrepareStorage(settings_.storage_path));
  const Result<Secrets> first = LoadSecrets(settings_);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->tenant_secret.size(), 32u);
  EXPECT_EQ(first->admin_token.size(), 64u);
  EXPECT_EQ(ModeOf(settings_.storage_path), 0700u);
  EXPECT_EQ(ModeOf(settings_.storage_path / "tenant.key"), 0600u);
  EXPECT_EQ(ModeOf(settings_.storage_path / "admin.token"), 0600u);
  EXPECT_EQ(std::filesystem::file_size(settings_.storage_path / "tenant.key"), 32u);

  const Result<Secrets> again = LoadSecrets(settings_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->tenant_secret, first->tenant_secret);
  EXPECT_EQ(again->admin_token, first->admin_token);
  EXPECT_EQ(ReadAdminToken(settings_.storage_path).value(), first->admin_token);
}

TEST_F(SecretsTest, TwoStorageFoldersHaveDifferentOnes) {
  const Secrets a = MakeSecrets(), b = MakeSecrets();
  EXPECT_NE(a.tenant_secret, b.tenant_secret);
  EXPECT_NE(a.admin_token, b.admin_token);
}

TEST_F(SecretsTest, AFolderThatWasOpenToOthersIsClosed) {
  std::filesystem::create_directory(settings_.storage_path);
  std::filesystem::permissions(settings_.storage_path, std::filesystem::perms(0755));
  ASSERT_TRUE(PrepareStorage(settings_.storage_path));
  EXPECT_EQ(ModeOf(settings_.storage_path), 0700u);
}

TEST_F(SecretsTest, AFileInPlaceOfTheFolderIsAnError) {
  ASSERT_TRUE(base::WriteFileAtomically(settings_.storage_path, "x", 0600));
  EXPECT_FALSE(PrepareStorage(settings_.storage_path));
}

TEST_F(SecretsTest, ATenantKeyOfTheWrongSizeStops) {
  ASSERT_TRUE(PrepareStorage(settings_.storage_path));
  for (const std::string& bad : {std::string(), std::string(31, 'x'), std::string(33, 'x'), std::string(64, 'g')}) {
    Write("tenant.key", bad);
    const Result<Secrets> secrets = LoadSecrets(settings_);
    ASSERT_FALSE(secrets) << bad.size();
    EXPECT_EQ(secrets.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(secrets.error().message.find("tenant.key"), std::string::npos);
  }
}

TEST_F(SecretsTest, AnAdminTokenThatIsNoneStops) {
  ASSERT_TRUE(PrepareStorage(settings_.storage_path));
  for (const std::string& bad : {std::string(), std::string("short"), std::string(40, ' '), std::string(40, '\x01')}) {
    Write("admin.token", bad);
    const Result<Secrets> secrets = LoadSecrets(settings_);
    ASSERT_FALSE(secrets) << bad.size();
    EXPECT_NE(secrets.error().message.find("admin.token"), std::string::npos);
  }
  Write("admin.token", std::string(40, 'y') + "\n");
  EXPECT_EQ(LoadSecrets(settings_).value().admin_token, std::string(40, 'y'));
}

TEST_F(SecretsTest, TheTenantSecretMayComeFromAnotherFile) {
  ASSERT_TRUE(PrepareStorage(settings_.storage_path));
  settings_.tenant_secret_file = root_ / "shared";
  const Result<Secrets> missing = LoadSecrets(settings_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("shared"), std::string::npos);

  ASSERT_TRUE(base::WriteFileAtomically(settings_.tenant_secret_file, std::string(32, '\n'), 0600));
  EXPECT_EQ(LoadSecrets(settings_).value().tenant_secret, std::string(32, '\n'));
  ASSERT_TRUE(base::WriteFileAtomically(settings_.tenant_secret_file, std::string(64, 'f') + "\n", 0600));
  EXPECT_EQ(LoadSecrets(settings_).value().tenant_secret, std::string(32, '\xff'));
  EXPECT_FALSE(std::filesystem::exists(settings_.storage_path / "tenant.key"));
}

}  // namespace
}  // namespace reflex::app
