#include "gateway/relay.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/errors.h"
#include "gateway/flights.h"
#include "gateway/metrics.h"
#include "gateway/reply_fields.h"
#include "gateway/reply_head.h"
#include "gateway/thread_state.h"
#include "http/exchange.h"
#include "wire/error_body.h"
#include "wire/sse.h"

namespace reflex::gateway {
namespace {

UpstreamFailure FailureOf(ErrorCode code) {
  if (code == ErrorCode::kTimeout) return UpstreamFailure::kTimeout;
  if (code == ErrorCode::kClosed) return UpstreamFailure::kTruncated;
  return code == ErrorCode::kUnavailable ? UpstreamFailure::kUnreachable : UpstreamFailure::kProtocol;
}

// The parts of one relay; lives in its coroutine.
class RelayCall {
 public:
  RelayCall(RequestContext& context, upstream::Call& call, RelayOptions options)
      : context_(context), call_(call), options_(options) {}

  http::Task<void> Run();

 private:
  http::Task<Result<std::string_view>> NextOfBody(const http::BodySource& source);
  void Watch();
  http::Task<void> Answer();
  http::Task<void> PassBytes(std::string_view first);
  http::Task<void> PassEvents();
  http::Task<void> Tunnel();
  http::Task<void> SendFailure(const Error& error);
  void Count(const Error& error) { context_.services.metrics.CountUpstreamError(FailureOf(error.code)); }

