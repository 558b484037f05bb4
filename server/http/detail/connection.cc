#include "http/detail/connection.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "http/detail/head_parser.h"

namespace reflex::http {
namespace {

constexpr std::size_t kIdleBufferBytes = 4 << 10;
constexpr std::size_t kTailBytesMin = 512;  // Less room than this at a buffer's end is not worth a system call.
constexpr std::size_t kIdleHeadersMax = 64;
constexpr std::uint64_t kLingerBytesMax = 1 << 20;
constexpr std::chrono::milliseconds kLingerLimit{2'000};
constexpr std::chrono::milliseconds kDrainFreshLimit{1'000};

}  // namespace

Connection::Connection(std::shared_ptr<ServerThread> home, Socket socket, Origin origin)
    : home_(std::move(home)), origin_(std::move(origin)), stream_(std::move(socket)) {
  if (origin_.tls != nullptr) stream_.UseTls(*origin_.tls);
  home_->io.Enroll(*this);
  home_->Add(*this);
}

Connection::~Connection() {
  FreeBody();
  home_->io.Withdraw(*this);
  home_->Remove(*this);
}

Task<void> Connection::Serve(std::unique_ptr<Connection> connection) {
  std::string failure;
  try {
    co_await connection->Run();
  } catch (const std::exception& error) {  // Out of memory, at worst.
    failure = error.what();
  }
  if (failure.empty() || connection->home_->orphaned) co_return;
  connection->home_->core->logger.Log(LogLevel::kError, "connection-failed error=\"" + failure + "\"");
  connection->stream_.Close();
  co_await connection->JoinWatch();
}

Task<void> Connection::Run() {
  if (stream_.is_tls() && !co_await StartTls()) co_return;
  if (origin_.over_limit) co_await SendRefusal(503, "There are too many connections.");
  while (!origin_.over_limit) {
    const Step step = co_await ReadHead();
    if (step == Step::kRefuse) co_await SendRefusal(refusal_status_, refusal_message_);
    if (step != Step::kRequest) break;
    co_await ServeRequest();
    if (!body_done_ && !close_after_ && !aborted_) co_await DropBody();
    if (close_after_ || aborted_) break;
    ResetExchange();
  }
  if ((linger_ || stream_.is_tls()) && !aborted_ && !peer_gone_ && stream_.open()) co_await Linger();
  stream_.Close();
  if (watching_) co_await JoinWatch();
}

Task<bool> Connection::StartTls() {
  Arm(home_->core->options.head_timeout);
  const Result<void> shaken = co_await stream_.Handshake(boost::asio::ssl::stream_base::server);
  Disarm();
  co_return shaken.has_value();
}

Connection::Step Connection::Refuse(int status, const char* message) {
  Disarm();
  head_.method = {};
  head_.minor_version = 1;
  refusal_status_ = status;
  refusal_message_ = message;
  return Step::kRefuse;
}

Connection::Step Connection::TakeHead(std::size_t head_bytes) {
  if (head_bytes > home_->core->options.head_bytes_max) return Refuse(431, "The request's head is too large.");
  Disarm();
  in_.Consume(head_bytes);
  served_ = true;
  body_done_ = !head_.has_body();
  body_left_ = head_.content_length.value_or(0);
  continue_pending_ = head_.expects_continue && !body_done_;
  close_after_ = !head_.keep_alive;
  alone_ = !received_.empty() && !head_.chunked && !head_.expects_continue && head_.keep_alive && head_.minor_version > 0 &&
           received_.size() == head_bytes + head_.content_length.value_or(0);
  return Step::kRequest;
}

bool Connection::AnswerKnown() {
  if (!received_.empty() && home_->core->handler.AnswerKnown(*this)) {
    in_.Clear();
    served_ = true;
    received_ = {};
    return true;
  }
  return false;
}

// Room at the end of in_ for the rest of a head, which nothing points into yet.
void Connection::MakeRoom() {
  if (in_.tail_size() >= kTailBytesMin) return;
  if (in_.capacity() - in_.size() >= kTailBytesMin) {
    in_.Compact();
  } else {
    in_.MoveTo(std::max(in_.capacity() * 2, kIdleBufferBytes));
  }
}

// One coroutine from the end of a request to the head of the next: this is where idle connections wait.
Task<Connection::Step> Connection::ReadHead() {
  const ServerOptions& options = home_->core->options;
  bool parse = !in_.empty();
  idle_ = !parse;
  received_ = {};
  if (idle_ && served_ && home_->draining) co_return Step::kClose;
  Arm(parse ? options.head_timeout : home_->draining ? kDrainFreshLimit : options.keep_alive_timeout);
  for (;;) {
    if (parse) {
      const HeadVerdict verdict = ParseRequestHead(in_.view(), head_);
      if (verdict.kind == HeadVerdict::Kind::kDone) co_return TakeHead(verdict.head_bytes);
      if (verdict.kind == HeadVerdict::Kind::kRefused) co_return Refuse(verdict.status, verdict.message);
      if (in_.size() >= options.head_bytes_max) co_return Refuse(431, "The request's head is too large.");
    }
    const std::size_t before = in_.size();
    if (watching_) {
      co_await FillFromWatch();
    } else if (!peer_gone_) {
      MakeRoom();
      const auto [error, bytes] = co_await stream_.ReadRaw(in_.tail(), in_.tail_size());
      error ? ReadFailed() : TookIn(in_, bytes);
    }
    if (in_.size() == before) {
      if (watching_ || (!peer_gone_ && !expired_)) continue;  // The watch ended for want of room.
      if (idle_ || peer_gone_) break;
      co_return Refuse(408, "The request's head did not arrive in time.");
    }
    if (idle_) {
      if (!watching_ && !stream_.is_tls() && !origin_.admin && !home_->draining) received_ = in_.view();
      if (AnswerKnown()) {
        if (!pending_.empty()) {
          const std::string rest = std::exchange(pending_, {});
          const std::array<std::string_view, 1> pieces = {rest};
          if (!co_await SendPieces(pieces)) co_return Step::kClose;
        }
        if (aborted_ || home_->draining) co_return Step::kClose;
        Arm(options.keep_alive_timeout);
        continue;
      }
      if (in_.view() == "\r\n") {  // Some clients end a body with one that it does not have.
        if (!watching_) in_.Clear();
        continue;
      }
      idle_ = false;
      Arm(options.head_timeout);
      parse = true;
    } else {
      parse = in_.view().substr(before).find('\n') != std::string_view::npos || in_.size() >= options.head_bytes_max;
    }
  }
  idle_ = false;
  co_return Step::kClose;
}

Task<void> Connection::ServeRequest() {
  std::string failure;
  try {
    co_await home_->core->handler.Handle(*this);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  left_ = nullptr;
  if (home_->orphaned) {
    aborted_ = true;
    co_return;
  }
  if (!failure.empty()) home_->core->logger.Log(LogLevel::kError, "handler-failed error=\"" + failure + "\"");
  if (!begun_) {
    co_await SendBodyRefusal();
  } else if (!ended_) {
    Abort();
  }
}

// The handler left without a reply: what the body ended with says why, else it is a failure here.
Task<void> Connection::SendBodyRefusal() {
  if (!body_error_) co_return co_await SendRefusal(500, "The server failed to answer.");
  switch (body_error_->code) {
    case ErrorCode::kTooLarge: co_return co_await SendRefusal(413, body_error_->message);
    case ErrorCode::kBusy: co_return co_await SendRefusal(503, body_error_->message);
    case ErrorCode::kTimeout: co_return co_await SendRefusal(408, body_error_->message);
    case ErrorCode::kProtocol: co_return co_await SendRefusal(400, body_error_->message);
    default: Abort();
  }
}

// After a last reply whose request was not read to its end: closing with unread bytes makes the kernel send a reset, and a reset
// lets the peer's kernel drop the reply. So the end of our bytes goes out first, and what still comes is dropped for a while.
Task<void> Connection::Linger() {
  if (watching_) {
    stream_.Cancel();
    co_await JoinWatch();
  }
  FreeBody();
  held_ = Buffer();
  Arm(kLingerLimit);
  co_await stream_.ShutdownWrite();
  std::uint64_t dropped = 0;
  while (!expired_ && dropped < kLingerBytesMax) {
    in_.Clear();
    MakeRoom();
    const auto [error, bytes] =
        co_await stream_.socket().async_read_some(boost::asio::buffer(in_.tail(), in_.tail_size()), kAwaitTuple);
    if (error) break;
    dropped += bytes;
  }
  Disarm();
}

Task<void> Connection::JoinWatch() {
  while (watching_) co_await watch_news_->Wait();
}

void Connection::ResetExchange() {
  FreeBody();
  decoder_ = ChunkedDecoder();
  bytes_sent_ = 0;
  reply_left_.reset();
  continue_pending_ = begun_ = ended_ = chunked_reply_ = bodyless_reply_ = false;
  if (head_.headers.capacity() > kIdleHeadersMax) head_.headers = {};
  if (!watching_ && in_.empty()) {  // A watch is reading into in_.
    if (held_.capacity() == kIdleBufferBytes) in_.swap(held_);
    in_.Clear();
    if (in_.capacity() > kIdleBufferBytes) in_ = Buffer(kIdleBufferBytes);
  }
  if (held_.capacity() > 0) held_ = Buffer();
}

void Connection::Drain() {
  if (!idle_) return;
  if (served_) {
    stream_.Cancel();
  } else {
    ExpireAt(home_->io.now() + kDrainFreshLimit);  // Its first request may be on its way.
  }
}

void Connection::Cut() {
  aborted_ = true;
  stream_.Close();
  CutTunnel();
  if (left_ && !watching_) std::exchange(left_, nullptr)();
}

void Connection::Expire() {
  expired_ = true;
  stream_.Cancel();
  CutTunnel();
}

void Connection::Arm(std::chrono::milliseconds limit) {
  expired_ = false;
  ExpireAt(home_->io.now() + limit);
}

void Connection::Disarm() { ExpireAt(SteadyTime::max()); }

}  // namespace reflex::http
