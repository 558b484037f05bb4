#include "gateway/flight_call.h"

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/errors.h"
#include "gateway/flight_fold.h"
#include "gateway/flight_lease.h"
#include "gateway/metrics.h"
#include "gateway/on_pool.h"
#include "gateway/reply_head.h"
#include "gateway/usage_refusals.h"
#include "reflex/cache.h"
#include "reflex/semantic_tier.h"
#include "wire/chat_reply.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

using ReplyPtr = std::unique_ptr<upstream::Reply>;

// How long the end of a stream waits for the provider to end its reply; swept, so it may take 200 ms more.
constexpr std::chrono::milliseconds kDoneGrace{50};
// As much of a refusal as is read to see what it is about.
constexpr std::size_t kRefusalBytesMax = 64 << 10;

// Lets [DONE] go when the provider does not end its reply after it.
class DoneGrace final : public http::Deadline {
 public:
  DoneGrace(http::IoThread& io, FlightReply& reply, FlightFold& fold) : io_(io), reply_(reply), fold_(fold) { io_.Enroll(*this); }
  ~DoneGrace() { io_.Withdraw(*this); }
  DoneGrace(const DoneGrace&) = delete;
  DoneGrace& operator=(const DoneGrace&) = delete;

  void Arm() { ExpireAt(fold_.holds_done() ? io_.now() + kDoneGrace : http::SteadyTime::max()); }
  void Expire() override {
    ExpireAt(http::SteadyTime::max());
    fold_.ReleaseDone();
    reply_.Publish();
  }

 private:
  http::IoThread& io_;
  FlightReply& reply_;
  FlightFold& fold_;
};

bool IsAboutStreamOptions(std::string_view refusal) {
  return refusal.contains("stream_options") || refusal.contains("include_usage");
}

// The parts of one call; lives in its coroutine. Making one does not throw: GiveUp is always there.
class FlightCall {
 public:
  FlightCall(Flight& flight, const Services& services, upstream::Upstream& upstream, BorrowedCall& borrowed)
      : flight_(flight), services_(services), upstream_(upstream), borrowed_(&borrowed), lease_(flight, services) {}

  http::Task<void> Run();
  // Run threw: ends the flight for everybody who waits.
  void GiveUp();

 private:
  http::Task<void> TakeReply(ReplyPtr reply, std::int64_t asked_ns);
  http::Task<Result<ReplyPtr>> Ask(std::string_view body);
  http::Task<Result<ReplyPtr>> AskForEvents();
  http::Task<Result<bool>> ReadRefusal(upstream::Reply& reply);
  void ReturnBorrowed();
  http::Task<void> TakeWhole(ReplyPtr reply);
  http::Task<void> TakeEvents(ReplyPtr reply);
  http::Task<void> EndWhole();
  void EndEvents();
  bool Outgrown();
  http::Task<bool> WaitForRoom();
  void SetHead(const upstream::Reply& reply, bool events);
  void Fail(const Error& error);
  void CutEvents(const Error& error, Side side = Side::kUpstreamBody);
  void Count(const Error& error) const;
  EntryPtr Keep(wire::PlainAnswer answer);
  void File(Entry& entry) const;
  void Unlist() {
    if (flight_.listed) services_.flights.Remove(flight_);
  }

  Flight& flight_;
  const Services& services_;
  upstream::Upstream& upstream_;
  BorrowedCall* borrowed_;            // Null once it is returned: it may be gone.
  std::optional<http::Signal> room_;  // Of a relay: a reader went on.
  std::optional<FlightFold> fold_;    // Of a stream of events.
  FlightLease lease_;                 // Given back when the call is over, behind the answer.
  bool relay_ = false;
  bool usage_asked_ = false;
  std::string refusal_;  // The start of a reply that was read to see whether it is about stream_options.
  std::shared_ptr<FlightHead> head_;
};

http::Task<void> FlightCall::Run() {
  EntryPtr stored = co_await lease_.WaitForTurn();
  if (stored != nullptr) {
    ReturnBorrowed();
    Unlist();
    flight_.reply.Finish(FlightReply::End::kStored, std::move(stored));
    co_return;
  }
  const std::int64_t asked_ns = services_.parts.clock->SteadyNs();
  usage_asked_ = flight_.request.include_usage;
  auto reply = flight_.request.stream ? co_await AskForEvents() : co_await Ask(borrowed_->body);
  ReturnBorrowed();
  if (!reply) {
    Fail(reply.error());
    co_return;
  }
  co_await TakeReply(std::move(*reply), asked_ns);
}

