#pragma once

#include <cstdint>
#include <span>

#include "gateway/context.h"
#include "gateway/reply_fields.h"
#include "http/message.h"
#include "reflex/types.h"

// The header fields of every reply the gateway sends (docs/headers.md). Each function appends to `out`; the views live as long as
// `out`, the context and the headers handed in.
namespace reflex::gateway {

// Content-Type is text/event-stream, in any case, parameters aside, and the body can be read as it is.
bool IsEventStream(std::span<const http::Header> headers);

// X-Reflex-Status, X-Reflex-Reason, Cache-Status (`upstream_status`: 0 for none) and the CORS fields, from the context.
void AddOutcome(const RequestContext& context, int upstream_status, ReplyFields& out);

// What the body is to the client, beside what the provider sent.
enum class BodyForm : std::uint8_t {
  kAsReceived,
  kJson,    // A stream folded into a plain answer.
  kEvents,  // A plain answer replayed as a stream.
};
// A provider's head, as the client sees it: its fields unchanged, without those that are the server's or stand for another body,
// and the outcome. The request id is the provider's where it sent one, else ours; callers that share a reply get their own. Notes
// the provider's request id in the context.
void AddForwarded(RequestContext& context, int status, std::span<const http::Header> headers, BodyForm form, ReplyFields& out);

// The fields of a hit: nothing of the provider's head is replayed. REQUIRES: IsHit(outcome). `closeness` is null for exact hits.
void AddHit(std::string_view request_id, const Entry& entry, std::int64_t now_ms, bool events, Outcome outcome,
            const Closeness* closeness, ReplyFields& out);

}  // namespace reflex::gateway