  RequestContext& context_;
  upstream::Call& call_;
  const RelayOptions options_;
  http::CallHandle handle_;
  std::unique_ptr<upstream::Reply> reply_;
  std::optional<Error> body_error_;  // The client's body failed, not the provider.
  bool left_ = false;
  ReplyFields fields_;
};

http::Task<void> RelayCall::Run() {
  http::BodySource source = std::move(call_.source);
  if (options_.body_streams) {
    call_.source = [this, &source] { return NextOfBody(source); };
  } else {
    Watch();
  }
  const Clock& clock = *context_.services.parts.clock;
  const std::int64_t asked_ns = clock.SteadyNs();
  auto reply = co_await context_.thread.upstream->Send(call_, &handle_);
  if (!reply) {
    co_await SendFailure(reply.error());
    co_return;
  }
  reply_ = std::move(*reply);
  context_.upstream_ns = clock.SteadyNs() - asked_ns;
  context_.services.metrics.ObserveStage(Stage::kUpstreamHead, context_.upstream_ns);
  context_.services.metrics.CountUpstreamStatus(reply_->status());
  context_.status = reply_->status();
  if (context_.status == 101) {
    co_await Tunnel();
  } else {
    co_await Answer();
  }
}

void RelayCall::Watch() {
  context_.exchange.OnDisconnect([this] {
    left_ = true;
    if (reply_) {
      reply_->Cancel();
    } else {
      handle_.Cancel();
    }
  });
}

http::Task<Result<std::string_view>> RelayCall::NextOfBody(const http::BodySource& source) {
  auto piece = co_await source();
  if (!piece) {
    body_error_ = piece.error();
  } else if (piece->empty()) {
    Watch();
  } else {
    context_.bytes_in += piece->size();
  }
  co_return piece;
}

http::Task<void> RelayCall::SendFailure(const Error& error) {
  if (left_) co_return;
  if (body_error_) {
    co_await SendProblem(context_, ProblemFor(*body_error_, Side::kClient));
    co_return;
  }
  Count(error);
  co_await SendProblem(context_, ProblemFor(error, Side::kUpstream));
}

http::Task<void> RelayCall::Tunnel() {
  context_.exchange.OnDisconnect({});
  static_cast<void>(co_await context_.exchange.Tunnel(reply_->raw()));
}

http::Task<void> RelayCall::Answer() {
  AddForwarded(context_, reply_->status(), reply_->headers(), BodyForm::kAsReceived, fields_);
  const http::ReplyHead head{reply_->status(), fields_.view()};
  const auto length = reply_->content_length();
  if (options_.events && IsEventStream(reply_->headers()) && context_.head().method != "HEAD") {
    if (!co_await context_.exchange.Begin(head, std::nullopt)) co_return;
    co_return co_await PassEvents();
  }
  // The head alone goes out at once only if the body makes us wait; a small reply is one write.
  if (context_.head().method == "HEAD" || length == 0 || reply_->status() == 204 || reply_->status() == 304) {
    if (!co_await context_.exchange.Begin(head, length)) co_return;
    const auto nothing = co_await reply_->Read();  // To the clean end: the connection is kept.
    context_.exchange.OnDisconnect({});
    if (!nothing && nothing.error().code == ErrorCode::kCancelled) co_return context_.exchange.Abort();
    static_cast<void>(co_await context_.exchange.End());
    co_return;
  }
  const auto first = co_await reply_->Read();
  if (!first) {
    // Nothing was sent yet: an error of our own says more than a cut.
    if (left_) co_return;
    Count(first.error());
    co_return co_await SendProblem(context_, ProblemFor(first.error(), Side::kUpstreamBody));
  }
  if (length == first->size()) {
    context_.exchange.OnDisconnect({});
    const std::string_view body[] = {*first};
    static_cast<void>(co_await context_.exchange.Send(head, body));
    static_cast<void>(co_await reply_->Read());
    co_return;
  }
  if (!co_await context_.exchange.Begin(head, length)) co_return;
  co_await PassBytes(*first);
}

http::Task<void> RelayCall::PassBytes(std::string_view first) {
  std::string_view pieces[] = {first};
  while (!pieces[0].empty()) {
    if (!co_await context_.exchange.Write(pieces)) co_return;
    const auto next = co_await reply_->Read();
    if (!next) {
      if (!left_) Count(next.error());
      context_.exchange.OnDisconnect({});
      co_return context_.exchange.Abort();  // The client sees the cut: the reply has no proper end.
    }
    pieces[0] = *next;
  }
  context_.exchange.OnDisconnect({});
  static_cast<void>(co_await context_.exchange.End());
}

// Whole events only, so that an error event can follow a cut.
http::Task<void> RelayCall::PassEvents() {
  http::Exchange& exchange = context_.exchange;
  if (!co_await exchange.Flush()) co_return;
  wire::SseReader sse(context_.services.options.reply_bytes_max);
  std::string batch;
  std::optional<Error> failure;
  for (;;) {
    const auto bytes = co_await reply_->Read();
    if (!bytes) {
      failure = bytes.error();
      break;
    }
    if (bytes->empty()) break;
    sse.Feed(*bytes);
    batch.clear();
    wire::SseReader::Event event;
    Result<bool> next = sse.Next(event);
    for (; next && *next; next = sse.Next(event)) batch.append(event.raw);
    if (!batch.empty()) {
      const std::string_view pieces[] = {batch};
      if (!co_await exchange.Write(pieces)) co_return;
    }
    if (!next) {
      failure = next.error();
      break;
    }
  }
  exchange.OnDisconnect({});
  if (left_) co_return exchange.Abort();
  std::string last(failure ? std::string_view() : sse.rest());
  if (failure) {
    Count(*failure);
    const Problem problem = ProblemFor(*failure, Side::kUpstreamBody);
    last = wire::ErrorEvent(problem.message, problem.type, problem.code);
  }
  const std::string_view pieces[] = {last};
  if (!last.empty() && !co_await exchange.Write(pieces)) co_return;
  static_cast<void>(co_await exchange.End());
}

}  // namespace

http::Task<void> Relay(RequestContext& context, upstream::Call call, RelayOptions options) {
  Flights& flights = context.services.flights;
  flights.CallStarted();
  RelayCall relay(context, call, options);
  co_await relay.Run();
  flights.CallEnded();
}

}  // namespace reflex::gateway