void FlightCall::ReturnBorrowed() {
  if (borrowed_ == nullptr) return;
  borrowed_->returned = true;
  std::exchange(borrowed_, nullptr)->changed.Notify();
}

http::Task<void> FlightCall::TakeReply(ReplyPtr reply, std::int64_t asked_ns) {
  const bool events = flight_.request.stream && reply->status() == 200 && IsEventStream(reply->headers());
  SetHead(*reply, events);
  head_->upstream_ns = services_.parts.clock->SteadyNs() - asked_ns;
  services_.metrics.ObserveStage(Stage::kUpstreamHead, head_->upstream_ns);
  services_.metrics.CountUpstreamStatus(head_->status);
  flight_.reply.SetHead(head_);
  flight_.live = reply.get();
  if (events) {
    co_await TakeEvents(std::move(reply));
  } else {
    co_await TakeWhole(std::move(reply));
  }
}

http::Task<Result<ReplyPtr>> FlightCall::Ask(std::string_view body) {
  if (flight_.reply.abandoned()) co_return reflex::Fail(ErrorCode::kCancelled, "every caller has left");
  const std::string_view pieces[] = {body};
  borrowed_->call.body = pieces;
  borrowed_->call.has_body = true;
  flight_.asking = true;
  auto reply = co_await upstream_.Send(borrowed_->call, &flight_.handle);
  flight_.asking = false;
  co_return reply;
}

// Asks for usage too where the client did not; a provider that refuses that is asked once more as the client wrote it.
http::Task<Result<ReplyPtr>> FlightCall::AskForEvents() {
  if (usage_asked_ || flight_.usage_refused) co_return co_await Ask(borrowed_->body);
  const std::string with_usage = wire::WithUsageRequested(borrowed_->body);
  auto reply = co_await Ask(with_usage);
  usage_asked_ = reply.has_value();
  if (!reply || !MayRefuseTheBody((*reply)->status())) co_return reply;

  const auto refused = co_await ReadRefusal(**reply);
  if (!refused) co_return std::unexpected(refused.error());
  if (!*refused) co_return reply;
  refusal_.clear();
  usage_asked_ = false;
  reply->reset();
  auto again = co_await Ask(borrowed_->body);
  // Only a provider that takes the same request without the addition has refused the addition: others repeat to a client what is
  // wrong with its own request. That must not keep everybody's streams from being stored.
  if (again && (*again)->status() == 200 && !flight_.request.has_stream_options) {
    services_.usage_refusals.Add(flight_.provider, flight_.usage_refusal_name, services_.parts.clock->SteadyNs());
  }
  co_return again;
}

// Reads the start of a refusal into refusal_. True when it is about what was added.
http::Task<Result<bool>> FlightCall::ReadRefusal(upstream::Reply& reply) {
  flight_.live = &reply;
  while (refusal_.size() < kRefusalBytesMax) {
    const auto piece = co_await reply.Read();
    if (!piece) {
      flight_.live = nullptr;
      co_return std::unexpected(piece.error());
    }
    if (piece->empty()) break;
    refusal_.append(*piece);
  }
  flight_.live = nullptr;
  co_return IsAboutStreamOptions(refusal_);
}

void FlightCall::SetHead(const upstream::Reply& reply, bool events) {
  head_ = std::make_shared<FlightHead>(reply.status(), reply.headers());
  head_->events = events;
  head_->content_length = reply.content_length();
  head_->shows_usage = usage_asked_;
}

http::Task<void> FlightCall::TakeWhole(ReplyPtr reply) {
  flight_.reply.Append(refusal_);
  for (;;) {
    const auto piece = co_await reply->Read();
    if (!piece) {
      flight_.live = nullptr;
      Count(piece.error());
      Unlist();
      if (relay_) {
        flight_.reply.Finish(FlightReply::End::kCut, nullptr);
      } else {
        flight_.reply.Fail(ProblemFor(piece.error(), Side::kUpstreamBody));
      }
      co_return;
    }
    if (piece->empty()) break;
    flight_.reply.Append(*piece);
    if (relay_) flight_.reply.Publish();
    if (Outgrown() && !co_await WaitForRoom()) {
      flight_.live = nullptr;
      flight_.reply.Finish(FlightReply::End::kCut, nullptr);
      co_return;
    }
  }
  flight_.live = nullptr;
  reply.reset();
  co_await EndWhole();
}

