#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "reflex/result.h"

namespace reflex::http {

// The content codings that we ask for (RFC 9110 section 8.4.1).
enum class ContentCoding : std::uint8_t { kIdentity, kGzip, kDeflate };

// Reads a Content-Encoding value: "" and "identity", "gzip" and "x-gzip", "deflate", in any case. Nothing for others and for lists.
std::optional<ContentCoding> ParseContentCoding(std::string_view content_encoding);

// Takes one content coding off a body that arrives in pieces. What the sender flushed comes out at once, so a compressed event
// stream stays a stream. "deflate" is read with and without the zlib wrapper, as servers send both.
//
// Order of calls: (Feed Next*)* Finish, where Next is called until it returns an empty view. Not thread-safe.
// Limitations: a step unpacks at most kPieceBytes, however much the input holds; who reads sets the pace.
class ContentDecoder {
 public:
  static constexpr std::size_t kPieceBytes = 16 << 10;

  // Returns: kInternal when memory runs out.
  static Result<std::unique_ptr<ContentDecoder>> Create(ContentCoding coding);
  virtual ~ContentDecoder() = default;

  // The next bytes of the body; they stay readable until Next returned an empty view.
  virtual void Feed(std::string_view input) = 0;
  // The next decoded bytes, valid until the next call; empty when more input is needed, or after the end.
  // Returns: kProtocol for damaged data and for bytes after its end (another gzip member may follow: RFC 1952 section 2.2).
  virtual Result<std::string_view> Next() = 0;
  // The input has ended. Returns: kClosed if it ended inside the data. A body without a byte is complete.
  virtual Result<void> Finish() const = 0;
};

}  // namespace reflex::http
