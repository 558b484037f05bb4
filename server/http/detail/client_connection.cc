#include "http/detail/client_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "http/detail/client_pool.h"

namespace reflex::http {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kBufferBytes = 16 << 10;        // What an idle or slow connection may hold.
constexpr std::size_t kLargeBufferBytes = 128 << 10;  // For a reply that fills the small one in one read.
constexpr std::size_t kTlsRecordBytes = 16 << 10;     // RFC 8446 section 5.1.

}  // namespace

ClientConnection::ClientConnection(IoThread& io, ClientPool& pool, OriginPool& origin)
    : io_(io), pool_(&pool), peer_(pool.options().peer), origin_(&origin), socket_(io.context()), born_(io.now()) {
  io_.Enroll(*this);
}

ClientConnection::~ClientConnection() {
  if (pool_ == nullptr) return;
  io_.Withdraw(*this);
  pool_->Forget(*this);
}

bool ClientConnection::StartRead() {
  if (reading_ || read_state_ != ReadState::kOpen) return false;
  MakeRoom();
  reading_ = true;
  if (tls_) return ReadTls();
  socket_.async_read_some(
      asio::buffer(buffer_.get() + end_, capacity_ - end_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) { self->OnRead(error, bytes); });
  return false;
}

void ClientConnection::MakeRoom() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (filled_ && capacity_ < kLargeBufferBytes) {
      capacity_ = kLargeBufferBytes;
      buffer_.reset(new char[capacity_]);
    }
  }
  filled_ = false;
  if (buffer_ == nullptr) {
    capacity_ = kBufferBytes;
    buffer_.reset(new char[capacity_]);
  }
  if (end_ < capacity_) return;
  // Unconsumed bytes reach the end of the buffer: a long head. Its limit is the reader's to keep.
  const std::size_t held = end_ - begin_;
  if (held > capacity_ / 2) {
    std::unique_ptr<char[]> larger(new char[capacity_ * 2]);
    std::memcpy(larger.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(larger);
    capacity_ *= 2;
  } else {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

void ClientConnection::OnRead(const boost::system::error_code& error, std::size_t bytes) {
  reading_ = false;
  Received(bytes);
  filled_ = end_ == capacity_;
  if (error) read_state_ = error == asio::error::eof && is_open() ? ReadState::kEnd : ReadState::kCut;
  ReadStateChanged();
}

void ClientConnection::Received(std::size_t bytes) {
  end_ += bytes;
  received_ += bytes;
  if (pool_ != nullptr) pool_->CountReceived(bytes);
}

bool ClientConnection::ReadTls() {
  std::size_t bytes = 0;
  switch (tls_->Read(buffer_.get() + end_, capacity_ - end_, bytes)) {
    case TlsStep::kDone: Received(bytes); break;
    case TlsStep::kWantRead: AwaitTls(Socket::wait_read); return false;
    case TlsStep::kWantWrite: AwaitTls(Socket::wait_write); return false;
    case TlsStep::kEnd: read_state_ = ReadState::kEnd; break;
    case TlsStep::kFailed: read_state_ = ReadState::kCut; break;
  }
  reading_ = false;
  return true;
}

void ClientConnection::AwaitTls(Socket::wait_type what) {
  socket_.async_wait(what, [self = shared_from_this()](const boost::system::error_code& error) {
    if (error || !self->tls_) {
      self->reading_ = false;
      self->read_state_ = ReadState::kCut;
    } else if (!self->ReadTls()) {
      return;
    }
    self->ReadStateChanged();
  });
}

void ClientConnection::ReadStateChanged() {
  if (idle_ && pool_ != nullptr) {
    pool_->Lost(*this);
  } else {
    waker_.Wake();
  }
}

void ClientConnection::Queue(std::string_view head, std::span<const std::string_view> pieces) {
  head_ = head;
  pieces_.clear();
  piece_ = 0;
  std::size_t total = head.size();
  for (std::string_view piece : pieces) total += piece.size();
  if (tls_ && total <= kTlsRecordBytes) {
    // One record, one packet, where two would cost more than the copy.
    for (std::string_view piece : pieces) head_.append(piece);
    pieces = {};
  }
  if (!head_.empty()) pieces_.push_back({head_.data(), head_.size()});
  for (std::string_view piece : pieces) {
    if (!piece.empty()) pieces_.push_back({const_cast<char*>(piece.data()), piece.size()});
  }
}

ClientConnection::WriteStep ClientConnection::Flush() { return tls_ ? FlushTls() : FlushPlain(); }

ClientConnection::WriteStep ClientConnection::FlushPlain() {
  constexpr std::size_t kPiecesAtOnce = 64;
  while (piece_ < pieces_.size()) {
    msghdr message{};
    message.msg_iov = &pieces_[piece_];
    message.msg_iovlen = std::min(pieces_.size() - piece_, kPiecesAtOnce);
    const ssize_t sent = sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      Sent(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return WriteStep::kBlocked;
    } else if (errno != EINTR) {
      return WriteStep::kFailed;
    }
  }
  return WriteStep::kDone;
}

ClientConnection::WriteStep ClientConnection::FlushTls() {
  while (piece_ < pieces_.size()) {
    std::size_t sent = 0;
    const iovec& piece = pieces_[piece_];
    const TlsStep step = tls_->Write({static_cast<const char*>(piece.iov_base), piece.iov_len}, sent);
    if (step == TlsStep::kWantWrite) return WriteStep::kBlocked;
    if (step != TlsStep::kDone) return WriteStep::kFailed;
    Sent(sent);
  }
  return WriteStep::kDone;
}

void ClientConnection::Sent(std::size_t bytes) {
  if (pool_ != nullptr) pool_->CountSent(bytes);
  while (piece_ < pieces_.size() && bytes >= pieces_[piece_].iov_len) bytes -= pieces_[piece_++].iov_len;
  if (bytes == 0) return;
  iovec& piece = pieces_[piece_];
  piece.iov_base = static_cast<char*>(piece.iov_base) + bytes;
  piece.iov_len -= bytes;
}

void ClientConnection::AwaitWritable() {
  if (std::exchange(awaiting_writable_, true)) return;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const boost::system::error_code&) {
    self->awaiting_writable_ = false;
    (self->write_waker_.waiting() ? self->write_waker_ : self->waker_).Wake();
  });
}

