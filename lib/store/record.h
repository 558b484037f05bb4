#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::store {

// What the key table holds for one entry; 32 bytes on disk. docs/store.md has the layout.
struct KeyRecord {
  std::uint64_t first_id = 0;   // Id of the first piece; the others follow without a gap.
  std::uint32_t pieces = 0;     // How many.
  std::uint32_t bytes = 0;      // Sum of their sizes.
  std::int64_t expires_ms = 0;  // As in the entry.
  std::uint64_t checksum = 0;   // Checksum() of the pieces put together.

  friend bool operator==(const KeyRecord&, const KeyRecord&) = default;
};

constexpr std::size_t kKeyRecordBytes = 32;

std::string EncodeKeyRecord(const KeyRecord& record);
// Empty when `bytes` has another size or counts that no entry has.
std::optional<KeyRecord> DecodeKeyRecord(std::string_view bytes);

// Key of the expiry table: sorts by time, then id.
std::string EncodeExpiryKey(std::int64_t expires_ms, std::uint64_t first_id);
struct ExpiryKey {
  std::int64_t expires_ms = 0;
  std::uint64_t first_id = 0;
};
std::optional<ExpiryKey> DecodeExpiryKey(std::string_view bytes);

// The first 8 bytes of SHA-256, little endian: with the SHA instructions about 1.5 GB/s, from a library, and no accident passes it.
std::uint64_t Checksum(std::string_view bytes);

// Writes entries as bytes, compressing with zstd when `zstd_level` is above 0 and it helps. Not thread-safe: keep one a thread.
class EntryEncoder {
 public:
  explicit EntryEncoder(int zstd_level);
  ~EntryEncoder();
  EntryEncoder(const EntryEncoder&) = delete;
  EntryEncoder& operator=(const EntryEncoder&) = delete;

  // The entry's bytes, beginning with its key. The view lives until the next call.
  std::string_view Encode(const Entry& entry);

 private:
  struct Compressor;
  void AppendBody(const Entry& entry);

  const int zstd_level_;
  std::unique_ptr<Compressor> compressor_;
  std::string bytes_;
  std::string body_;
};

// Reads a whole entry; any bytes are safe to hand in. Returns: kCorrupt.
Result<Entry> DecodeEntry(std::string_view bytes);

// Reads all but reply and layout from the front of an entry's bytes. Returns: kCorrupt; kTooLarge when the front does not reach
// that far and more of it is needed.
Result<Entry> DecodeEntryHead(std::string_view front);

// Where an entry lies in the scopes, from its first piece: nothing when it has no scope, or the piece is too short to be one.
struct ScopePlace {
  Digest scope;
  Digest canonical;

  friend bool operator==(const ScopePlace&, const ScopePlace&) = default;
};
std::optional<ScopePlace> DecodeScopePlace(std::string_view front);

// Key of the scope table: scope, canonical, entry key; the whole row, it has no data.
std::string EncodeScopeRow(const Digest& scope, const Digest& canonical, const Digest& key);
struct ScopeRow {
  Digest scope;
  ScopeMember member;
};
std::optional<ScopeRow> DecodeScopeRow(std::string_view bytes);

// Data of the note table: a checksum over key and value, then the value.
std::string EncodeNote(std::string_view key, std::string_view value);
// The value inside `bytes`; empty when it is damaged.
std::optional<std::string_view> DecodeNote(std::string_view key, std::string_view bytes);

// Data of the rule table: a purge and the id it reaches to, under a checksum. Its key is EncodeRuleKey.
struct StoredRule {
  PurgeRule rule;
  std::uint64_t until_id = 0;  // Entries from this id on came after the purge.

  friend bool operator==(const StoredRule&, const StoredRule&) = default;
};
std::string EncodeRule(const StoredRule& rule);
std::optional<StoredRule> DecodeRule(std::string_view bytes);
std::string EncodeRuleKey(std::uint64_t number);
std::optional<std::uint64_t> DecodeRuleKey(std::string_view bytes);

// The key at the front of an entry's first piece; empty when the piece is too short to hold one.
std::optional<Digest> DecodeKey(std::string_view front);

}  // namespace reflex::store
