#include "gateway/flight_caller.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/chat_hit.h"
#include "gateway/errors.h"
#include "gateway/reply_fields.h"
#include "gateway/reply_head.h"
#include "gateway/tauq_reply.h"
#include "gateway/thread_state.h"
#include "http/exchange.h"
#include "wire/chat_reply.h"
#include "wire/sse.h"

namespace reflex::gateway {
namespace {

using End = FlightReply::End;

// What one write takes of a reply that is ahead of its reader.
constexpr std::size_t kWriteBytes = 16 << 10;

// The pieces of a batch stand side by side in their block.
std::string_view BytesOf(const FlightReply::Batch& batch) {
  if (batch.pieces.empty()) return {};
  const FlightReply::Piece& first = batch.pieces.front();
  const FlightReply::Piece& last = batch.pieces.back();
  return {batch.block->bytes.get() + first.begin, last.begin + last.size - first.begin};
}

// Appends the event without its usage. Its data is found again where it stood on several lines.
void AppendWithoutUsage(std::string_view raw, const FlightReply::Piece& piece, std::string& scratch, std::string& out) {
  if (!piece.split_data) {
    if (piece.data_size == 0) {
      out.append(raw);
    } else {
      out.append(wire::HideUsage(raw, raw.substr(piece.data_begin, piece.data_size), scratch));
    }
    return;
  }
  wire::SseReader reader(raw.size() + 1);
  wire::SseReader::Event event;
  reader.Feed(raw);
  const auto whole = reader.Next(event);
  out.append(whole && *whole ? wire::HideUsage(raw, event.data, scratch) : raw);
}

}  // namespace

FlightCaller::FlightCaller(RequestContext& context, const wire::ChatRequest& request)
    : context_(context),
      request_(request),
      signal_(*context.thread.io),
      watch_(context.exchange),
      reader_(std::make_shared<FlightReply::Reader>()) {
  reader_->wake = signal_.Notifier();
}

http::Task<FlightCaller::Result> FlightCaller::Answer(std::shared_ptr<Flight> flight, bool same_body) {
  same_body_ = same_body;
  watch_.Start([this] {
    left_ = true;
    signal_.Notify();
  });
  const Result result = co_await Serve(*flight);
  watch_.Stop();
  if (flight->reply.Leave(reader_, context_.services.options.finish_abandoned)) {
    context_.services.flights.Remove(*flight);
    CancelFlight(std::move(flight));
  }
  co_return result;
}

http::Task<FlightCaller::Result> FlightCaller::Serve(Flight& flight) {
  for (;; static_cast<void>(co_await signal_.Wait())) {
    if (left_) co_return Result::kOver;
    flight.reply.Watch(*reader_, batch_);
    if (batch_.end == End::kProblem) {
      co_await SendProblem(context_, flight.reply.problem());
      co_return Result::kOver;
    }
    if (batch_.end == End::kStored) {
      stored_ = flight.reply.answer();
      co_return Result::kStored;
    }
    if (!batch_.head) continue;
    const std::shared_ptr<const FlightHead> head = batch_.head;
    if (!same_body_ && MayRefuseTheBody(head->status)) co_return Result::kUnfit;
    context_.upstream_ns = head->upstream_ns;
    if (head->events && request_.stream) co_return co_await ServeEvents(flight, *head);
    const bool other_form = head->events || (request_.stream && !flight.request.stream && head->status == 200);
    if (batch_.relay) {
      if (other_form) co_return Result::kUnshared;
      co_return co_await ServeRelay(flight, *head);
    }
    if (batch_.end == End::kOpen) continue;
    if (head->events) co_return co_await ServeFolded(flight, *head);
    if (other_form) co_return co_await ServeReplay(flight, *head);
    co_await ServeWhole(flight, *head);
    co_return Result::kOver;
  }
}

http::Task<FlightCaller::Result> FlightCaller::ServeEvents(Flight& flight, const FlightHead& head) {
  flight.reply.Read(*reader_, kWriteBytes, batch_);
  if (batch_.lost) co_return Result::kUnshared;
  ReplyFields fields;
  context_.status = head.status;
  AddForwarded(context_, head.status, head.headers(), BodyForm::kAsReceived, fields);
  const http::ReplyHead reply_head{head.status, fields.view()};
  if (!co_await context_.exchange.Begin(reply_head, std::nullopt)) co_return Result::kOver;
  const bool hide_usage = head.shows_usage && !request_.include_usage;
  bool head_is_out = false;
  for (; !left_ && !batch_.lost; flight.reply.Read(*reader_, kWriteBytes, batch_)) {
    if (!batch_.pieces.empty()) {
      head_is_out = true;
      if (!co_await WriteEvents(batch_, hide_usage)) co_return Result::kOver;
    } else if (batch_.end != End::kOpen) {
      watch_.Stop();
      static_cast<void>(co_await context_.exchange.End());
      co_return Result::kOver;
    } else {
      if (!std::exchange(head_is_out, true) && !co_await context_.exchange.Flush()) co_return Result::kOver;
      static_cast<void>(co_await signal_.Wait());
    }
  }
  context_.exchange.Abort();
  co_return Result::kOver;
}

http::Task<bool> FlightCaller::WriteEvents(const FlightReply::Batch& batch, bool hide_usage) {
  std::string_view bytes = BytesOf(batch);
  if (hide_usage) {
    visible_.clear();
    std::string scratch;
    for (const FlightReply::Piece& piece : batch.pieces) {
      AppendWithoutUsage({batch.block->bytes.get() + piece.begin, piece.size}, piece, scratch, visible_);
    }
    bytes = visible_;
    if (bytes.empty()) co_return true;
  }
  const std::string_view pieces[] = {bytes};
  co_return (co_await context_.exchange.Write(pieces)).has_value();
}

// The answer as Tauq, if that is what this caller gets; else false, with nothing sent.
http::Task<bool> FlightCaller::ServeTauq(std::string_view answer, const FlightHead& head) {
  const std::optional<std::string> tauq = co_await TauqReply(context_, answer, !context_.collapsed);
  if (!tauq) co_return false;
  context_.status = head.status;
  ReplyFields fields;
  AddForwarded(context_, head.status, head.headers(), BodyForm::kJson, fields);
  watch_.Stop();
  const http::ReplyHead reply_head{head.status, fields.view()};
  const std::string_view body[] = {*tauq};
  static_cast<void>(co_await context_.exchange.Send(reply_head, body));
  co_return true;
}

// A whole reply in one gathered write.
http::Task<void> FlightCaller::ServeWhole(Flight& flight, const FlightHead& head) {
  std::vector<std::shared_ptr<const FlightReply::Block>> blocks;
  std::vector<std::string_view> body;
  do {
    flight.reply.Read(*reader_, SIZE_MAX, batch_);
    if (batch_.pieces.empty()) break;
    blocks.push_back(batch_.block);
    body.push_back(BytesOf(batch_));
  } while (true);
  if (context_.tauq.wanted && head.status == 200) {
    std::string answer;
    for (const std::string_view piece : body) answer += piece;
    if (co_await ServeTauq(answer, head)) co_return;
  }
  ReplyFields fields;
  context_.status = head.status;
  AddForwarded(context_, head.status, head.headers(), BodyForm::kAsReceived, fields);
  watch_.Stop();
  const http::ReplyHead reply_head{head.status, fields.view()};
  static_cast<void>(co_await context_.exchange.Send(reply_head, body));
}

// A reply too large to be kept, piece by piece.
http::Task<FlightCaller::Result> FlightCaller::ServeRelay(Flight& flight, const FlightHead& head) {
  flight.reply.Read(*reader_, kWriteBytes, batch_);
  if (batch_.lost) co_return Result::kUnshared;
  ReplyFields fields;
  context_.status = head.status;
  AddForwarded(context_, head.status, head.headers(), BodyForm::kAsReceived, fields);
  const http::ReplyHead reply_head{head.status, fields.view()};
  if (!co_await context_.exchange.Begin(reply_head, head.content_length)) co_return Result::kOver;
  for (; !left_ && !batch_.lost && batch_.end != End::kCut; flight.reply.Read(*reader_, kWriteBytes, batch_)) {
    if (!batch_.pieces.empty()) {
      const std::string_view pieces[] = {BytesOf(batch_)};
      if (!co_await context_.exchange.Write(pieces)) co_return Result::kOver;
    } else if (batch_.end == End::kDone) {
      watch_.Stop();
      static_cast<void>(co_await context_.exchange.End());
      co_return Result::kOver;
    } else {
      static_cast<void>(co_await signal_.Wait());
    }
  }
  context_.exchange.Abort();
  co_return Result::kOver;
}

// A plain caller of a streamed answer.
http::Task<FlightCaller::Result> FlightCaller::ServeFolded(Flight& flight, const FlightHead& head) {
  const EntryPtr entry = flight.reply.answer();
  const std::string failure = entry ? std::string() : flight.reply.stream_error();
  if (!entry && failure.empty()) {
    if (batch_.end == End::kDone) co_return Result::kUnfit;
    co_await SendProblem(context_, ProblemFor(Error{ErrorCode::kClosed, {}}, Side::kUpstreamBody));
    co_return Result::kOver;
  }
  if (entry && co_await ServeTauq(entry->reply, head)) co_return Result::kOver;
  // The provider failed after its head: to a plain caller that is an error reply with the provider's own error.
  context_.status = entry ? head.status : 502;
  ReplyFields fields;
  AddForwarded(context_, head.status, head.headers(), BodyForm::kJson, fields);
  watch_.Stop();
  const http::ReplyHead reply_head{context_.status, fields.view()};
  const std::string_view body[] = {entry ? std::string_view(entry->reply) : std::string_view(failure)};
  static_cast<void>(co_await context_.exchange.Send(reply_head, body));
  co_return Result::kOver;
}

// A streaming caller of a plain answer.
http::Task<FlightCaller::Result> FlightCaller::ServeReplay(Flight& flight, const FlightHead& head) {
  const EntryPtr entry = flight.reply.answer();
  if (entry == nullptr) co_return Result::kUnfit;
  const auto replay = wire::ChatReplay::Create(entry->reply, request_, NewIdentity(context_));
  if (!replay) co_return Result::kUnfit;
  context_.status = head.status;
  ReplyFields fields;
  AddForwarded(context_, head.status, head.headers(), BodyForm::kEvents, fields);
  const http::ReplyHead reply_head{head.status, fields.view()};
  co_await SendReplay(context_.exchange, reply_head, **replay);
  co_return Result::kOver;
}

}  // namespace reflex::gateway
