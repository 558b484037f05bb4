#include "app/secrets.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "base/digest.h"
#include "base/files.h"

namespace reflex::app {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::uint64_t kFileBytesMax = 4096;

std::string RandomSecret() {
  std::array<std::uint8_t, kSecretBytes> bytes;
  base::RandomBytes(bytes);
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string RandomToken() {
  std::array<std::uint8_t, kSecretBytes> bytes;
  base::RandomBytes(bytes);
  return base::ToHex(std::span<const std::uint8_t>(bytes));
}

// The file's content; made with `make` where it is missing.
Result<std::string> ReadOrMake(const std::filesystem::path& path, const std::function<std::string()>& make) {
  Result<std::string> content = base::ReadFile(path, kFileBytesMax);
  if (content || content.error().code != ErrorCode::kNotFound) return content;
  std::string fresh = make();
  REFLEX_CHECK(base::WriteFileAtomically(path, fresh, 0600));
  return fresh;
}

// Exactly 32 bytes, or those 32 bytes in hexadecimal, with or without a line end: what people and `openssl rand` write.
Result<std::string> TenantSecretFrom(const std::filesystem::path& path, std::string content) {
  if (content.size() == kSecretBytes) return content;
  while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.pop_back();
  if (const Result<Digest> digest = base::DigestFromHex(content)) {
    return std::string(reinterpret_cast<const char*>(digest->bytes.data()), digest->bytes.size());
  }
  return Fail(ErrorCode::kInvalidArgument, path.string() + " holds no tenant secret; allowed: 32 bytes, or 64 hexadecimal digits");
}

Result<std::string> AdminTokenFrom(const std::filesystem::path& path, std::string content) {
  while (!content.empty() && std::isspace(static_cast<unsigned char>(content.back())) != 0) content.pop_back();
  const bool printable = std::ranges::all_of(content, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (content.size() >= kSecretBytes && printable) return content;
  return Fail(ErrorCode::kInvalidArgument,
              path.string() + " holds no admin token; allowed: at least 32 printable characters; remove it to have a new one made");
}

}  // namespace

Result<void> PrepareStorage(const std::filesystem::path& folder) {
  REFLEX_CHECK(base::MakeDirectory(folder, 0700));
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return std::unexpected(base::FileError("cannot look at", folder, errno));
  // A folder that was there before, perhaps made by a container's volume: prompts lie in it, so others are kept out where we may.
  if ((status.st_mode & 077) != 0 && ::chmod(folder.c_str(), 0700) != 0 && errno != EPERM && errno != EROFS) {
    return std::unexpected(base::FileError("cannot close to others", folder, errno));
  }
  return {};
}

Result<Secrets> LoadSecrets(const Settings& settings) {
  Secrets secrets;
  if (!settings.tenant_secret_file.empty()) {
    REFLEX_TRY(std::string content, base::ReadFile(settings.tenant_secret_file, kFileBytesMax));
    REFLEX_TRY(secrets.tenant_secret, TenantSecretFrom(settings.tenant_secret_file, std::move(content)));
  } else {
    const std::filesystem::path path = settings.storage_path / kTenantKeyName;
    REFLEX_TRY(std::string content, ReadOrMake(path, RandomSecret));
    REFLEX_TRY(secrets.tenant_secret, TenantSecretFrom(path, std::move(content)));
  }
  const std::filesystem::path path = settings.storage_path / kAdminTokenName;
  REFLEX_TRY(std::string content, ReadOrMake(path, RandomToken));
  REFLEX_TRY(secrets.admin_token, AdminTokenFrom(path, std::move(content)));
  return secrets;
}

Result<std::string> ReadAdminToken(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kAdminTokenName;
  REFLEX_TRY(std::string content, base::ReadFile(path, kFileBytesMax));
  return AdminTokenFrom(path, std::move(content));
}

Secrets MakeSecrets() { return Secrets{RandomSecret(), RandomToken()}; }

}  // namespace reflex::app
