#include "store/record.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <zstd.h>

#include "base/digest.h"
#include "store/bytes.h"

namespace reflex::store {
namespace {

constexpr std::uint8_t kCompressed = 1;
constexpr std::uint8_t kScoped = 2;
// Smaller bodies rarely shrink by more than the frame costs.
constexpr std::size_t kCompressFromBytes = 256;
constexpr std::size_t kFlagsOffset = sizeof(Digest);
constexpr std::size_t kScopeOffset = kFlagsOffset + 1 + 4;
constexpr std::size_t kScopeEnd = kScopeOffset + 2 * sizeof(Digest);
constexpr std::uint8_t kRuleModel = 1, kRuleNamespace = 2, kRuleTag = 4;
constexpr std::size_t kHeadLengthOffset = sizeof(Digest) + 1;
// No stored reply is larger; guards the buffer a damaged length would ask for.
constexpr std::uint64_t kBodyBytesMax = 1ull << 30;

struct Head {
  Entry entry;
  std::uint8_t flags = 0;
  std::uint32_t reply_bytes = 0;
  std::uint32_t layout_bytes = 0;
  std::string_view body;
};

Result<Head> ParseHead(std::string_view bytes) {
  ByteReader reader(bytes);
  Head head;
  head.entry.key = reader.ReadDigest();
  head.flags = reader.Number<std::uint8_t>();
  const auto head_bytes = reader.Number<std::uint32_t>();
  if (!reader.ok() || head_bytes > bytes.size()) return Fail(ErrorCode::kTooLarge, "the entry's head is not all there");
  reader = ByteReader(bytes.substr(0, head_bytes));
  reader.Bytes(kHeadLengthOffset + sizeof head_bytes);
  const bool scoped = (head.flags & kScoped) != 0;
  if (scoped) {
    head.entry.scope = reader.ReadDigest();
    head.entry.canonical = reader.ReadDigest();
  }
  head.entry.created_ms = reader.Number<std::int64_t>();
  head.entry.expires_ms = reader.Number<std::int64_t>();
  head.entry.usage.input_tokens = reader.Number<std::uint32_t>();
  head.entry.usage.output_tokens = reader.Number<std::uint32_t>();
  head.entry.model = reader.Text();
  head.entry.name_space = reader.Text();
  head.entry.upstream_request_id = reader.Text();
  const auto tags = reader.Number<std::uint32_t>();
  for (std::uint32_t i = 0; i < tags && reader.ok(); ++i) head.entry.tags.push_back(reader.Text());
  if (scoped) head.entry.question = reader.Text();
  head.reply_bytes = reader.Number<std::uint32_t>();
  head.layout_bytes = reader.Number<std::uint32_t>();
  if (!reader.ok() || !reader.rest().empty() || (head.flags & ~(kCompressed | kScoped)) != 0 ||
      scoped != (head.entry.scope != Digest{})) {
    return Fail(ErrorCode::kCorrupt, "the entry's head does not parse");
  }
  head.body = bytes.substr(head_bytes);
  return head;
}

struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Result<std::string> Decompress(std::string_view frame, std::size_t size) {
  // One a thread: making one costs more than most entries.
  static thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != size) {
    return Fail(ErrorCode::kCorrupt, "the compressed body has another size than its entry says");
  }
  std::string body(size, '\0');
  const std::size_t got = ZSTD_decompressDCtx(context.get(), body.data(), body.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) || got != size) return Fail(ErrorCode::kCorrupt, "the compressed body does not decompress");
  return body;
}

template <class T>
void AppendBigEndian(T value, std::string& out) {
  for (std::size_t i = sizeof(T); i > 0; --i) out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (i - 1))));
}

std::uint64_t ReadBigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

}  // namespace

std::string EncodeKeyRecord(const KeyRecord& record) {
  std::string bytes;
  bytes.reserve(kKeyRecordBytes);
  AppendLittleEndian(record.first_id, bytes);
  AppendLittleEndian(record.pieces, bytes);
  AppendLittleEndian(record.bytes, bytes);
  AppendLittleEndian(record.expires_ms, bytes);
  AppendLittleEndian(record.checksum, bytes);
  return bytes;
}

std::optional<KeyRecord> DecodeKeyRecord(std::string_view bytes) {
  if (bytes.size() != kKeyRecordBytes) return std::nullopt;
  ByteReader reader(bytes);
  KeyRecord record;
  record.first_id = reader.Number<std::uint64_t>();
  record.pieces = reader.Number<std::uint32_t>();
  record.bytes = reader.Number<std::uint32_t>();
  record.expires_ms = reader.Number<std::int64_t>();
  record.checksum = reader.Number<std::uint64_t>();
  // Each piece holds at least a byte, so a damaged count cannot send a reader through the whole table.
  if (record.pieces == 0 || record.pieces > record.bytes || record.bytes > kBodyBytesMax) return std::nullopt;
  return record;
}

