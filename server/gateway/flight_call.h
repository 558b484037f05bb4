#pragma once

#include <memory>
#include <string_view>

#include "gateway/context.h"
#include "gateway/flights.h"
#include "http/io_thread.h"
#include "http/task.h"
#include "upstream/upstream.h"

namespace reflex::gateway {

// What the call of a flight borrows from the request that started it: the bytes it sends. The request's coroutine keeps them until
// `returned`, even if its own client has left.
struct BorrowedCall {
  explicit BorrowedCall(http::IoThread& io) : changed(io) {}

  upstream::Call call;  // Without body: that is `body`, or what is made of it.
  std::string_view body;
  bool returned = false;
  http::Signal changed;
};

// The call of a flight: waits for its turn where gateways share a store (flight_lease.h), sends it, feeds the reply to
// flight->reply, stores the answer if it may be, and takes the flight out of the table before anybody sees its end. Runs on
// flight->home, spawned there by the request that started the flight; ends by itself, also when cancelled. `services` and
// `upstream` outlive it; `borrowed` until it is returned.
http::Task<void> RunFlightCall(std::shared_ptr<Flight> flight, const Services& services, upstream::Upstream& upstream,
                               BorrowedCall& borrowed);

}  // namespace reflex::gateway
