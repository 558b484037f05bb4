#pragma once

#include <string_view>

#include "gateway/context.h"
#include "http/client.h"
#include "http/task.h"
#include "upstream/upstream.h"

namespace reflex::gateway {

// One upstream call for one caller, nothing kept: pass-through paths and chat requests that must not be shared or stored. Sends the
// call, relays the reply piece by piece as it arrives (a whole one in one write), tunnels a 101, and cancels the call when the
// client leaves. The context's outcome, reason and forward are set before.
struct RelayOptions {
  bool events = false;        // Chat: an event stream is passed in whole events, and ends with an error event where it is cut.
  bool body_streams = false;  // call.source reads from the exchange: the client is watched only once it is used up.
};
http::Task<void> Relay(RequestContext& context, upstream::Call call, RelayOptions options);

}  // namespace reflex::gateway
