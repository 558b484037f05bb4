#include "gateway/errors.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/reply_fields.h"
#include "gateway/reply_head.h"
#include "http/exchange.h"
#include "http/message.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

constexpr std::string_view kInvalidRequest = "invalid_request_error";
constexpr std::string_view kServerError = "server_error";
constexpr std::string_view kUpstreamError = "upstream_error";

// One row of the table: what an error code from one side is to the client.
struct Row {
  ErrorCode code;
  int status;
  std::string_view reason, type, error_code;
  std::string_view message;  // Before the error's own message, which is left out where this ends in a full stop.
  int retry_after_s = 0;
};

constexpr Row kClientRows[] = {
    {ErrorCode::kInvalidArgument, 400, reason::kBadRequest, kInvalidRequest, "bad_request", "The request is not valid: "},
    {ErrorCode::kProtocol, 400, reason::kBadRequest, kInvalidRequest, "bad_request", "The request's body is broken: "},
    {ErrorCode::kClosed, 400, reason::kBadRequest, kInvalidRequest, "bad_request", "The request's body ended early."},
    {ErrorCode::kTimeout, 408, reason::kBadRequest, kInvalidRequest, "request_timeout", "The request's body came too slowly."},
    {ErrorCode::kTooLarge, 413, reason::kTooLarge, kInvalidRequest, "request_too_large", "The request is too large: "},
    {ErrorCode::kBusy, 503, reason::kBusy, kServerError, "busy", "Too many request bodies are in flight; try again.", 1},
};

constexpr Row kUpstreamRows[] = {
    {ErrorCode::kUnavailable, 502, reason::kUpstreamUnreachable, kUpstreamError, "upstream_unreachable",
     "The provider could not be reached: "},
    {ErrorCode::kTimeout, 504, reason::kUpstreamTimeout, kUpstreamError, "upstream_timeout",
     "The provider did not answer in time."},
    {ErrorCode::kClosed, 502, reason::kUpstreamUnreachable, kUpstreamError, "upstream_unreachable",
     "The provider closed the connection without an answer."},
    {ErrorCode::kProtocol, 502, reason::kUpstreamProtocol, kUpstreamError, "upstream_protocol",
     "The provider's answer is not valid HTTP."},
    {ErrorCode::kTooLarge, 502, reason::kUpstreamProtocol, kUpstreamError, "upstream_protocol",
     "The head of the provider's answer is too large."},
    {ErrorCode::kNotFound, 404, reason::kNoUpstream, kInvalidRequest, "no_upstream",
     "This path belongs to a provider that is not set up here."},
    {ErrorCode::kBusy, 503, reason::kBusy, kServerError, "busy", "Too many calls are running; try again.", 1},
    {ErrorCode::kFull, 503, reason::kBusy, kServerError, "busy", "Too many calls are running; try again.", 1},
};

constexpr Row kUpstreamBodyRows[] = {
    {ErrorCode::kClosed, 502, reason::kUpstreamTruncated, kUpstreamError, "upstream_truncated",
     "The provider's answer was cut off."},
    {ErrorCode::kTimeout, 504, reason::kUpstreamTimeout, kUpstreamError, "upstream_timeout",
     "The provider's answer stopped coming."},
    {ErrorCode::kProtocol, 502, reason::kUpstreamProtocol, kUpstreamError, "upstream_protocol", "The provider's answer is broken."},
};

constexpr Row kOther = {
    ErrorCode::kInternal, 500, reason::kInternal, kServerError, "internal_error", "Reflex could not handle the request."};
constexpr Row kOtherUpstream = {ErrorCode::kInternal,       502,
                                reason::kUpstreamTruncated, kUpstreamError,
                                "upstream_truncated",       "The provider's answer was cut off."};

const Row* Find(std::span<const Row> rows, ErrorCode code) {
  for (const Row& row : rows) {
    if (row.code == code) return &row;
  }
  return nullptr;
}

const Row& RowFor(ErrorCode code, Side side) {
  const Row* row = nullptr;
  switch (side) {
    case Side::kClient: row = Find(kClientRows, code); break;
    case Side::kUpstreamBody:
      row = Find(kUpstreamBodyRows, code);
      if (row == nullptr) return kOtherUpstream;
      break;
    case Side::kUpstream: row = Find(kUpstreamRows, code); break;
  }
  return row != nullptr ? *row : kOther;
}

}  // namespace

Problem MakeProblem(int status, std::string_view why, std::string_view code, std::string message) {
  Problem problem;
  problem.status = status;
  problem.reason = why;
  problem.type = status >= 500 ? kServerError : kInvalidRequest;
  problem.code = code;
  problem.message = std::move(message);
  if (status == 503) problem.retry_after_s = 1;
  return problem;
}

Problem PoolIsFull() { return MakeProblem(503, reason::kBusy, "busy", "the worker pool is full; try again"); }

Problem ProblemFor(const Error& error, Side side) {
  const Row& row = RowFor(error.code, side);
  Problem problem;
  problem.status = row.status;
  problem.reason = row.reason;
  problem.type = row.type;
  problem.code = row.error_code;
  problem.message = row.message;
  if (!row.message.ends_with('.')) problem.message += error.message;
  problem.retry_after_s = row.retry_after_s;
  return problem;
}

http::Task<void> SendProblem(RequestContext& context, Problem problem) {
  context.outcome = problem.outcome;
  context.reason = problem.reason;
  context.status = problem.status;
  ReplyFields fields;
  fields.Add("Content-Type", "application/json");
  fields.Add("X-Request-Id", context.request_id.view());
  if (problem.never_retry) fields.Add("X-Should-Retry", "false");
  if (problem.retry_after_s > 0) fields.Add("Retry-After", fields.Decimal(static_cast<std::uint64_t>(problem.retry_after_s)));
  if (!problem.authenticate.empty()) fields.Add("WWW-Authenticate", problem.authenticate);
  AddOutcome(context, 0, fields);
  const std::string body = wire::ErrorBody(problem.message, problem.type, problem.code);
  const std::string_view pieces[] = {body};
  const http::ReplyHead head{problem.status, fields.view()};
  // A client that does not take it has left: nothing more to do.
  static_cast<void>(co_await context.exchange.Send(head, pieces));
}

bool MayRefuseTheBody(int status) {
  switch (status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 408:
    case 409:
    case 429: return false;
    default: return status >= 400 && status < 500;
  }
}

}  // namespace reflex::gateway
