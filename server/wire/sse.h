#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::wire {

// The data of the event that ends OpenAI's streams.
inline constexpr std::string_view kDoneData = "[DONE]";

// Cuts a byte stream into server-sent events (WHATWG HTML, "Event stream interpretation"): LF, CR, CRLF, a byte order mark,
// comments, several data lines, any split. Not thread-safe.
//
// Pattern: ( Feed Next* )*. The raw bytes of all events in a row are the bytes fed: who sends them on changes nothing.
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
  // The next whole event; its views live until the next call of Next or Feed. False when more bytes are needed. An event is whole
  // at the first byte that ends its blank line: the LF of a CRLF that comes later stands at the start of the next event's raw
  // bytes. Returns: kTooLarge.
  Result<bool> Next(Event& event);
  // At the end of the bytes: the event that only lacks its blank line, as some providers leave it. It may be half an event; whether
  // it is whole its data tells. Returns: as Next.
  Result<bool> Last(Event& event);
  // Bytes fed but not part of a whole event yet; not the LF that only completes the CRLF of the event before.
  std::string_view rest() const;

 private:
  // Reads the fields of the lines in [begin, end) of the buffer into `event`.
  void ReadFields(std::size_t begin, std::size_t end, Event& event);
  void ReadLine(std::string_view line, Event& event);

  std::size_t event_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;       // First byte of the event being read.
  std::size_t line_begin_ = 0;  // First byte of the line being read.
  std::size_t scan_ = 0;        // No line end before this.
  bool at_start_ = true;        // Nothing was read yet: a byte order mark may stand here.
  bool after_cr_ = false;       // The byte before line_begin_ is a CR: an LF there belongs to it.
  std::string joined_data_;
};

}  // namespace reflex::wire
