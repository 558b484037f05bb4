#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/context.h"
#include "http/task.h"
#include "reflex/result.h"

namespace reflex::gateway {

// A reply Reflex makes itself: OpenAI's envelope with X-Reflex-Status: error unless told otherwise.
struct Problem {
  int status = 500;
  std::string_view reason;        // One of wire/reason.h.
  std::string_view type;          // error.type
  std::string_view code;          // error.code
  std::string message;            // For a person; no inner address, no secret.
  bool never_retry = false;       // Adds x-should-retry: false.
  int retry_after_s = 0;          // Adds Retry-After where it is not 0.
  std::string_view authenticate;  // Adds WWW-Authenticate where it is not "".
  Outcome outcome = Outcome::kError;
};

// Who failed: the same code means 502 from a provider and 400 from a client.
enum class Side : std::uint8_t {
  kClient,
  kUpstream,      // Before the head of its reply.
  kUpstreamBody,  // After it.
};

// One whose type goes by its status; 503 says to try again in a second.
Problem MakeProblem(int status, std::string_view reason, std::string_view code, std::string message);
// The worker pool took no more work.
Problem PoolIsFull();

// The table: what an error from that side is to the client.
Problem ProblemFor(const Error& error, Side side);

// A status with which a provider may refuse what stands in the body: what was added to it, or a field that does not count for the
// key. The others say something of the caller, the model, the account or the moment.
bool MayRefuseTheBody(int status);

// Sends it, with the gateway's headers, and notes status, outcome and reason in the context. Nothing may have been sent before.
http::Task<void> SendProblem(RequestContext& context, Problem problem);

}  // namespace reflex::gateway
