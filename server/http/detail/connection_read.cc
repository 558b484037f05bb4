// Connection: bytes from the peer, request bodies, and the watch for a peer that leaves.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "http/detail/connection.h"

namespace reflex::http {
namespace {

constexpr std::size_t kBodyBytesFirst = 16 << 10;  // A body's buffer starts so large, whatever length was announced, and doubles.
constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kWatchBytes = 4 << 10;
constexpr std::uint64_t kDropBytesMax = 256 << 10;
constexpr char kNoBody[Exchange::kBodyPadding] = {};

static_assert(Buffer::kPadding >= Exchange::kBodyPadding);

}  // namespace

void Connection::TookIn(Buffer& buffer, std::size_t bytes) {
  buffer.Append(bytes);
  home_->core->bytes_in.Add(bytes);
}

void Connection::ReadFailed() {
  if (!expired_) peer_gone_ = true;
}

Error Connection::ReadError() const {
  if (peer_gone_) return {ErrorCode::kClosed, "The client closed the connection."};
  return {ErrorCode::kTimeout, "The request's body did not arrive in time."};
}

// Remembered for a handler that leaves the answer to the server. The rest of the body cannot be trusted or is not wanted.
std::unexpected<Error> Connection::BodyError(Error error) {
  close_after_ = linger_ = true;
  body_error_ = error;
  return std::unexpected(std::move(error));
}

// Leaves the head where its views point and goes on reading elsewhere.
void Connection::KeepHead(std::size_t capacity) {
  Buffer next(std::max(capacity, in_.size() + kWatchBytes));
  next.CopyFrom(in_);
  if (held_.capacity() == 0) held_.swap(in_);
  in_ = std::move(next);
}

// At least one more byte in in_, within the limit between pieces of a body.
Task<Result<void>> Connection::Fill() {
  Arm(home_->core->options.body_timeout);
  const std::size_t before = in_.size();
  while (in_.size() == before && !peer_gone_ && !expired_) {
    if (watching_) {
      co_await FillFromWatch();
      continue;
    }
    if (held_.capacity() == 0) {
      KeepHead(kReadBytes);
    } else if (in_.empty()) {
      in_.Clear();
    } else if (in_.tail_size() == 0) {
      KeepHead(in_.capacity() * 2);
    }
    const auto [error, bytes] = co_await stream_.ReadRaw(in_.tail(), in_.tail_size());
    error ? ReadFailed() : TookIn(in_, bytes);
  }
  Disarm();
  if (in_.size() == before) co_return BodyError(ReadError());
  co_return Result<void>();
}

// Returns when the watch read something or ended; the caller has set a limit.
Task<void> Connection::FillFromWatch() {
  const std::size_t before = in_.size();
  while (watching_ && in_.size() == before) co_await watch_news_->Wait();
}

// Keeps one read going while the handler waits for something else, into the buffer that the next request is read from.
Task<void> Connection::Watch() {
  co_await boost::asio::post(home_->io.context(), kAwait);  // Never calls back from inside OnDisconnect.
  while (left_ && !peer_gone_) {
    if (in_.tail_size() == 0) {
      if (held_.capacity() != 0) break;  // A client that sends so much ahead is not waiting for its reply alone.
      KeepHead(kWatchBytes);
    }
    const auto [error, bytes] = co_await stream_.ReadRaw(in_.tail(), in_.tail_size());
    if (!error) {
      TookIn(in_, bytes);
    } else if (expired_) {
      break;
    } else {
      peer_gone_ = true;
    }
    watch_news_->Notify();
  }
  watching_ = false;
  watch_news_->Notify();
  if (peer_gone_ && left_) std::exchange(left_, nullptr)();
}

void Connection::OnDisconnect(std::function<void()> left) {
  left_ = std::move(left);
  if (!left_ || watching_) return;
  if (watch_news_ == nullptr) watch_news_ = std::make_unique<Signal>(home_->io);
  watching_ = true;
  home_->io.Spawn(Watch());
}

Task<Result<void>> Connection::StartBody() {
  if (!std::exchange(continue_pending_, false) || !in_.empty()) co_return Result<void>();
  const std::array<std::string_view, 1> pieces = {"HTTP/1.1 100 Continue\r\n\r\n"};
  co_return co_await SendPieces(pieces);
}

Task<Result<std::string_view>> Connection::ReadBody() {
  if (body_done_) co_return std::string_view(kNoBody, 0);
  const std::uint64_t length = head_.content_length.value_or(0);
  if (length > home_->core->options.body_bytes_max) co_return BodyError(TooLarge());
  if (!head_.chunked && length <= in_.size()) {  // It came with its head: it is used where it lies.
    const std::string_view body = in_.view().substr(0, length);
    in_.Consume(length);
    body_done_ = true;
    continue_pending_ = false;
    co_return body;
  }
  REFLEX_CO_CHECK(co_await StartBody());
  if (head_.chunked) {
    REFLEX_CO_CHECK(co_await ReadChunkedBody());
  } else {
    REFLEX_CO_CHECK(co_await ReadPlainBody(length));
  }
  body_done_ = true;
  co_return body_.size() == 0 ? std::string_view(kNoBody, 0) : body_.view();
}

Task<Result<void>> Connection::ReadPlainBody(std::uint64_t length) {
  REFLEX_CO_CHECK(GrowBody(std::min<std::uint64_t>(length, kBodyBytesFirst)));
  for (;;) {
    const std::size_t room = body_.capacity() - body_.size();
    const std::size_t here = std::min(in_.size(), room);
    body_.Append(in_.view().substr(0, here));
    in_.Consume(here);
    if (body_.size() == length) co_return Result<void>();
    if (here == room) {
      REFLEX_CO_CHECK(GrowBody(std::min<std::uint64_t>(length, body_.capacity() * 2)));
    } else if (watching_) {
      REFLEX_CO_CHECK(co_await Fill());
    } else {
      REFLEX_CO_CHECK(co_await ReadIntoBody());
    }
  }
}

// Straight from the socket to its place; never beyond the body's end, which is at or after the buffer's.
Task<Result<void>> Connection::ReadIntoBody() {
  Arm(home_->core->options.body_timeout);
  const auto [error, bytes] = co_await stream_.ReadRaw(body_.tail(), body_.capacity() - body_.size());
  Disarm();
  if (error) {
    ReadFailed();
    co_return BodyError(ReadError());
  }
  body_.Append(bytes);
  home_->core->bytes_in.Add(bytes);
  co_return Result<void>();
}

Task<Result<void>> Connection::ReadChunkedBody() {
  for (;;) {
    REFLEX_CO_TRY(const std::string_view piece, co_await DecodeSome());
    if (piece.empty()) co_return Result<void>();
    const std::uint64_t size = body_.size() + piece.size();
    if (size > home_->core->options.body_bytes_max) co_return BodyError(TooLarge());
    if (size > body_.capacity()) {
      REFLEX_CO_CHECK(GrowBody(std::max({size, std::uint64_t{body_.capacity()} * 2, std::uint64_t{kBodyBytesFirst}})));
    }
    body_.Append(piece);
  }
}

Task<Result<std::string_view>> Connection::DecodeSome() {
  for (;;) {
    if (decoder_.done()) {
      body_done_ = true;
      co_return std::string_view();
    }
    if (in_.empty()) {
      REFLEX_CO_CHECK(co_await Fill());
    }
    const Result<ChunkedDecoder::Step> step = decoder_.Decode(in_.view());
    if (!step) co_return BodyError(step.error());
    in_.Consume(step->consumed);
    if (!step->data.empty()) co_return step->data;
  }
}

Task<Result<std::string_view>> Connection::ReadSome() {
  if (body_done_) co_return std::string_view();
  REFLEX_CO_CHECK(co_await StartBody());
  if (head_.chunked) co_return co_await DecodeSome();
  if (in_.empty()) {
    REFLEX_CO_CHECK(co_await Fill());
  }
  const std::string_view piece = in_.view().substr(0, body_left_);
  in_.Consume(piece.size());
  body_left_ -= piece.size();
  body_done_ = body_left_ == 0;
  co_return piece;
}

bool Connection::CanDropBody() const {
  return body_done_ || (!continue_pending_ && !body_error_ && (head_.chunked || body_left_ <= kDropBytesMax));
}

// Reads what the handler left of a body, so that the next request can be read; gives up, closing, when that is much.
Task<void> Connection::DropBody() {
  std::uint64_t dropped = 0;
  bool going_on = CanDropBody();
  while (going_on && !body_done_) {
    const Result<std::string_view> piece = co_await ReadSome();
    going_on = piece.has_value();
    if (going_on) dropped += piece->size();
    going_on = going_on && dropped <= kDropBytesMax;
  }
  if (!going_on) close_after_ = linger_ = true;
}

Error Connection::TooLarge() const {
  return {ErrorCode::kTooLarge,
          "The request's body is larger than " + std::to_string(home_->core->options.body_bytes_max) + " bytes."};
}

// Reserves from the budget of all bodies, then grows. Returns: kBusy.
Result<void> Connection::GrowBody(std::uint64_t capacity) {
  ServerCore& core = *home_->core;
  const std::uint64_t more = capacity - body_.capacity();
  if (core.bodies.fetch_add(more, std::memory_order_relaxed) + more > core.options.bodies_bytes_max) {
    core.bodies.fetch_sub(more, std::memory_order_relaxed);
    return BodyError({ErrorCode::kBusy, "The server holds too many request bodies at the moment."});
  }
  core.bodies_bytes.Add(static_cast<std::int64_t>(more));
  body_.Reserve(static_cast<std::size_t>(capacity));
  return {};
}

void Connection::FreeBody() {
  if (body_.capacity() == 0) return;
  home_->core->bodies.fetch_sub(body_.capacity(), std::memory_order_relaxed);
  if (!home_->orphaned) home_->core->bodies_bytes.Add(-static_cast<std::int64_t>(body_.capacity()));
  body_.Free();
}

}  // namespace reflex::http
