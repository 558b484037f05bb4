#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reflex::http {

// One header field. Views: whoever makes the list says how long they live. The name keeps its spelling, the value is trimmed.
struct Header {
  std::string_view name;
  std::string_view value;
};

// ASCII, as header names compare (RFC 9110 section 5.1).
bool SameLetters(std::string_view a, std::string_view b);  // Of one length.
inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) { return a.size() == b.size() && SameLetters(a, b); }

// The first field of that name, or null.
const Header* FindHeader(std::span<const Header> headers, std::string_view name);
// Its value, or an empty view.
std::string_view HeaderValue(std::span<const Header> headers, std::string_view name);

// True for a connection-specific field (RFC 9110 section 7.6.1) that a proxy must not forward: Connection, Keep-Alive,
// Proxy-Connection, Proxy-Authenticate, Proxy-Authorization, TE, Trailer, Transfer-Encoding, Upgrade, and whatever
// `connection_value` (the Connection field's value) lists.
bool IsHopByHop(std::string_view name, std::string_view connection_value);

// Header fields that own their text, for replies that are made up or changed.
class HeaderList {
 public:
  void Add(std::string_view name, std::string_view value);
  // Removes all of that name, then adds.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name);
  // Valid until the next change.
  std::span<const Header> view() const;

 private:
  struct Field {
    std::string name, value;
  };
  std::vector<Field> fields_;
  mutable std::vector<Header> view_;
};

// A request's first line and header fields, already checked (RFC 9112; what is refused is listed in docs/http.md).
// Views into the connection's buffer, valid until the exchange ends.
struct RequestHead {
  std::string_view method;  // As sent; case-sensitive.
  std::string_view target;  // As sent: origin-form, or "*" for OPTIONS. Absolute-form is cut to its origin-form.
  std::string_view path;    // target up to the first '?'; still percent-encoded.
  std::string_view query;   // After the '?', without it; may be empty.
  int minor_version = 1;    // HTTP/1.x
  std::vector<Header> headers;
  std::string_view host;  // The Host field, or of an absolute-form target its authority. Empty only in HTTP/1.0.
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  bool expects_continue = false;
  bool upgrade = false;  // Connection: upgrade with an Upgrade field.

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  std::string_view header(std::string_view name) const { return HeaderValue(headers, name); }
};

// The standard reason phrase, "" for an unknown status.
std::string_view ReasonPhrase(int status);

}  // namespace reflex::http
