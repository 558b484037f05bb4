#include "gateway/reply_head.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "gateway/access.h"
#include "gateway/cache_status.h"
#include "gateway/policy.h"
#include "gateway/tauq_reply.h"

namespace reflex::gateway {
namespace {

using http::EqualsIgnoringCase;

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && EqualsIgnoringCase(text.substr(0, prefix.size()), prefix);
}

// The server writes these itself, from what it sends.
bool IsServers(std::string_view name) {
  switch (name.size()) {
    case 4: return EqualsIgnoringCase(name, "date");
    case 10: return EqualsIgnoringCase(name, "connection") || EqualsIgnoringCase(name, "keep-alive");
    case 14: return EqualsIgnoringCase(name, "content-length");
    case 17: return EqualsIgnoringCase(name, "transfer-encoding");
    default: return false;
  }
}

// They describe the provider's body, which the client gets in the other form.
bool DescribesBody(std::string_view name) {
  return EqualsIgnoringCase(name, "content-type") || EqualsIgnoringCase(name, "cache-control") ||
         EqualsIgnoringCase(name, "x-accel-buffering") || EqualsIgnoringCase(name, "content-encoding") ||
         EqualsIgnoringCase(name, "etag");
}

void AddForm(bool events, ReplyFields& out) {
  if (!events) {
    out.Add("Content-Type", "application/json");
    return;
  }
  out.Add("Content-Type", "text/event-stream; charset=utf-8");
  out.Add("Cache-Control", "no-cache");
  out.Add("X-Accel-Buffering", "no");
}

// 0.987: three decimals, never rounded up to 1.
std::string_view Thousandths(float value, ReplyFields& out) {
  const float bounded = value > 0 ? std::min(value, 1.0F) : 0.0F;  // NaN gives 0.
  const auto thousandths = static_cast<unsigned>(bounded * 1000);
  const char text[] = {static_cast<char>('0' + thousandths / 1000), '.', static_cast<char>('0' + thousandths / 100 % 10),
                       static_cast<char>('0' + thousandths / 10 % 10), static_cast<char>('0' + thousandths % 10)};
  return out.Join({std::string_view(text, sizeof text)});
}

void AddCloseness(const Closeness& closeness, ReplyFields& out) {
  out.Add("X-Reflex-Similarity", Thousandths(closeness.similarity, out));
  if (closeness.score) out.Add("X-Reflex-Verify-Score", Thousandths(*closeness.score, out));
}

}  // namespace

bool IsEventStream(std::span<const http::Header> headers) {
  if (!StartsWithIgnoringCase(http::HeaderValue(headers, "content-type"), "text/event-stream")) return false;
  const std::string_view coding = http::HeaderValue(headers, "content-encoding");
  return coding.empty() || EqualsIgnoringCase(coding, "identity");
}

void AddOutcome(const RequestContext& context, int upstream_status, ReplyFields& out) {
  if (context.outcome != Outcome::kOwn) out.Add("X-Reflex-Status", Name(context.outcome));
  if (!context.reason.empty()) out.Add("X-Reflex-Reason", context.reason);
  if (context.closeness) AddCloseness(*context.closeness, out);
  if (context.forward) {
    std::array<char, kCacheStatusBytesMax> text;
    out.AddJoined("Cache-Status", {WriteForwardStatus(*context.forward, upstream_status, context.collapsed, text)});
  }
  AddFormat(context, out);
  AppendCorsFields(context, out);
}

void AddForwarded(RequestContext& context, int status, std::span<const http::Header> headers, BodyForm form, ReplyFields& out) {
  const bool cors = !context.services.options.cors_origins.empty();
  bool has_id = false;
  for (const http::Header& header : headers) {
    const std::string_view name = header.name;
    if (IsServers(name) || StartsWithIgnoringCase(name, "x-reflex-")) continue;
    if (form != BodyForm::kAsReceived && DescribesBody(name)) continue;
    if (cors && ReplacedByCors(context, name)) continue;
    if (EqualsIgnoringCase(name, "x-request-id")) {
      context.upstream_request_id = header.value;
      if (context.collapsed || has_id) continue;
      has_id = true;
    }
    // A cookie is for the one whose call it was.
    if (context.collapsed && EqualsIgnoringCase(name, "set-cookie")) continue;
    out.Add(name, header.value);
  }
  if (form != BodyForm::kAsReceived) AddForm(form == BodyForm::kEvents, out);
  if (!has_id) out.Add("X-Request-Id", context.request_id.view());
  if (!context.upstream_request_id.empty()) out.Add("X-Reflex-Upstream-Request-Id", context.upstream_request_id);
  AddOutcome(context, status, out);
}

void AddHit(std::string_view request_id, const Entry& entry, std::int64_t now_ms, bool events, Outcome outcome,
            const Closeness* closeness, ReplyFields& out) {
  AddForm(events, out);
  out.Add("X-Request-Id", request_id);
  constexpr std::string_view kHit = "hit-";
  const std::string_view status_name = Name(outcome);
  out.Add("X-Reflex-Status", status_name);
  std::array<char, kCacheStatusBytesMax> status;
  // Whole seconds of freshness that are left, rounded down, negative as soon as it is stale.
  const std::int64_t left_ms = entry.expires_ms - now_ms;
  const std::int64_t ttl_s = left_ms >= 0 ? left_ms / 1000 : (left_ms - 999) / 1000;
  out.AddJoined("Cache-Status", {WriteHitStatus(entry.key, ttl_s, status_name.substr(kHit.size()), status)});
  out.Add("Age", out.Decimal(static_cast<std::uint64_t>(AgeSeconds(entry.created_ms, now_ms))));
  std::array<char, 64> hex;
  out.AddJoined("X-Reflex-Entry", {WriteHex(entry.key, hex)});
  out.AddJoined("X-Reflex-Saved-Tokens",
                {"in=", out.Decimal(entry.usage.input_tokens), ";out=", out.Decimal(entry.usage.output_tokens)});
  if (closeness != nullptr) AddCloseness(*closeness, out);
  if (!entry.upstream_request_id.empty()) out.Add("X-Reflex-Upstream-Request-Id", entry.upstream_request_id);
}

}  // namespace reflex::gateway