http::Task<void> FlightCall::EndWhole() {
  EntryPtr entry;
  if (head_->status == 200 && !flight_.request.stream && !relay_) {
    auto answer = std::make_shared<std::optional<wire::PlainAnswer>>();
    std::function<void()> read = [this, answer, body = flight_.reply.Joined()]() mutable {
      try {
        answer->emplace(wire::ReadPlainAnswer(std::move(body), flight_.request, services_.options.store_policy));
      } catch (const std::exception&) {  // On the pool that would end the process; the reply is whole without it.
        services_.metrics.CountUnstorable();
      }
    };
    if (flight_.reply.bytes() <= services_.options.parse_in_place_bytes_max) {
      read();
    } else if (!co_await RunBorrowing(flight_.home, *services_.parts.pool, std::move(read))) {
      services_.metrics.CountUnstorable();
    }
    if (*answer) entry = Keep(std::move(**answer));
  }
  Unlist();
  flight_.reply.Finish(FlightReply::End::kDone, std::move(entry));
}

http::Task<void> FlightCall::TakeEvents(ReplyPtr reply) {
  FlightFold& fold = fold_.emplace(flight_.reply, services_.options.reply_bytes_max);
  DoneGrace grace(flight_.home, flight_.reply, fold);
  flight_.reply.Publish(true);
  for (;;) {
    const auto piece = co_await reply->Read();
    if (!piece) {
      flight_.live = nullptr;
      CutEvents(piece.error());
      co_return;
    }
    if (piece->empty()) break;
    const FlightFold::Fed fed = fold.Feed(*piece);
    if (fed == FlightFold::Fed::kError) {
      flight_.live = nullptr;
      Unlist();
      flight_.reply.Finish(FlightReply::End::kDone, nullptr, fold.error());
      co_return;
    }
    if (fed == FlightFold::Fed::kTooLong) {
      flight_.live = nullptr;
      CutEvents(Error{ErrorCode::kProtocol, "an event of the provider's stream is too long"});
      co_return;
    }
    grace.Arm();
    flight_.reply.Publish();
    if (!Outgrown()) continue;
    fold.Drop();
    if (!co_await WaitForRoom()) {
      flight_.live = nullptr;
      CutEvents(Error{ErrorCode::kCancelled, "every caller has left"});
      co_return;
    }
  }
  flight_.live = nullptr;
  EndEvents();
}

void FlightCall::EndEvents() {
  FlightFold& fold = *fold_;
  if (!fold.EndOfBytes()) {
    CutEvents(Error{ErrorCode::kClosed, "the provider ended its stream before the answer was complete"});
    return;
  }
  EntryPtr entry;
  if (fold.error().empty()) {
    if (auto answer = fold.Finish(flight_.request, services_.options.store_policy)) {
      // A provider that was asked and tells none counts none; one that was not asked would have in a plain answer.
      if (!answer->reply.has_usage && !usage_asked_ && answer->unstorable.empty()) answer->unstorable = "no-usage";
      entry = Keep(std::move(*answer));
    }
  }
  Unlist();
  fold.ReleaseDone();
  flight_.reply.Finish(FlightReply::End::kDone, std::move(entry), fold.error());
}

// After every piece: true for a reply that is a relay, from now on or since before.
bool FlightCall::Outgrown() {
  if (relay_ || flight_.reply.bytes() <= services_.options.reply_bytes_max) return relay_;
  relay_ = true;
  services_.metrics.CountUnstorable();
  lease_.GiveBack();  // Nobody gets this answer from the store.
  Unlist();
  flight_.reply.BecomeRelay(room_.emplace(flight_.home).Notifier());
  return true;
}

// A relay goes on as fast as its leading caller. False when every caller has left.
http::Task<bool> FlightCall::WaitForRoom() {
  while (!flight_.reply.HasRoom()) static_cast<void>(co_await room_->Wait());
  co_return !flight_.reply.abandoned();
}

