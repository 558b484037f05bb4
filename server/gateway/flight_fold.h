#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/flights.h"
#include "reflex/types.h"
#include "wire/chat_reply.h"
#include "wire/sse.h"

namespace reflex::gateway {

// The events of one streamed answer on their way into a flight's reply, and the answer they fold into. The end of the answer is
// held back for a moment: [DONE] is appended only when the answer was stored, or when the provider takes too long to end its reply,
// so that a client that has seen it finds the answer in memory. Not thread-safe: on the flight's thread.
class FlightFold {
 public:
  FlightFold(FlightReply& reply, std::size_t event_bytes_max) : reply_(reply), sse_(event_bytes_max) {}

  enum class Fed : std::uint8_t {
    kMore,
    kError,    // The provider sent an error event: it is appended, and nothing after it counts.
    kTooLong,  // An event is longer than allowed.
  };
  // Appends the whole events in `bytes` to the reply.
  Fed Feed(std::string_view bytes);
  // The transport ended cleanly. False when the answer is not whole: half an event, or neither a finish nor [DONE].
  bool EndOfBytes();

  bool holds_done() const { return !held_done_.empty(); }
  // True when any event was seen as [DONE].
  bool seen_done() const { return seen_done_; }
  void ReleaseDone();
  // The answer will not be stored: frees what was folded.
  void Drop() { folder_.reset(); }
  // After EndOfBytes gave true. Nullopt when it was dropped or is none.
  std::optional<wire::PlainAnswer> Finish(const wire::ChatRequest& request, const wire::StorePolicy& policy);
  const std::string& error() const { return error_; }

 private:
  Fed Take(const wire::SseReader::Event& event);

  FlightReply& reply_;
  wire::SseReader sse_;
  std::optional<wire::ChatFolder> folder_{std::in_place};
  std::string held_done_;
  std::string error_;
  bool seen_done_ = false;
};

}  // namespace reflex::gateway
