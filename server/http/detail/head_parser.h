#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace reflex::http {

// What a parser made of the bytes so far.
struct HeadVerdict {
  enum class Kind {
    kIncomplete,  // Right so far; more bytes are needed.
    kDone,        // `head_bytes` were the head, the body begins after them.
    kRefused,     // `status` and `message` say why; nothing after this can be trusted.
  };
  Kind kind = Kind::kIncomplete;
  std::size_t head_bytes = 0;
  int status = 0;            // 400, 417, 431, 501 or 505.
  const char* message = "";  // A sentence for the client.
};

inline constexpr std::size_t kHeaderFieldsMax = 256;

// Reads a request's head from the start of `bytes` (RFC 9112, strictly: docs/http.md lists what is refused). Call it again with
// more bytes after kIncomplete: it keeps no state between calls. The views in `head` point into `bytes`. The caller limits the
// size.
HeadVerdict ParseRequestHead(std::string_view bytes, RequestHead& head);

// A reply's first line and fields. Views, as RequestHead's.
struct ResponseHead {
  int minor_version = 1;
  int status = 0;  // 100 to 999.
  std::string_view reason;
  std::vector<Header> headers;
  bool keep_alive = true;  // What the fields say; a body that ends with the connection ends it too.
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
};

// The same for a reply; equally strict, but a repeated equal Content-Length passes. `status` of a refusal means nothing here.
HeadVerdict ParseResponseHead(std::string_view bytes, ResponseHead& head);

// True for the characters of a token (RFC 9110 section 5.6.2): methods and field names.
bool IsToken(char c);

}  // namespace reflex::http
