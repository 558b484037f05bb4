#include "http/detail/chunked.h"

#include <algorithm>

#include "http/detail/head_parser.h"

namespace reflex::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Field values and quoted strings: everything but control characters; a tab is allowed.
bool IsText(char c) { return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t'; }

constexpr const char* kBadSize = "A chunk size is not a plain hexadecimal number ended by CRLF.";
constexpr const char* kBadExtension = "A chunk extension is malformed.";
constexpr const char* kBadEnd = "A chunk's data is not followed by CRLF.";
constexpr const char* kBadTrailer = "A trailer field is malformed.";

}  // namespace

Result<ChunkedDecoder::Step> ChunkedDecoder::Decode(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
      left_ -= take;
      if (left_ == 0) state_ = State::kDataCr;
      return Step{at + take, input.substr(at, take)};
    }
    if (const char* wrong = Framing(input[at])) return Fail(ErrorCode::kProtocol, wrong);
    ++at;
  }
  return Step{at, {}};
}

const char* ChunkedDecoder::Framing(char c) {
  switch (state_) {
    case State::kSizeStart:
    case State::kSize: return SizeByte(c);
    case State::kSizeLf:
      if (c != '\n') return kBadSize;
      line_bytes_ = 0;
      state_ = left_ == 0 ? State::kTrailerStart : State::kData;
      return nullptr;
    case State::kDataCr:
      if (c != '\r') return kBadEnd;
      state_ = State::kDataLf;
      return nullptr;
    case State::kDataLf:
      if (c != '\n') return kBadEnd;
      state_ = State::kSizeStart;
      return nullptr;
    case State::kTrailerStart:
    case State::kTrailerName:
    case State::kTrailerValue:
    case State::kTrailerLf:
    case State::kLastLf: return TrailerByte(c);
    default: return ExtensionByte(c);
  }
}

const char* ChunkedDecoder::SizeByte(char c) {
  if (++line_bytes_ > kLineBytesMax) return kBadSize;  // Leading zeros without end.
  const int digit = HexDigit(c);
  if (digit >= 0) {
    if (left_ >> 59 != 0) return "A chunk size is too large.";
    left_ = left_ * 16 + static_cast<unsigned>(digit);
    state_ = State::kSize;
    return nullptr;
  }
  if (state_ == State::kSizeStart) return kBadSize;
  if (c == '\r') {
    state_ = State::kSizeLf;
  } else if (c == ';') {
    state_ = State::kExtensionName;
  } else {
    return kBadSize;
  }
  return nullptr;
}

// chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ), without the spaces that RFC 9112 calls bad.
const char* ChunkedDecoder::ExtensionByte(char c) {
  if (++line_bytes_ > kLineBytesMax || ++extension_bytes_ > kExtensionBytesMax) return "The chunk extensions are too large.";
  const bool ends_line = c == '\r';
  const bool ends = ends_line || c == ';';
  const State after_end = ends_line ? State::kSizeLf : State::kExtensionName;
  switch (state_) {
    case State::kExtensionName:
      if (!IsToken(c)) return kBadExtension;
      state_ = State::kExtensionNameOn;
      return nullptr;
    case State::kExtensionNameOn:
      if (IsToken(c)) return nullptr;
      if (c == '=') {
        state_ = State::kExtensionValue;
        return nullptr;
      }
      break;
    case State::kExtensionValue:
      if (!IsToken(c) && c != '"') return kBadExtension;
      state_ = c == '"' ? State::kExtensionQuoted : State::kExtensionToken;
      return nullptr;
    case State::kExtensionToken:
      if (IsToken(c)) return nullptr;
      break;
    case State::kExtensionQuoted:
      if (c == '"') {
        state_ = State::kExtensionQuoteEnd;
      } else if (c == '\\') {
        state_ = State::kExtensionEscape;
      } else if (!IsText(c)) {
        return kBadExtension;
      }
      return nullptr;
    case State::kExtensionEscape:
      if (!IsText(c)) return kBadExtension;
      state_ = State::kExtensionQuoted;
      return nullptr;
    default: break;  // kExtensionQuoteEnd.
  }
  if (!ends) return kBadExtension;
  state_ = after_end;
  return nullptr;
}

const char* ChunkedDecoder::TrailerByte(char c) {
  if (++trailer_bytes_ > kTrailerBytesMax) return "The trailer fields are too large.";
  switch (state_) {
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kLastLf;
      } else if (IsToken(c)) {
        state_ = State::kTrailerName;
      } else {
        return kBadTrailer;
      }
      return nullptr;
    case State::kTrailerName:
      if (c == ':') {
        state_ = State::kTrailerValue;
      } else if (!IsToken(c)) {
        return kBadTrailer;
      }
      return nullptr;
    case State::kTrailerValue:
      if (c == '\r') {
        state_ = State::kTrailerLf;
      } else if (!IsText(c)) {
        return kBadTrailer;
      }
      return nullptr;
    default:
      if (c != '\n') return kBadTrailer;
      state_ = state_ == State::kLastLf ? State::kDone : State::kTrailerStart;
      return nullptr;
  }
}

}  // namespace reflex::http