void ClientConnection::Arm(SteadyTime limit) {
  ++arming_;
  timed_out_ = false;
  ExpireAt(limit);
}

void ClientConnection::Disarm() {
  ++arming_;
  ExpireAt(SteadyTime::max());
}

std::optional<ErrorCode> ClientConnection::interrupted() const {
  if (cancelled_) return ErrorCode::kCancelled;
  if (timed_out_) return ErrorCode::kTimeout;
  return std::nullopt;
}

// Through the queue: a sweep, or whoever cancels, is not to find other code running inside its own.
void ClientConnection::Expire() {
  asio::post(io_.context(), [self = shared_from_this(), arming = arming_] {
    if (arming != self->arming_) return;  // It went on meanwhile.
    if (self->idle_) {
      if (self->pool_ != nullptr) self->pool_->Lost(*self);
      return;
    }
    self->timed_out_ = true;
    self->waker_.Wake();
  });
}

void ClientConnection::Cancel() {
  cancelled_ = true;
  WakeSoon();
}

void ClientConnection::WakeSoon() {
  asio::post(io_.context(), [self = shared_from_this()] {
    self->waker_.Wake();
    self->write_waker_.Wake();
  });
}

void ClientConnection::Close() {
  idle_ = false;
  Disarm();
  tls_.reset();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (!reading_) read_state_ = ReadState::kCut;
}

void ClientConnection::Park(SteadyTime until) {
  Arm(until);
  idle_until_ = until;
  idle_ = true;
  if (capacity_ > kBufferBytes && begin_ == end_) {
    buffer_.reset();
    capacity_ = begin_ = end_ = 0;
  }
}

bool ClientConnection::Unpark() {
  idle_ = false;
  Arm(SteadyTime::max());
  return is_open() && read_state_ == ReadState::kOpen && begin_ == end_;
}

bool ClientConnection::ClosedByPeer() const {
  char byte;
  // The socket class has no const native handle.
  const ssize_t peeked = recv(const_cast<Socket&>(socket_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (peeked > 0) return !tls_;  // Under TLS these may be a ticket; without it nobody asked for them.
  return peeked == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void ClientConnection::Shutdown() {
  Close();
  io_.Withdraw(*this);
  pool_ = nullptr;
  origin_ = nullptr;
  waker_.Drop();
  write_waker_.Drop();
}

}  // namespace reflex::http
