#include <algorithm>
#include <boost/asio/connect.hpp>
#include <utility>

#include "http/detail/client_connection.h"
#include "http/detail/client_head.h"
#include "http/detail/client_pool.h"

namespace reflex::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

// An address that does not answer at all leaves time for the next one.
constexpr std::chrono::milliseconds kAddressLimit{2'000};

Error Unavailable(std::string message) { return Error{ErrorCode::kUnavailable, std::move(message)}; }

}  // namespace

Error ClientConnection::GiveUp() const {
  if (interrupted() == ErrorCode::kTimeout) return {ErrorCode::kTimeout, "connecting to " + peer_ + " took too long"};
  return {ErrorCode::kCancelled, "the call was cancelled"};
}

Task<Result<void>> ClientConnection::Open() {
  const SteadyTime limit = io_.now() + pool_->options().timeouts.connect;
  const Proxy* proxy = origin_->proxy;
  Result<void> opened = co_await ConnectToAny(proxy != nullptr ? proxy->host : origin_->origin.host,
                                              proxy != nullptr ? proxy->port : origin_->origin.port, limit);
  if (opened && proxy != nullptr && origin_->origin.tls) opened = co_await AskProxyForTunnel();
  if (opened && origin_->origin.tls) opened = co_await ShakeHands();
  if (!opened || opened.error().code != ErrorCode::kCancelled) pool_->CountConnect(opened.has_value());
  if (!opened) Close();
  born_ = io_.now();
  co_return opened;
}

Task<Result<void>> ClientConnection::ConnectToAny(const std::string& host, std::uint16_t port, SteadyTime limit) {
  const std::string whom = origin_->proxy != nullptr ? "the proxy" : peer_;
  Arm(limit);
  const auto lookup = pool_->resolver().Find(host);
  if (!lookup->done) {
    lookup->on_done.push_back([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->WakeSoon();
    });
  }
  while (!lookup->done) {
    co_await waker_.Wait();
    if (interrupted()) co_return std::unexpected(GiveUp());
  }
  if (lookup->addresses.empty()) {
    co_return std::unexpected(Unavailable("the name of " + whom + " cannot be resolved: " + lookup->failure));
  }
  Result<void> connected;
  for (std::size_t i = 0; i < lookup->addresses.size(); ++i) {
    const bool last = i + 1 == lookup->addresses.size();
    Arm(last ? limit : std::min(limit, io_.now() + kAddressLimit));
    connected = co_await ConnectTo(Tcp::endpoint(lookup->addresses[i], port));
    if (connected || connected.error().code == ErrorCode::kCancelled || io_.now() >= limit) break;
  }
  if (connected) Arm(limit);
  if (!connected && connected.error().code == ErrorCode::kUnavailable) {
    co_return std::unexpected(Unavailable("cannot connect to " + whom + ": " + connected.error().message));
  }
  co_return connected;
}

Task<Result<void>> ClientConnection::ConnectTo(const Tcp::endpoint& endpoint) {
  boost::system::error_code error;
  socket_.close(error);
  event_ = false;
  socket_.async_connect(endpoint, [self = shared_from_this(), attempt = ++attempt_](const boost::system::error_code& ended) {
    if (attempt != self->attempt_) return;
    self->event_ = true;
    self->event_error_ = ended;
    self->waker_.Wake();
  });
  while (!event_) {
    co_await waker_.Wait();
    if (!event_ && interrupted()) {
      ++attempt_;
      socket_.close(error);
      co_return std::unexpected(GiveUp());
    }
  }
  if (event_error_) co_return std::unexpected(Unavailable(event_error_.message()));
  socket_.set_option(Tcp::no_delay(true), error);
  co_return Result<void>();
}

// RFC 9110 section 9.3.6.
Task<Result<void>> ClientConnection::AskProxyForTunnel() {
  const std::string target = HostPort(origin_->origin.host, origin_->origin.port);
  std::string ask = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!origin_->proxy->authorization.empty()) ask += "Proxy-Authorization: " + origin_->proxy->authorization + "\r\n";
  ask += "\r\n";
  Queue(ask, {});
  while (Flush() == WriteStep::kBlocked) {
    AwaitWritable();
    co_await waker_.Wait();
    if (interrupted()) co_return std::unexpected(GiveUp());
  }
  ResponseHead head;
  for (;;) {
    REFLEX_CO_TRY(const std::size_t head_bytes, FindHead(*this, pool_->options().head_bytes_max, head));
    if (head_bytes != 0) {
      Consume(head_bytes);
      break;
    }
    if (read_state_ != ReadState::kOpen) co_return std::unexpected(Unavailable("the proxy closed the connection"));
    if (!StartRead()) co_await waker_.Wait();
    if (interrupted()) co_return std::unexpected(GiveUp());
  }
  if (head.status < 200 || head.status > 299) {
    co_return std::unexpected(Unavailable("the proxy refused to connect with status " + std::to_string(head.status)));
  }
  if (!buffered().empty()) co_return Fail(ErrorCode::kProtocol, "the proxy sent bytes before " + peer_ + " could");
  co_return Result<void>();
}

Task<Result<void>> ClientConnection::ShakeHands() {
  REFLEX_CO_TRY(TlsContext * context, pool_->Tls());
  REFLEX_CO_TRY(auto stream, context->NewStream(socket_.native_handle(), origin_->origin.host, origin_->session));
  tls_ = std::move(stream);
  for (;;) {
    switch (tls_->Handshake()) {
      case TlsStep::kDone: co_return Result<void>();
      case TlsStep::kWantRead: AwaitSocket(Socket::wait_read); break;
      case TlsStep::kWantWrite: AwaitSocket(Socket::wait_write); break;
      case TlsStep::kEnd:
      case TlsStep::kFailed: co_return std::unexpected(Unavailable(tls_->Failure()));
    }
    while (!event_) {
      co_await waker_.Wait();
      if (interrupted()) co_return std::unexpected(GiveUp());
    }
  }
}

void ClientConnection::AwaitSocket(Socket::wait_type what) {
  event_ = false;
  socket_.async_wait(what, [self = shared_from_this(), attempt = ++attempt_](const boost::system::error_code& ended) {
    if (attempt != self->attempt_) return;
    self->event_ = true;
    self->event_error_ = ended;
    self->waker_.Wake();
  });
}

}  // namespace reflex::http
