#include "http/detail/client_reply.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "http/detail/client_pool.h"

namespace reflex::http {
namespace {

std::string_view Rebase(std::string_view view, const char* from, const char* to) {
  return view.data() == nullptr ? view : std::string_view(to + (view.data() - from), view.size());
}

}  // namespace

ConnectionReply::ConnectionReply(ConnectionPtr connection, ResponseHead& head, std::size_t head_bytes)
    : connection_(std::move(connection)),
      head_(connection_->buffered().substr(0, head_bytes)),
      headers_(std::move(head.headers)),
      content_length_(head.content_length),
      status_(head.status),
      keep_alive_(head.keep_alive) {
  const char* from = connection_->buffered().data();
  for (Header& header : headers_) {
    header.name = Rebase(header.name, from, head_.data());
    header.value = Rebase(header.value, from, head_.data());
  }
  connection_->Consume(head_bytes);
}

Result<std::unique_ptr<ClientReply>> ConnectionReply::Create(ConnectionPtr connection, ResponseHead& head, std::size_t head_bytes,
                                                             const ClientRequest& request, bool request_sent) {
  std::unique_ptr<ConnectionReply> reply(new ConnectionReply(std::move(connection), head, head_bytes));
  if (!request_sent) reply->keep_alive_ = false;
  if (reply->status_ == 101) {
    if (!request.upgrade)
      return Fail(ErrorCode::kProtocol, reply->connection_->peer() + " changed the protocol without being asked");
    reply->body_ = Body::kTunnel;
  } else if (request.method == "HEAD" || reply->status_ == 204 || reply->status_ == 304) {
    reply->complete_ = true;
  } else if (head.chunked) {
    reply->body_ = Body::kChunked;
  } else if (head.content_length) {
    reply->body_ = Body::kLength;
    reply->left_ = *head.content_length;
    reply->complete_ = reply->left_ == 0;
  } else {
    reply->body_ = Body::kUntilClose;
  }
  return reply;
}

ConnectionReply::~ConnectionReply() {
  if (!connection_) return;
  if (complete_) {
    Finish();
  } else {
    connection_->Close();
  }
}

Task<Result<std::string_view>> ConnectionReply::Read() {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (complete_) {
      Finish();
      co_return std::string_view();
    }
    if (const auto why = connection_->interrupted()) {
      co_return Failed(*why == ErrorCode::kTimeout ? Error{*why, connection_->peer() + " sent nothing for too long"}
                                                   : Error{*why, "the call was cancelled"});
    }
    auto piece = Take();
    if (!piece || !piece->empty()) co_return piece;
    if (complete_) continue;
    if (connection_->read_state() != ClientConnection::ReadState::kOpen) {
      auto end = AtEndOfConnection();
      co_return end;
    }
    if (connection_->StartRead()) continue;
    const bool tunnel = body_ == Body::kTunnel;
    connection_->Arm(tunnel ? SteadyTime::max() : connection_->io().now() + connection_->pool()->options().timeouts.between_bytes);
    co_await connection_->waker().Wait();
    connection_->Disarm();  // How long the reply's reader takes is not the provider's doing.
  }
}

// The body bytes that are there; empty when there are none, or the body is complete.
Result<std::string_view> ConnectionReply::Take() {
  if (body_ == Body::kChunked) return TakeChunks();
  std::string_view bytes = connection_->buffered();
  if (body_ == Body::kLength) {
    bytes = bytes.substr(0, left_);
    left_ -= bytes.size();
    complete_ = left_ == 0;
  }
  connection_->Consume(bytes.size());
  return bytes;
}

// Many small chunks that came together leave together: their data is moved up over the framing.
Result<std::string_view> ConnectionReply::TakeChunks() {
  char* out = nullptr;
  std::size_t size = 0;
  while (!connection_->buffered().empty() && !chunks_.done()) {
    auto step = chunks_.Decode(connection_->buffered());
    if (!step) {
      (void)Failed({ErrorCode::kProtocol, connection_->peer() + "'s reply is not valid HTTP: " + step.error().message});
      break;
    }
    if (!step->data.empty()) {
      char* data = connection_->Writable(step->data);
      if (out == nullptr) {
        out = data;
      } else {
        std::memmove(out + size, data, step->data.size());
      }
      size += step->data.size();
    }
    connection_->Consume(step->consumed);
  }
  complete_ = chunks_.done();
  if (size == 0 && failure_) return std::unexpected(*failure_);
  return std::string_view(out, size);
}

Result<std::string_view> ConnectionReply::AtEndOfConnection() {
  const bool clean = connection_->read_state() == ClientConnection::ReadState::kEnd;
  if (!clean || (body_ != Body::kUntilClose && body_ != Body::kTunnel)) {
    return Failed({ErrorCode::kClosed, connection_->peer() + " cut its reply off"});
  }
  keep_alive_ = false;
  // A tunnel may still be written to after its peer's end.
  if (body_ == Body::kUntilClose) {
    complete_ = true;
    Finish();
  }
  return std::string_view();
}

std::unexpected<Error> ConnectionReply::Failed(Error error) {
  failure_ = std::move(error);
  if (failure_->code != ErrorCode::kCancelled && connection_->pool() != nullptr) connection_->pool()->CountCut();
  connection_->Close();
  return std::unexpected(*failure_);
}

void ConnectionReply::Finish() {
  const ConnectionPtr connection = std::exchange(connection_, nullptr);
  if (!connection || connection->pool() == nullptr) return;
  const bool clean = keep_alive_ && connection->buffered().empty() && !connection->interrupted() &&
                     connection->read_state() == ClientConnection::ReadState::kOpen;
  if (clean) {
    connection->pool()->Release(connection, ServerLimit());
  } else {
    connection->Close();
  }
}

// "Keep-Alive: timeout=5" says when the server will close; a call sent at that moment would be lost.
std::chrono::milliseconds ConnectionReply::ServerLimit() const {
  constexpr std::chrono::seconds kMargin{1};
  constexpr std::string_view kTimeout = "timeout=";
  const std::string_view value = HeaderValue(headers_, "Keep-Alive");
  const std::size_t start = value.find(kTimeout);
  if (start == std::string_view::npos) return std::chrono::hours(1);
  std::uint32_t seconds = 0;
  std::from_chars(value.data() + start + kTimeout.size(), value.data() + value.size(), seconds);
  return std::max(std::chrono::milliseconds(0), std::chrono::milliseconds(std::chrono::seconds(seconds) - kMargin));
}

void ConnectionReply::Cancel() {
  if (connection_) return connection_->Cancel();
  if (!failure_) failure_ = Error{ErrorCode::kCancelled, "the call was cancelled"};
}

Task<Result<void>> ConnectionReply::Write(std::string_view bytes) {
  if (!connection_ || body_ != Body::kTunnel) co_return Fail(ErrorCode::kClosed, "the tunnel is closed");
  connection_->Queue({}, {&bytes, 1});
  for (;;) {
    if (connection_->interrupted() == ErrorCode::kCancelled) co_return Fail(ErrorCode::kCancelled, "the call was cancelled");
    switch (connection_->is_open() ? connection_->Flush() : ClientConnection::WriteStep::kFailed) {
      case ClientConnection::WriteStep::kDone: co_return Result<void>();
      case ClientConnection::WriteStep::kFailed: co_return Fail(ErrorCode::kClosed, connection_->peer() + " closed the tunnel");
      case ClientConnection::WriteStep::kBlocked: break;
    }
    connection_->AwaitWritable();
    co_await connection_->write_waker().Wait();
  }
}

}  // namespace reflex::http
