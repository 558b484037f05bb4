#include "base/seal.h"

#include <array>
#include <cstring>
#include <memory>
#include <span>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/digest.h"

namespace reflex::base {
namespace {

constexpr std::string_view kMagic = "RXK";
constexpr char kVersion = 1;
constexpr std::size_t kSaltBytes = 16, kNonceBytes = 12, kTagBytes = 16, kKeyBytes = 32;
// Magic and version, log2 N, r, p, salt, nonce: all of it is authenticated with the secret.
constexpr std::size_t kCostAt = 4, kSaltAt = 7, kNonceAt = kSaltAt + kSaltBytes, kHeadBytes = kNonceAt + kNonceBytes;
constexpr std::uint64_t kMemoryMax = 1ull << 31;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

// Wiped when it goes.
struct Key {
  std::array<std::uint8_t, kKeyBytes> bytes{};
  ~Key() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool CostIsAllowed(const SealCost& cost) {
  return cost.log2_n >= 10 && cost.log2_n <= 20 && cost.r >= 1 && cost.r <= 32 && cost.p >= 1 && cost.p <= 16 &&
         (std::uint64_t{128} << cost.log2_n) * cost.r <= kMemoryMax;
}

Result<void> Derive(std::string_view key, std::string_view salt, const SealCost& cost, Key& out) {
  const int done = EVP_PBE_scrypt(key.data(), key.size(), Bytes(salt), salt.size(), std::uint64_t{1} << cost.log2_n, cost.r, cost.p,
                                  kMemoryMax + (64u << 20), out.bytes.data(), out.bytes.size());
  if (done != 1) return Fail(ErrorCode::kInternal, "the key for the secret cannot be made: there may be too little memory");
  return {};
}

bool Encrypt(std::string_view head, std::string_view secret, const Key& key, std::string& out) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  out.assign(secret.size() + kTagBytes, '\0');
  int size = 0;
  return context != nullptr && secret.size() <= 1 << 20 &&
         EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes.data(), Bytes(head) + kNonceAt) == 1 &&
         EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(head), static_cast<int>(head.size())) == 1 &&
         EVP_EncryptUpdate(context.get(), Bytes(out), &size, Bytes(secret), static_cast<int>(secret.size())) == 1 &&
         EVP_EncryptFinal_ex(context.get(), Bytes(out) + size, &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, Bytes(out) + secret.size()) == 1;
}

bool Decrypt(std::string_view head, std::string_view body, const Key& key, std::string& out) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  const std::string_view secret = body.substr(0, body.size() - kTagBytes);
  std::string tag(body.substr(secret.size()));
  out.assign(secret.size(), '\0');
  int size = 0;
  return context != nullptr &&
         EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes.data(), Bytes(head) + kNonceAt) == 1 &&
         EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(head), static_cast<int>(head.size())) == 1 &&
         EVP_DecryptUpdate(context.get(), Bytes(out), &size, Bytes(secret), static_cast<int>(secret.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context.get(), Bytes(out) + size, &size) == 1;
}

}  // namespace

Result<std::string> Seal(std::string_view secret, std::string_view key, const SealCost& cost) {
  if (key.empty()) return Fail(ErrorCode::kInvalidArgument, "the key that wraps the secret is empty");
  if (!CostIsAllowed(cost))
    return Fail(ErrorCode::kInvalidArgument, "the cost of scrypt must be 2^10 to 2^20, r 1 to 32, p 1 to 16");
  std::string head(kMagic);
  for (const auto number : {static_cast<std::uint32_t>(kVersion), std::uint32_t{cost.log2_n}, cost.r, cost.p}) {
    head.push_back(static_cast<char>(number));
  }
  std::array<std::uint8_t, kSaltBytes + kNonceBytes> random;
  RandomBytes(random);
  head.append(reinterpret_cast<const char*>(random.data()), random.size());
  Key derived;
  REFLEX_CHECK(Derive(key, std::string_view(head).substr(kSaltAt, kSaltBytes), cost, derived));
  std::string body;
  if (!Encrypt(head, secret, derived, body)) return Fail(ErrorCode::kInternal, "the secret cannot be wrapped");
  return head + body;
}

Result<std::string> Unseal(std::string_view sealed, std::string_view key) {
  if (sealed.size() < kHeadBytes + kTagBytes || !sealed.starts_with(kMagic)) {
    return Fail(ErrorCode::kCorrupt, "these bytes are no wrapped secret");
  }
  if (sealed[kMagic.size()] != kVersion) return Fail(ErrorCode::kNewerFormat, "the secret was wrapped by a newer version");
  const auto number = [&](std::size_t at) { return static_cast<std::uint8_t>(sealed[kCostAt + at]); };
  const SealCost cost{number(0), number(1), number(2)};
  if (!CostIsAllowed(cost)) return Fail(ErrorCode::kCorrupt, "the wrapped secret asks for an impossible cost of scrypt");
  Key derived;
  REFLEX_CHECK(Derive(key, sealed.substr(kSaltAt, kSaltBytes), cost, derived));
  std::string secret;
  if (Decrypt(sealed.substr(0, kHeadBytes), sealed.substr(kHeadBytes), derived, secret)) return secret;
  OPENSSL_cleanse(secret.data(), secret.size());
  return Fail(ErrorCode::kInvalidArgument,
              "the secret does not open: the passphrase or key file is another one, or it was changed");
}

Digest MarkOf(std::string_view secret) { return HmacKey(secret).Sign("reflex snapshot secret mark"); }

}  // namespace reflex::base
