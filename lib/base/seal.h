#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::base {

// How hard a passphrase is to try: scrypt (RFC 7914), N = 1 << log2_n, with 128 * N * r bytes of memory.
struct SealCost {
  std::uint8_t log2_n = 16;  // 64 MiB at r = 8, some tenths of a second; 10 to 20.
  std::uint32_t r = 8;       // 1 to 32.
  std::uint32_t p = 1;       // 1 to 16.
};

// Wraps a secret so that only who knows the key can read or change it: AES-256-GCM under a key that scrypt makes of `key` (a
// passphrase, or the content of a key file) and a fresh salt. All that is needed but the key is inside; docs/snapshots.md has the
// bytes. Thread-safe. Returns: kInvalidArgument for an empty key or a cost out of range, kInternal.
Result<std::string> Seal(std::string_view secret, std::string_view key, const SealCost& cost = {});

// The secret. Returns: kInvalidArgument where the key is another one or the bytes were changed, which nobody can tell apart;
// kCorrupt for bytes that are no sealed secret; kNewerFormat; kInternal.
Result<std::string> Unseal(std::string_view sealed, std::string_view key);

// Tells two secrets apart and says nothing else of them: HMAC-SHA256 of a fixed text under the secret.
Digest MarkOf(std::string_view secret);

}  // namespace reflex::base
