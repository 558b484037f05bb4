#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace reflex {

/// A SHA-256 value. Always compared whole; a part of it only ever picks a bucket or shard.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  friend bool operator==(const Digest&, const Digest&) = default;
  friend std::strong_ordering operator<=>(const Digest&, const Digest&) = default;
};

/// Picks a bucket: the digest's first 8 bytes, which are uniform.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept {
    std::size_t value;
    std::memcpy(&value, digest.bytes.data(), sizeof value);
    return value;
  }
};

/// A short name of an exact key for indexes: its first 8 bytes, big-endian, so that labels sort as keys do. Never decides alone.
inline std::uint64_t LabelOf(const Digest& key) {
  std::uint64_t label = 0;
  for (int i = 0; i < 8; ++i) label = label << 8 | key.bytes[static_cast<std::size_t>(i)];
  return label;
}

/// The part of a scope that names its tenant: its last 8 bytes. Lets a store or index that is shared keep tenants apart and delete
/// one of them. Never decides alone.
inline std::uint64_t TenantTag(const Digest& scope) {
  std::uint64_t tag = 0;
  for (std::size_t i = 24; i < 32; ++i) tag = tag << 8 | scope.bytes[i];
  return tag;
}

/// Tokens as the provider counted them; 0 where it did not say.
struct Usage {
  std::uint32_t input_tokens = 0;
  std::uint32_t output_tokens = 0;

  friend bool operator==(const Usage&, const Usage&) = default;
};

/// One stored answer. Immutable once shared; held through EntryPtr by the tiers and by the replies that read from it.
struct Entry {
  /// Exact key: digest over the tenant and everything in the request that changes the answer.
  Digest key;
  /// Wall clock, milliseconds since 1970, when the provider's answer was complete.
  std::int64_t created_ms = 0;
  /// Wall clock, milliseconds since 1970, from which on the entry is stale. Always > created_ms.
  std::int64_t expires_ms = 0;
  Usage usage;
  /// Model name as requested, for purge and metrics.
  std::string model;
  /// The X-Reflex-Namespace the entry was stored under; empty for none.
  std::string name_space;
  /// X-Reflex-Tags given by the request that stored it.
  std::vector<std::string> tags;
  /// The provider's x-request-id for the call that made the answer; may be empty.
  std::string upstream_request_id;
  /// The answer, opaque here: written and read by the wire format that made it.
  std::string reply;
  /// What that wire format needs to replay `reply` quickly, opaque here.
  std::string layout;
  /// Digest over the tenant and everything in the request but the question, the last 8 bytes those of the tenant (TenantTag); all
  /// zero: the entry has no place in the semantic tiers.
  Digest scope{};
  /// Digest of the question's canonical text; all zero with `scope`.
  Digest canonical{};
  /// The last user text of the request that stored the entry, as sent; empty with `scope`.
  std::string question;

  friend bool operator==(const Entry&, const Entry&) = default;

  /// Bytes the entry occupies in memory, its own strings included.
  std::size_t MemoryBytes() const;
};

using EntryPtr = std::shared_ptr<const Entry>;

}  // namespace reflex
