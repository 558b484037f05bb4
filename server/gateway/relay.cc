#include "gateway/relay.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/client_watch.h"
#include "gateway/errors.h"
#include "gateway/flights.h"
#include "gateway/metrics.h"
#include "gateway/reply_fields.h"
#include "gateway/reply_head.h"
#include "gateway/thread_state.h"
#include "http/exchange.h"
#include "wire/error_body.h"
#include "wire/json.h"
#include "wire/sse.h"

namespace reflex::gateway {
namespace {

UpstreamFailure FailureOf(ErrorCode code) {
  if (code == ErrorCode::kTimeout) return UpstreamFailure::kTimeout;
  if (code == ErrorCode::kClosed) return UpstreamFailure::kTruncated;
  return code == ErrorCode::kUnavailable ? UpstreamFailure::kUnreachable : UpstreamFailure::kProtocol;
}

// Each line is blank or begins with ':'.
bool IsComment(std::string_view lines) {
  bool begins = true;
  for (const char c : lines) {
    if (begins && c != ':' && c != '\n' && c != '\r') return false;
    begins = c == '\n' || c == '\r';
  }
  return true;
}

// What a body that ended properly has behind its last blank line: an event that lacks only that, if its data is whole, or a
// comment. Nullopt for half an event.
std::optional<std::string> LastEvent(wire::SseReader& sse) {
  if (IsComment(sse.rest())) return std::string(sse.rest());
  wire::SseReader::Event event;
  const Result<bool> next = sse.Last(event);
  if (!next || !*next || !event.has_data) return std::nullopt;
  wire::json::Document document;
  if (event.data != wire::kDoneData && !document.Parse(event.data).empty()) return std::nullopt;
  return std::string(event.raw);
}

// The parts of one relay; lives in its coroutine.
class RelayCall {
 public:
  static http::Task<void> Run(RequestContext& context, upstream::Call call, RelayOptions options);

 private:
  RelayCall(RequestContext& context, RelayOptions options) : context_(context), options_(options), watch_(context.exchange) {}

  http::Task<Result<std::string_view>> NextOfBody(const http::BodySource& source);
  void Watch();
  http::Task<void> Answer();
  http::Task<void> PassBytes(std::string_view first);
  http::Task<void> PassEvents();
  http::Task<void> Tunnel();
  http::Task<void> SendFailure(const Error& error);
  void Count(const Error& error) { context_.services.metrics.CountUpstreamError(FailureOf(error.code)); }

  RequestContext& context_;
  const RelayOptions options_;
  ClientWatch watch_;
  http::CallHandle handle_;
  std::unique_ptr<upstream::Reply> reply_;
  std::optional<Error> body_error_;  // The client's body failed, not the provider.
  bool left_ = false;
  ReplyFields fields_;
};

http::Task<void> RelayCall::Run(RequestContext& context, upstream::Call call, RelayOptions options) {
  const Services& services = context.services;
  RelayCall self(context, options);
  http::BodySource source = std::move(call.source);
  if (options.body_streams) {
    call.source = [&self, &source] { return self.NextOfBody(source); };
  } else {
    self.Watch();
  }
  services.flights.CallStarted();
  const std::int64_t asked_ns = services.parts.clock->SteadyNs();
  auto reply = co_await context.thread.upstream->Send(call, &self.handle_);
  if (reply) {
    self.reply_ = std::move(*reply);
    context.status = self.reply_->status();
    context.upstream_ns = services.parts.clock->SteadyNs() - asked_ns;
    services.metrics.ObserveStage(Stage::kUpstreamHead, context.upstream_ns);
    services.metrics.CountUpstreamStatus(context.status);
    if (context.status == 101) {
      co_await self.Tunnel();
    } else {
      co_await self.Answer();
    }
  } else {
    co_await self.SendFailure(reply.error());
  }
  services.flights.CallEnded();
}

void RelayCall::Watch() {
  watch_.Start([this] {
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
  watch_.Stop();
  if (left_) co_return;
  if (body_error_) {
    co_await SendProblem(context_, ProblemFor(*body_error_, Side::kClient));
    co_return;
  }
  Count(error);
  co_await SendProblem(context_, ProblemFor(error, Side::kUpstream));
}

http::Task<void> RelayCall::Tunnel() {
  watch_.Stop();
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
    watch_.Stop();
    if (!nothing && nothing.error().code == ErrorCode::kCancelled) co_return context_.exchange.Abort();
    static_cast<void>(co_await context_.exchange.End());
    co_return;
  }
  const auto first = co_await reply_->Read();
  if (!first) {
    // Nothing was sent yet: an error of our own says more than a cut.
    watch_.Stop();
    if (left_) co_return;
    Count(first.error());
    co_return co_await SendProblem(context_, ProblemFor(first.error(), Side::kUpstreamBody));
  }
  if (length == first->size()) {
    watch_.Stop();
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
      watch_.Stop();
      co_return context_.exchange.Abort();  // The client sees the cut: the reply has no proper end.
    }
    pieces[0] = *next;
  }
  watch_.Stop();
  static_cast<void>(co_await context_.exchange.End());
}

// Whole events only, so that an error event can follow a cut.
http::Task<void> RelayCall::PassEvents() {
  http::Exchange& exchange = context_.exchange;
  if (!co_await exchange.Flush()) co_return;
  wire::SseReader sse(context_.services.options.reply_bytes_max);
  std::string batch;
  std::optional<Error> failure;
  bool done = false;
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
    for (; next && *next; next = sse.Next(event)) {
      batch.append(event.raw);
      done = done || event.data == wire::kDoneData;
    }
    if (!batch.empty()) {
      const std::string_view pieces[] = {batch};
      if (!co_await exchange.Write(pieces)) co_return;
    }
    if (!next) {
      failure = next.error();
      break;
    }
  }
  watch_.Stop();
  if (left_) co_return exchange.Abort();
  std::string last;
  if (!failure) {
    if (auto event = LastEvent(sse)) {
      last = std::move(*event);
    } else if (!done) {
      failure = Error{ErrorCode::kClosed, "the provider ended its stream in the middle of an event"};
    }
  }
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
  return RelayCall::Run(context, std::move(call), options);
}

}  // namespace reflex::gateway