// The stream cannot go on: whole events were passed, then comes an error event, never a finish.
void FlightCall::CutEvents(const Error& error, Side side) {
  if (error.code != ErrorCode::kCancelled) Count(error);
  Unlist();
  if (fold_->seen_done()) {  // The answer is all there; only the end of the transport is not, so it is not kept.
    fold_->ReleaseDone();
    flight_.reply.Finish(FlightReply::End::kDone, nullptr);
    return;
  }
  const Problem problem = ProblemFor(error, side);
  flight_.reply.Append(wire::ErrorEvent(problem.message, problem.type, problem.code));
  flight_.reply.Finish(FlightReply::End::kCut, nullptr);
}

void FlightCall::Fail(const Error& error) {
  if (error.code != ErrorCode::kCancelled) Count(error);
  Unlist();
  flight_.reply.Fail(ProblemFor(error, Side::kUpstream));
}

// The reply object went with the coroutines that threw: nobody may cancel by it any more, nor join what does not go on.
void FlightCall::GiveUp() {
  flight_.live = nullptr;
  flight_.asking = false;
  Unlist();
  ReturnBorrowed();
  const Error error{ErrorCode::kInternal, "the call failed inside Reflex"};
  if (fold_) {
    CutEvents(error, Side::kUpstream);
  } else if (relay_) {
    flight_.reply.Finish(FlightReply::End::kCut, nullptr);
  } else {
    flight_.reply.Fail(ProblemFor(error, Side::kUpstream));
  }
}

void FlightCall::Count(const Error& error) const {
  if (error.code == ErrorCode::kTimeout) {
    services_.metrics.CountUpstreamError(UpstreamFailure::kTimeout);
  } else if (error.code == ErrorCode::kUnavailable) {
    services_.metrics.CountUpstreamError(UpstreamFailure::kUnreachable);
  } else if (error.code == ErrorCode::kClosed) {
    services_.metrics.CountUpstreamError(UpstreamFailure::kTruncated);
  } else if (error.code == ErrorCode::kProtocol || error.code == ErrorCode::kTooLarge) {
    services_.metrics.CountUpstreamError(UpstreamFailure::kProtocol);
  }
}

// The answer as an entry: stored if it may be, in any case there for callers that need it in the other form. Null when it is none.
EntryPtr FlightCall::Keep(wire::PlainAnswer answer) {
  const bool storable = answer.unstorable.empty();
  if (!storable) services_.metrics.CountUnstorable();
  if (answer.reply.json.empty()) return nullptr;
  auto entry = std::make_shared<Entry>();
  entry->key = flight_.exact_key;
  entry->created_ms = services_.parts.clock->WallMs();
  entry->expires_ms = entry->created_ms + std::chrono::milliseconds(flight_.ttl).count();
  if (answer.valid_until_s < entry->expires_ms / 1000) entry->expires_ms = answer.valid_until_s * 1000;
  entry->usage = answer.reply.usage;
  entry->model = flight_.request.model;
  entry->name_space = flight_.name_space;
  entry->tags = flight_.tags;
  entry->upstream_request_id = head_->header("x-request-id");
  entry->reply = std::move(answer.reply.json);
  entry->layout = std::move(answer.reply.layout);
  if (!storable || entry->reply.size() > services_.options.reply_bytes_max) return entry;
  File(*entry);
  if (!services_.parts.cache->Insert(entry, flight_.epoch)) {
    services_.metrics.CountUnstorable();  // A purge came between.
  } else if (entry->scope != Digest()) {
    services_.parts.semantic->Stored(entry, flight_.asked.vector);
  }
  return entry;
}

// Where questions in other words look for the answer.
void FlightCall::File(Entry& entry) const {
  if (services_.parts.semantic == nullptr || flight_.asked.scope == Digest()) return;
  entry.scope = flight_.asked.scope;
  entry.question = flight_.asked.question.text;
  entry.canonical = CanonicalDigest(entry.question);
}

}  // namespace

http::Task<void> RunFlightCall(std::shared_ptr<Flight> flight, const Services& services, upstream::Upstream& upstream,
                               BorrowedCall& borrowed) {
  services.flights.CallStarted();
  services.metrics.FlightStarted();
  FlightCall call(*flight, services, upstream, borrowed);
  try {
    co_await call.Run();
  } catch (...) {  // Most likely no memory for this one answer. Spawn would swallow it, and every caller would wait for ever.
    call.GiveUp();
  }
  // Not by a guard's destructor: at shutdown this coroutine is destroyed after `services`.
  services.metrics.FlightEnded();
  services.flights.CallEnded();
}

}  // namespace reflex::gateway
