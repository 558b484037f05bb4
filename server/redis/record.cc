#include "redis/record.h"

#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include "base/digest.h"
#include "store/record.h"

namespace reflex::redis {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kLabelBytes = 8;
// Version, checksum of what follows it in the head, checksum of the body, stamp.
constexpr std::size_t kHeaderBytes = 1 + 8 + 8 + 8;
constexpr std::size_t kStampDigits = 16;
// Where the encoded entry says how long its head is: after the key and one byte of flags.
constexpr std::size_t kHeadLengthOffset = sizeof(Digest) + 1;

void AppendNumber(std::uint64_t value, std::string& out) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::uint64_t NumberAt(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

std::string_view BytesOf(const Digest& digest) { return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()}; }

Digest DigestAt(std::string_view bytes, std::size_t at) {
  Digest digest;
  std::memcpy(digest.bytes.data(), bytes.data() + at, digest.bytes.size());
  return digest;
}

std::string HexOf(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i) text[15 - i] = kDigits[value >> (4 * i) & 15];
  return text;
}

// What stands in the braces of `name`, which begins with `prefix`; empty when it is not so.
std::string_view InBraces(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with('}')) return {};
  name.remove_prefix(prefix.size());
  return name.substr(0, name.size() - 1);
}

// The header checked; the entry's own head follows it.
Result<std::uint64_t> CheckHeader(std::string_view head) {
  if (head.empty()) return Fail(ErrorCode::kCorrupt, "an entry in the shared store has no head");
  if (head[0] > kVersion) return Fail(ErrorCode::kNewerFormat, "an entry in the shared store was written by a newer version");
  if (head.size() < kHeaderBytes || head[0] != kVersion) return Fail(ErrorCode::kCorrupt, "an entry's head is damaged");
  if (store::Checksum(head.substr(9)) != NumberAt(head, 1)) return Fail(ErrorCode::kCorrupt, "an entry's head fails its checksum");
  return NumberAt(head, 17);
}

}  // namespace

std::string Keys::EntryOf(std::uint64_t label) const { return prefix_ + ":e:{" + HexOf(label) + "}"; }

std::optional<std::uint64_t> Keys::LabelOfEntry(std::string_view name) const {
  const std::string_view hex = InBraces(name, prefix_ + ":e:{");
  std::uint64_t label = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), label, 16);
  if (hex.size() != 16 || error != std::errc() || end != hex.data() + hex.size()) return std::nullopt;
  return label;
}

std::string Keys::ScopeOf(std::uint64_t cleared, const Digest& scope) const {
  return prefix_ + ":s:" + std::to_string(cleared) + ":{" + base::ToHex(scope) + "}";
}

std::optional<Keys::ScopeName> Keys::ReadScope(std::string_view name) const {
  const std::string start = prefix_ + ":s:";
  const std::size_t brace = name.rfind(":{");
  if (!name.starts_with(start) || brace == std::string_view::npos || brace < start.size()) return std::nullopt;
  ScopeName read;
  const char* const digits_end = name.data() + brace;
  const auto [end, error] = std::from_chars(name.data() + start.size(), digits_end, read.cleared);
  auto scope = base::DigestFromHex(InBraces(name.substr(brace), ":{"));
  if (error != std::errc() || end != digits_end || !scope) return std::nullopt;
  read.scope = *scope;
  return read;
}

std::string Keys::LeaseOf(const Digest& key) const { return prefix_ + ":f:{" + base::ToHex(key) + "}"; }

std::string FieldOf(const Digest& key) { return std::string(BytesOf(key).substr(kLabelBytes)); }

std::optional<Digest> KeyFrom(std::uint64_t label, std::string_view field) {
  if (field.size() != sizeof(Digest) - kLabelBytes) return std::nullopt;
  Digest key;
  for (std::size_t i = 0; i < kLabelBytes; ++i) key.bytes[i] = static_cast<std::uint8_t>(label >> (8 * (kLabelBytes - 1 - i)));
  std::memcpy(key.bytes.data() + kLabelBytes, field.data(), field.size());
  return key;
}

StoredEntry EncodeStored(const Entry& entry, std::string_view encoded, std::uint64_t stamp) {
  std::size_t head_bytes = 0;
  for (std::size_t i = 4; i-- > 0;) head_bytes = head_bytes << 8 | static_cast<std::uint8_t>(encoded[kHeadLengthOffset + i]);
  StoredEntry stored;
  stored.body = encoded.substr(head_bytes);
  std::string checked;
  AppendNumber(store::Checksum(stored.body), checked);
  AppendNumber(stamp, checked);
  checked.append(encoded.substr(0, head_bytes));
  stored.head.push_back(kVersion);
  AppendNumber(store::Checksum(checked), stored.head);
  stored.head.append(checked);
  const std::string digits = std::to_string(stamp);
  stored.place = std::string(kStampDigits - digits.size(), '0') + digits;
  if (entry.scope != Digest{}) stored.place.append(BytesOf(entry.scope)).append(BytesOf(entry.canonical));
  return stored;
}

Result<Stamped> DecodeStored(const Digest& key, std::string_view head, std::string_view body) {
  REFLEX_TRY(const std::uint64_t stamp, CheckHeader(head));
  if (store::Checksum(body) != NumberAt(head, 9)) return Fail(ErrorCode::kCorrupt, "an entry's body fails its checksum");
  REFLEX_TRY(Entry entry, store::DecodeEntry(std::string(head.substr(kHeaderBytes)).append(body)));
  if (entry.key != key) return Fail(ErrorCode::kCorrupt, "an entry lies under another entry's key");
  return Stamped{std::make_shared<const Entry>(std::move(entry)), stamp};
}

Result<Stamped> DecodeStoredHead(const Digest& key, std::string_view head) {
  REFLEX_TRY(const std::uint64_t stamp, CheckHeader(head));
  REFLEX_TRY(Entry entry, store::DecodeEntryHead(head.substr(kHeaderBytes)));
  if (entry.key != key) return Fail(ErrorCode::kCorrupt, "an entry lies under another entry's key");
  return Stamped{std::make_shared<const Entry>(std::move(entry)), stamp};
}

std::optional<Place> DecodePlace(std::string_view bytes) {
  if (bytes.size() != kStampDigits && bytes.size() != kStampDigits + 2 * sizeof(Digest)) return std::nullopt;
  Place place;
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + kStampDigits, place.stamp);
  if (error != std::errc() || end != bytes.data() + kStampDigits) return std::nullopt;
  if (bytes.size() > kStampDigits) {
    place.scope = DigestAt(bytes, kStampDigits);
    place.canonical = DigestAt(bytes, kStampDigits + sizeof(Digest));
  }
  return place;
}

std::string EncodeMember(const ScopeMember& member) { return std::string(BytesOf(member.canonical)).append(BytesOf(member.key)); }

std::optional<ScopeMember> DecodeMember(std::string_view bytes) {
  if (bytes.size() != 2 * sizeof(Digest)) return std::nullopt;
  return ScopeMember{.key = DigestAt(bytes, sizeof(Digest)), .canonical = DigestAt(bytes, 0)};
}

std::string Sealed(std::string_view name, std::string_view bytes) { return store::EncodeNote(name, bytes); }

std::optional<std::string_view> Opened(std::string_view name, std::string_view bytes) { return store::DecodeNote(name, bytes); }

}  // namespace reflex::redis
