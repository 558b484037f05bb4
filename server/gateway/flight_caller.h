#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/client_watch.h"
#include "gateway/context.h"
#include "gateway/flight_reply.h"
#include "gateway/flights.h"
#include "http/io_thread.h"
#include "http/task.h"
#include "reflex/types.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// One request's side of a flight: reads the shared reply at the pace of its own client and gives it in the form the client asked
// for. Lives in the request's coroutine. Use: make one, join with reader(), then Answer once.
class FlightCaller {
 public:
  FlightCaller(RequestContext& context, const wire::ChatRequest& request);

  const FlightReply::ReaderPtr& reader() const { return reader_; }

  enum class Result : std::uint8_t {
    kOver,  // Answered, or the client has left.
    // The reply outgrew sharing, and it comes in the other form or its start is gone already: nothing was sent, the request needs a
    // call of its own.
    kUnshared,
    // The reply is not for this caller: it cannot be given in the form asked for, or refuses what another request says in other
    // bytes. Nothing was sent, as with kUnshared.
    kUnfit,
    // Another gateway's answer came, stored(): nothing was sent, it is to be served as a hit.
    kStored,
  };
  // Waits for the reply and sends it. Leaves the flight at the end; the last one to leave cancels the call. `same_body`: the call
  // sends this request's own bytes.
  http::Task<Result> Answer(std::shared_ptr<Flight> flight, bool same_body);
  // After kStored, once.
  EntryPtr TakeStored() { return std::move(stored_); }

 private:
  http::Task<Result> Serve(Flight& flight);
  http::Task<Result> ServeEvents(Flight& flight, const FlightHead& head);
  http::Task<bool> ServeTauq(std::string_view answer, const FlightHead& head);
  http::Task<void> ServeWhole(Flight& flight, const FlightHead& head);
  http::Task<Result> ServeRelay(Flight& flight, const FlightHead& head);
  http::Task<Result> ServeFolded(Flight& flight, const FlightHead& head);
  http::Task<Result> ServeReplay(Flight& flight, const FlightHead& head);
  http::Task<bool> WriteEvents(const FlightReply::Batch& batch, bool hide_usage);

  RequestContext& context_;
  const wire::ChatRequest& request_;
  http::Signal signal_;
  ClientWatch watch_;
  FlightReply::ReaderPtr reader_;
  FlightReply::Batch batch_;
  std::string visible_;  // Events without their usage.
  EntryPtr stored_;
  bool same_body_ = true;
  bool left_ = false;
};

}  // namespace reflex::gateway
