#include "wire/sse.h"

#include <string>

#include "wire/text_scan.h"

namespace reflex::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kKeepBytes = 64 << 10;

}  // namespace

SseReader::SseReader(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

void SseReader::Feed(std::string_view bytes) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    line_begin_ -= begin_;
    scan_ -= begin_;
    begin_ = 0;
    if (buffer_.empty() && buffer_.capacity() > kKeepBytes) std::string().swap(buffer_);
  }
  buffer_.append(bytes);
}

Result<bool> SseReader::Next(Event& event) {
  const char* const base = buffer_.data();
  if (at_start_ && line_begin_ == 0 && std::string_view(buffer_).starts_with(kByteOrderMark)) {
    line_begin_ = scan_ = kByteOrderMark.size();
  }
  for (;;) {
    if (after_cr_ && line_begin_ < buffer_.size()) {
      after_cr_ = false;
      if (base[line_begin_] == '\n') ++line_begin_;
      if (scan_ < line_begin_) scan_ = line_begin_;
    }
    const auto line_end = static_cast<std::size_t>(FindLineEnd(base + scan_, base + buffer_.size()) - base);
    scan_ = line_end;
    if (line_end - begin_ > event_bytes_max_) return Fail(ErrorCode::kTooLarge, "a stream event is longer than allowed");
    if (line_end == buffer_.size()) return false;
    const bool blank = line_end == line_begin_;
    after_cr_ = base[line_end] == '\r';
    if (after_cr_ && line_end + 1 < buffer_.size() && base[line_end + 1] == '\n') {
      after_cr_ = false;
      ++scan_;
    }
    line_begin_ = ++scan_;
    if (!blank) continue;
    ReadFields(begin_, line_end, event);
    event.raw = std::string_view(base + begin_, scan_ - begin_);
    begin_ = scan_;
    at_start_ = false;
    return true;
  }
}

Result<bool> SseReader::Last(Event& event) {
  Feed("\n\n");
  return Next(event);
}

void SseReader::ReadFields(std::size_t begin, std::size_t end, Event& event) {
  event = Event();
  const char* at = buffer_.data() + begin;
  const char* const last = buffer_.data() + end;
  if (at_start_ && std::string_view(at, static_cast<std::size_t>(last - at)).starts_with(kByteOrderMark))
    at += kByteOrderMark.size();
  while (at < last) {
    const char* const line_end = FindLineEnd(at, last);
    ReadLine(std::string_view(at, static_cast<std::size_t>(line_end - at)), event);
    at = line_end + 1;  // The LF of a CRLF makes an empty line, which is skipped.
  }
}

void SseReader::ReadLine(std::string_view line, Event& event) {
  const std::size_t colon = line.find(':');
  if (line.empty() || colon == 0) return;
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") event.name = value;
  if (name != "data") return;
  if (!event.has_data) {
    event.has_data = true;
    event.data = value;
    return;
  }
  if (event.data.data() != joined_data_.data() || event.data.empty()) joined_data_ = event.data;
  joined_data_ += '\n';
  joined_data_ += value;
  event.data = joined_data_;
}

std::string_view SseReader::rest() const {
  const std::string_view rest = std::string_view(buffer_).substr(begin_);
  // Alone, an LF is a blank line or the second half of one.
  return rest == "\n" ? std::string_view() : rest;
}

}  // namespace reflex::wire
