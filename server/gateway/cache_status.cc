#include "gateway/cache_status.h"

#include <cassert>
#include <charconv>
#include <cstring>

namespace reflex::gateway {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr std::size_t kShownKeyBytes = 8;

// Appends into a buffer that is large enough for all that is written here.
class Writer {
 public:
  explicit Writer(std::span<char> buffer) : buffer_(buffer) {}

  void Text(std::string_view text) {
    assert(size_ + text.size() <= buffer_.size());
    std::memcpy(buffer_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void Number(std::int64_t number) {
    const auto end = std::to_chars(buffer_.data() + size_, buffer_.data() + buffer_.size(), number).ptr;
    size_ = static_cast<std::size_t>(end - buffer_.data());
  }
  void Hex(std::span<const std::uint8_t> bytes) {
    assert(size_ + 2 * bytes.size() <= buffer_.size());
    for (const std::uint8_t byte : bytes) {
      buffer_[size_++] = kDigits[byte >> 4];
      buffer_[size_++] = kDigits[byte & 15];
    }
  }
  std::string_view view() const { return {buffer_.data(), size_}; }

 private:
  std::span<char> buffer_;
  std::size_t size_ = 0;
};

std::string_view Word(Forward why) {
  switch (why) {
    case Forward::kMiss: return "miss";
    case Forward::kStale: return "stale";
    case Forward::kRequest: return "request";
    case Forward::kBypass: return "bypass";
    case Forward::kNothing: break;
  }
  return {};
}

}  // namespace

std::string_view WriteHitStatus(const Digest& key, std::int64_t ttl_s, std::string_view detail,
                                std::span<char, kCacheStatusBytesMax> buffer) {
  Writer out(buffer);
  out.Text("reflex; hit; ttl=");
  out.Number(ttl_s);
  out.Text("; key=\"");
  out.Hex(std::span(key.bytes).first<kShownKeyBytes>());
  out.Text("\"; detail=");
  out.Text(detail);
  return out.view();
}

std::string_view WriteForwardStatus(Forward why, int upstream_status, bool collapsed,
                                    std::span<char, kCacheStatusBytesMax> buffer) {
  Writer out(buffer);
  if (why == Forward::kNothing) {
    out.Text("reflex; detail=only-if-cached");
    return out.view();
  }
  out.Text("reflex; fwd=");
  out.Text(Word(why));
  if (upstream_status != 0) {
    out.Text("; fwd-status=");
    out.Number(upstream_status);
  }
  if (collapsed) out.Text("; collapsed");
  return out.view();
}

std::string_view WriteHex(const Digest& digest, std::span<char, 64> buffer) {
  Writer out(buffer);
  out.Hex(digest.bytes);
  return out.view();
}

}  // namespace reflex::gateway
