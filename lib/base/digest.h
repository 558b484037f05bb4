#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::base {

// SHA-256 (FIPS 180-4) over pieces. Not thread-safe; keep one and Reset it: that costs no allocation.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Reset();
  void Update(std::string_view bytes);
  // Appends the length as 8 little-endian bytes, then the bytes, so that neighbouring fields cannot run into each other.
  void UpdateField(std::string_view bytes);
  // The digest of all bytes since Reset; the object must be Reset before further use.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// SHA-256 of one piece.
Digest HashBytes(std::string_view bytes);

// HMAC-SHA256 (RFC 2104) under a key whose two key blocks are hashed once, at construction. Thread-safe after construction.
class HmacKey {
 public:
  explicit HmacKey(std::string_view key);
  ~HmacKey();
  HmacKey(HmacKey&&) noexcept;
  HmacKey& operator=(HmacKey&&) noexcept;

  Digest Sign(std::string_view message) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Lower-case hexadecimal, two characters a byte.
std::string ToHex(std::span<const std::uint8_t> bytes);
inline std::string ToHex(const Digest& digest) { return ToHex(digest.bytes); }
// Reads exactly 64 hexadecimal characters, either case. Returns: kInvalidArgument.
Result<Digest> DigestFromHex(std::string_view hex);

// Compares without leaking through time where the first difference is; lengths may leak.
bool EqualSecrets(std::string_view a, std::string_view b);

// Fills `out` from the operating system's random source; ends the process only if the system has none.
void RandomBytes(std::span<std::uint8_t> out);

}  // namespace reflex::base
