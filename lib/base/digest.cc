#include "base/digest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace reflex::base {
namespace {

constexpr std::size_t kBlockBytes = 64;

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

// Fetched once: OpenSSL 3 looks a digest up by name at each EVP_sha256() use, which costs more than hashing a short text.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

DigestContext NewContext() {
  DigestContext context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestInit_ex2(context.get(), Algorithm(), nullptr) != 1) std::abort();
  return context;
}

void Add(EVP_MD_CTX* context, const void* data, std::size_t size) {
  if (EVP_DigestUpdate(context, data, size) != 1) std::abort();
}

Digest Close(EVP_MD_CTX* context) {
  Digest digest;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(context, digest.bytes.data(), &size) != 1 || size != digest.bytes.size()) std::abort();
  return digest;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

struct Sha256::State {
  DigestContext context = NewContext();
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::Reset() {
  if (EVP_DigestInit_ex2(state_->context.get(), nullptr, nullptr) != 1) std::abort();
}

void Sha256::Update(std::string_view bytes) { Add(state_->context.get(), bytes.data(), bytes.size()); }

void Sha256::UpdateField(std::string_view bytes) {
  std::array<unsigned char, 8> length;
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(bytes.size()) >> (8 * i));
  }
  Add(state_->context.get(), length.data(), length.size());
  Update(bytes);
}

Digest Sha256::Finish() { return Close(state_->context.get()); }

Digest HashBytes(std::string_view bytes) {
  static thread_local const DigestContext context = NewContext();
  if (EVP_DigestInit_ex2(context.get(), nullptr, nullptr) != 1) std::abort();
  Add(context.get(), bytes.data(), bytes.size());
  return Close(context.get());
}

struct HmacKey::State {
  DigestContext inner = NewContext();
  DigestContext outer = NewContext();
};

HmacKey::HmacKey(std::string_view key) : state_(std::make_unique<State>()) {
  std::array<unsigned char, kBlockBytes> block{};
  if (key.size() > kBlockBytes) {
    const Digest shortened = HashBytes(key);
    std::copy(shortened.bytes.begin(), shortened.bytes.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (unsigned char& byte : block) byte ^= 0x36;
  Add(state_->inner.get(), block.data(), block.size());
  for (unsigned char& byte : block) byte ^= 0x36 ^ 0x5c;
  Add(state_->outer.get(), block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

HmacKey::~HmacKey() = default;
HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;

Digest HmacKey::Sign(std::string_view message) const {
  static thread_local const DigestContext context = NewContext();
  if (EVP_MD_CTX_copy_ex(context.get(), state_->inner.get()) != 1) std::abort();
  Add(context.get(), message.data(), message.size());
  const Digest inside = Close(context.get());
  if (EVP_MD_CTX_copy_ex(context.get(), state_->outer.get()) != 1) std::abort();
  Add(context.get(), inside.bytes.data(), inside.bytes.size());
  return Close(context.get());
}

std::string ToHex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    hex[2 * i] = kDigits[bytes[i] >> 4];
    hex[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return hex;
}

Result<Digest> DigestFromHex(std::string_view hex) {
  Digest digest;
  if (hex.size() != digest.bytes.size() * 2) {
    return Fail(ErrorCode::kInvalidArgument, "a digest is 64 hexadecimal characters, not " + std::to_string(hex.size()));
  }
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = HexValue(hex[2 * i]);
    const int low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return Fail(ErrorCode::kInvalidArgument, "a digest holds only hexadecimal characters");
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

bool EqualSecrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void RandomBytes(std::span<std::uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace reflex::base