std::string EncodeExpiryKey(std::int64_t expires_ms, std::uint64_t first_id) {
  std::string bytes;
  bytes.reserve(16);
  AppendBigEndian(static_cast<std::uint64_t>(expires_ms), bytes);
  AppendBigEndian(first_id, bytes);
  return bytes;
}

std::optional<ExpiryKey> DecodeExpiryKey(std::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  return ExpiryKey{static_cast<std::int64_t>(ReadBigEndian(bytes.substr(0, 8))), ReadBigEndian(bytes.substr(8))};
}

std::uint64_t Checksum(std::string_view bytes) {
  const Digest digest = base::HashBytes(bytes);
  return ByteReader({reinterpret_cast<const char*>(digest.bytes.data()), sizeof(std::uint64_t)}).Number<std::uint64_t>();
}

struct EntryEncoder::Compressor {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Compressor() = default;
  ~Compressor() { ZSTD_freeCCtx(context); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
};

EntryEncoder::EntryEncoder(int zstd_level)
    : zstd_level_(zstd_level), compressor_(zstd_level > 0 ? std::make_unique<Compressor>() : nullptr) {}

EntryEncoder::~EntryEncoder() = default;

std::string_view EntryEncoder::Encode(const Entry& entry) {
  bytes_.clear();
  bytes_.append(reinterpret_cast<const char*>(entry.key.bytes.data()), entry.key.bytes.size());
  const bool scoped = entry.scope != Digest{};
  bytes_.push_back(static_cast<char>(scoped ? kScoped : 0));
  bytes_.append(4, '\0');  // The head's length, filled in below.
  if (scoped) {
    AppendDigest(entry.scope, bytes_);
    AppendDigest(entry.canonical, bytes_);
  }
  AppendLittleEndian(entry.created_ms, bytes_);
  AppendLittleEndian(entry.expires_ms, bytes_);
  AppendLittleEndian(entry.usage.input_tokens, bytes_);
  AppendLittleEndian(entry.usage.output_tokens, bytes_);
  AppendText(entry.model, bytes_);
  AppendText(entry.name_space, bytes_);
  AppendText(entry.upstream_request_id, bytes_);
  AppendLittleEndian(static_cast<std::uint32_t>(entry.tags.size()), bytes_);
  for (const std::string& tag : entry.tags) AppendText(tag, bytes_);
  if (scoped) AppendText(entry.question, bytes_);
  AppendLittleEndian(static_cast<std::uint32_t>(entry.reply.size()), bytes_);
  AppendLittleEndian(static_cast<std::uint32_t>(entry.layout.size()), bytes_);
  std::string length;
  AppendLittleEndian(static_cast<std::uint32_t>(bytes_.size()), length);
  bytes_.replace(kHeadLengthOffset, length.size(), length);
  AppendBody(entry);
  return bytes_;
}

void EntryEncoder::AppendBody(const Entry& entry) {
  const std::size_t size = entry.reply.size() + entry.layout.size();
  if (compressor_ != nullptr && size >= kCompressFromBytes) {
    body_.assign(entry.reply).append(entry.layout);
    const std::size_t start = bytes_.size();
    bytes_.resize(start + ZSTD_compressBound(size));
    const std::size_t packed =
        ZSTD_compressCCtx(compressor_->context, bytes_.data() + start, bytes_.size() - start, body_.data(), size, zstd_level_);
    if (!ZSTD_isError(packed) && packed < size) {
      bytes_.resize(start + packed);
      bytes_[kFlagsOffset] = static_cast<char>(bytes_[kFlagsOffset] | kCompressed);
      return;
    }
    bytes_.resize(start);
  }
  bytes_.append(entry.reply).append(entry.layout);
}

Result<Entry> DecodeEntry(std::string_view bytes) {
  auto parsed = ParseHead(bytes);
  if (!parsed) return Fail(ErrorCode::kCorrupt, std::move(parsed).error().message);
  Head head = std::move(*parsed);
  const std::uint64_t size = std::uint64_t{head.reply_bytes} + head.layout_bytes;
  if (size > kBodyBytesMax) return Fail(ErrorCode::kCorrupt, "the entry's body has an impossible size");
  if ((head.flags & kCompressed) == 0) {
    if (head.body.size() != size) return Fail(ErrorCode::kCorrupt, "the entry's body has another size than its head says");
    head.entry.reply.assign(head.body.substr(0, head.reply_bytes));
    head.entry.layout.assign(head.body.substr(head.reply_bytes));
    return std::move(head.entry);
  }
  REFLEX_TRY(std::string body, Decompress(head.body, size));
  head.entry.layout = body.substr(head.reply_bytes);
  body.resize(head.reply_bytes);
  head.entry.reply = std::move(body);
  return std::move(head.entry);
}

Result<Entry> DecodeEntryHead(std::string_view front) {
  REFLEX_TRY(Head head, ParseHead(front));
  return std::move(head.entry);
}

std::optional<ScopePlace> DecodeScopePlace(std::string_view front) {
  if (front.size() < kScopeEnd || (static_cast<std::uint8_t>(front[kFlagsOffset]) & kScoped) == 0) return std::nullopt;
  ByteReader reader(front.substr(kScopeOffset));
  ScopePlace place;
  place.scope = reader.ReadDigest();
  place.canonical = reader.ReadDigest();
  return place;
}

std::string EncodeScopeRow(const Digest& scope, const Digest& canonical, const Digest& key) {
  std::string bytes;
  bytes.reserve(3 * sizeof(Digest));
  AppendDigest(scope, bytes);
  AppendDigest(canonical, bytes);
  AppendDigest(key, bytes);
  return bytes;
}

std::optional<ScopeRow> DecodeScopeRow(std::string_view bytes) {
  if (bytes.size() != 3 * sizeof(Digest)) return std::nullopt;
  ByteReader reader(bytes);
  ScopeRow row;
  row.scope = reader.ReadDigest();
  row.member.canonical = reader.ReadDigest();
  row.member.key = reader.ReadDigest();
  return row;
}

std::string EncodeNote(std::string_view key, std::string_view value) {
  std::string bytes;
  AppendLittleEndian(Checksum(std::string(key).append(value)), bytes);
  return bytes.append(value);
}

std::optional<std::string_view> DecodeNote(std::string_view key, std::string_view bytes) {
  ByteReader reader(bytes);
  const auto checksum = reader.Number<std::uint64_t>();
  if (!reader.ok() || Checksum(std::string(key).append(reader.rest())) != checksum) return std::nullopt;
  return reader.rest();
}

std::string EncodeRule(const StoredRule& stored) {
  std::string bytes;
  const PurgeRule& rule = stored.rule;
  AppendLittleEndian(rule.before_ms, bytes);
  AppendLittleEndian(stored.until_id, bytes);
  bytes.push_back(
      static_cast<char>((rule.model ? kRuleModel : 0) | (rule.name_space ? kRuleNamespace : 0) | (rule.tag ? kRuleTag : 0)));
  for (const auto& text : {rule.model, rule.name_space, rule.tag}) {
    if (text) AppendText(*text, bytes);
  }
  AppendLittleEndian(Checksum(bytes), bytes);
  return bytes;
}

std::optional<StoredRule> DecodeRule(std::string_view bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return std::nullopt;
  const std::string_view content = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
  if (ByteReader(bytes.substr(content.size())).Number<std::uint64_t>() != Checksum(content)) return std::nullopt;
  ByteReader reader(content);
  StoredRule stored;
  stored.rule.before_ms = reader.Number<std::int64_t>();
  stored.until_id = reader.Number<std::uint64_t>();
  const auto flags = reader.Number<std::uint8_t>();
  if ((flags & kRuleModel) != 0) stored.rule.model = reader.Text();
  if ((flags & kRuleNamespace) != 0) stored.rule.name_space = reader.Text();
  if ((flags & kRuleTag) != 0) stored.rule.tag = reader.Text();
  if (!reader.ok() || !reader.rest().empty() || flags > (kRuleModel | kRuleNamespace | kRuleTag)) return std::nullopt;
  return stored;
}

std::string EncodeRuleKey(std::uint64_t number) {
  std::string bytes;
  AppendBigEndian(number, bytes);
  return bytes;
}

std::optional<std::uint64_t> DecodeRuleKey(std::string_view bytes) {
  if (bytes.size() != sizeof(std::uint64_t)) return std::nullopt;
  return ReadBigEndian(bytes);
}

std::optional<Digest> DecodeKey(std::string_view front) {
  Digest key;
  if (front.size() < key.bytes.size()) return std::nullopt;
  std::memcpy(key.bytes.data(), front.data(), key.bytes.size());
  return key;
}

}  // namespace reflex::store
