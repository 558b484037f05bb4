#include "gateway/identity.h"

#include <algorithm>
#include <cstdint>

namespace reflex::gateway {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr int kChatIdDigits = 29;
// 62^10 < 2^64: that many digits come from one number.
constexpr int kDigitsPerNumber = 10;

// traceparent is "00-" trace-id(32) "-" parent-id(16) "-" flags(2).
constexpr std::size_t kTraceparentBytes = 55;
constexpr std::size_t kTraceIdBegin = 3, kTraceIdBytes = 32, kParentIdBegin = 36, kParentIdBytes = 16, kFlagsBegin = 53;

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsAllZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

std::string_view TraceIdIn(std::string_view text) {
  if (text.size() < kTraceparentBytes || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace_id = text.substr(kTraceIdBegin, kTraceIdBytes);
  const std::string_view parent_id = text.substr(kParentIdBegin, kParentIdBytes);
  if (!IsLowerHex(version) || version == "ff" || !IsLowerHex(trace_id) || IsAllZero(trace_id)) return {};
  if (!IsLowerHex(parent_id) || IsAllZero(parent_id) || !IsLowerHex(text.substr(kFlagsBegin, 2))) return {};
  // Version 00 ends here; a later one may go on after another dash.
  if (text.size() > kTraceparentBytes && (version == "00" || text[kTraceparentBytes] != '-')) return {};
  return trace_id;
}

}  // namespace

ShortText MakeRequestId(http::IoThread& io) {
  ShortText id("req_");
  for (int i = 0; i < 2; ++i) {
    std::uint64_t number = io.Random();
    char digits[16];
    for (char& digit : digits) {
      digit = kHexDigits[number & 15];
      number >>= 4;
    }
    id.Append(std::string_view(digits, sizeof digits));
  }
  return id;
}

ShortText MakeChatId(http::IoThread& io) {
  ShortText id("chatcmpl-");
  char digits[kChatIdDigits];
  std::uint64_t number = 0;
  for (int i = 0; i < kChatIdDigits; ++i) {
    if (i % kDigitsPerNumber == 0) number = io.Random();
    digits[i] = kAlphabet[number % kAlphabet.size()];
    number /= kAlphabet.size();
  }
  id.Append(std::string_view(digits, sizeof digits));
  return id;
}

std::string_view ReadTraceId(std::span<const http::Header> headers) {
  const http::Header* only = nullptr;
  for (const http::Header& header : headers) {
    if (header.name.size() != 11 || !http::EqualsIgnoringCase(header.name, "traceparent")) continue;
    if (only != nullptr) return {};
    only = &header;
  }
  return only == nullptr ? std::string_view() : TraceIdIn(only->value);
}

}  // namespace reflex::gateway
