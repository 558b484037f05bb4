#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::wire {

// Cuts a byte stream into server-sent events (WHATWG HTML, "Event stream interpretation"): LF, CR, CRLF, a byte order mark,
// comments, several data lines, any split. Not thread-safe.
class SseReader {
 public:
  struct Event {
    std::string_view raw;   // All bytes of the event, its closing blank line and preceding comments included.
    std::string_view name;  // event: field, "" for none.
    std::string_view data;  // data: lines joined by LF; empty for a comment-only block.
    bool has_data = false;
  };

  // An event longer than this is an error: 8 MiB unless told.
  explicit SseReader(std::size_t event_bytes_max = 8 << 20);

  void Feed(std::string_view bytes);
  // The next whole event; its views live until the next call of Next or Feed. False when more bytes are needed.
  // Returns: kTooLarge.
  Result<bool> Next(Event& event);
  // Bytes fed but not part of a whole event yet.
  std::string_view rest() const;

 private:
  std::size_t event_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t scan_ = 0;
  bool at_start_ = true;
  std::string joined_data_;
};

}  // namespace reflex::wire
