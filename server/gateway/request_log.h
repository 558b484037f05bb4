#pragma once

#include <cstdint>
#include <string>

#include "gateway/context.h"
#include "gateway/gateway.h"

namespace reflex::gateway {

// Appends one line, its LF included, to `out`:
//
//   2026-11-25T18:33:20.123Z info request status=200 outcome=miss reason=no-entry method=POST path=/v1/chat/completions stream=1
//   model=gpt-4o provider=openai ms=812.402 upstream_ms=640.118 in=611 out=1533 peer=127.0.0.1 id=req_… upstream_id=… trace=…
//
// (in one line). A value that is empty is left out. A value with a space, a quote, an equals sign, a control character or a byte
// outside ASCII stands in quotes, with \" \\ and \xNN; a long one is cut at 256 bytes. `path` is without its query, which may hold
// a key. No prompt, answer or credential is in the record. Thread-safe; takes a few hundred nanoseconds.
void FormatRequestLine(const RequestRecord& record, std::int64_t wall_ms, std::string& out);

// Counts a finished request and hands its record to the request log, if there is one.
void Report(const Services& services, Outcome outcome, const RequestRecord& record);

// At a request's end, once: counts it (CountRequest, and CountSaved for a hit) and hands its record to the request log, if there is
// one.
void FinishRequest(RequestContext& context);

}  // namespace reflex::gateway
