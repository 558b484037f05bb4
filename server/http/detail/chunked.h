#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "reflex/result.h"

namespace reflex::http {

// Takes the chunked transfer coding (RFC 9112 section 7.1) off a body, a piece at a time, without copying. Strict: sizes are bare
// hexadecimal digits, lines end in CRLF, extensions and trailers must be well-formed; both are dropped, and limited.
class ChunkedDecoder {
 public:
  static constexpr std::size_t kLineBytesMax = 4 << 10;        // A chunk's size line with extensions.
  static constexpr std::size_t kExtensionBytesMax = 16 << 10;  // All extensions of a body.
  static constexpr std::size_t kTrailerBytesMax = 16 << 10;    // All trailer fields.

  struct Step {
    std::size_t consumed = 0;  // Bytes of the input that were used, those of `data` included.
    std::string_view data;     // Body bytes, inside the input; empty when the input held only framing.
  };
  // Takes framing and at most one run of data from the start of `input`. Call it with the rest until done(), or until it consumed
  // all: then more input is needed. After done() it consumes nothing. Returns: kProtocol, with a sentence.
  Result<Step> Decode(std::string_view input);

  bool done() const { return state_ == State::kDone; }

 private:
  enum class State : std::uint8_t {
    kSizeStart,
    kSize,
    kExtensionName,
    kExtensionNameOn,
    kExtensionValue,
    kExtensionToken,
    kExtensionQuoted,
    kExtensionEscape,
    kExtensionQuoteEnd,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kLastLf,
    kDone,
  };
  // Both return what is wrong with the byte, or null.
  const char* Framing(char c);
  const char* SizeByte(char c);
  const char* ExtensionByte(char c);
  const char* TrailerByte(char c);

  State state_ = State::kSizeStart;
  std::uint64_t left_ = 0;  // Of the chunk's data.
  std::uint32_t line_bytes_ = 0;
  std::uint32_t extension_bytes_ = 0;
  std::uint32_t trailer_bytes_ = 0;
};

}  // namespace reflex::http
