#include "gateway/flight_fold.h"

#include <functional>
#include <utility>

namespace reflex::gateway {
namespace {

bool Within(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> before;
  return before(whole.data(), part.data()) && before(part.data() + part.size(), whole.data() + whole.size());
}

}  // namespace

FlightFold::Fed FlightFold::Feed(std::string_view bytes) {
  sse_.Feed(bytes);
  wire::SseReader::Event event;
  for (;;) {
    const Result<bool> next = sse_.Next(event);
    if (!next) return Fed::kTooLong;
    if (!*next) return Fed::kMore;
    if (const Fed fed = Take(event); fed != Fed::kMore) return fed;
  }
}

FlightFold::Fed FlightFold::Take(const wire::SseReader::Event& event) {
  ReleaseDone();  // Something follows it: then it is not the end.
  if (event.has_data && event.data == wire::kDoneData) {
    seen_done_ = true;
    held_done_ = event.raw;
    return Fed::kMore;
  }
  if (event.has_data && folder_) {
    if (!folder_->Add(event.data, event.name)) {
      folder_.reset();  // No chunk: it is passed on, but there is no answer to keep.
    } else if (folder_->failed()) {
      error_ = event.data;
    }
  }
  const bool one_line = !event.has_data || Within(event.data, event.raw);
  reply_.Append(event.raw, one_line ? event.data : std::string_view(), !one_line);
  return error_.empty() ? Fed::kMore : Fed::kError;
}

bool FlightFold::EndOfBytes() {
  if (!sse_.rest().empty()) {
    // Providers that end without the last blank line: it counts if the event is whole, which for a chunk means it is JSON.
    wire::SseReader::Event event;
    const Result<bool> next = sse_.Last(event);
    if (!next || !*next) return false;
    if (event.has_data && event.data != wire::kDoneData) {
      if (!folder_ || !folder_->Add(event.data, event.name)) return false;
      if (folder_->failed()) error_ = event.data;
      reply_.Append(event.raw, Within(event.data, event.raw) ? event.data : std::string_view(), !Within(event.data, event.raw));
    } else {
      static_cast<void>(Take(event));
    }
  }
  return seen_done_ || !folder_ || folder_->complete();
}

void FlightFold::ReleaseDone() {
  if (held_done_.empty()) return;
  reply_.Append(held_done_);
  held_done_.clear();
}

std::optional<wire::PlainAnswer> FlightFold::Finish(const wire::ChatRequest& request, const wire::StorePolicy& policy) {
  if (!folder_) return std::nullopt;
  return folder_->Finish(request, policy);
}

}  // namespace reflex::gateway
