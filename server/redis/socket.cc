#include "redis/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace reflex::redis {
namespace {

SSL_CTX* NativeOf(const TlsContext& context) { return static_cast<SSL_CTX*>(context.native()); }

// poll takes whole milliseconds; what is left of one counts as one, so that it never spins.
int MillisecondsUntil(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

struct Found {
  addrinfo* first = nullptr;
  ~Found() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::Create(const std::string& ca_file) {
  SSL_CTX* const native = SSL_CTX_new(TLS_client_method());
  if (native == nullptr) return Fail(ErrorCode::kInternal, "OpenSSL gives no TLS context");
  std::shared_ptr<const TlsContext> context(new TlsContext(native));
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const int loaded =
      ca_file.empty() ? SSL_CTX_set_default_verify_paths(native) : SSL_CTX_load_verify_locations(native, ca_file.c_str(), nullptr);
  if (loaded != 1) {
    ERR_clear_error();
    return Fail(ErrorCode::kNotFound, "cannot read certificates from " + (ca_file.empty() ? "the system's store" : ca_file));
  }
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(static_cast<SSL_CTX*>(native_)); }

struct Socket::Tls {
  SSL* session = nullptr;
  ~Tls() { SSL_free(session); }
};

Socket::Socket(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

Socket::~Socket() {
  tls_.reset();
  ::close(descriptor_);
}

Result<std::unique_ptr<Socket>> Socket::Connect(const Endpoint& endpoint, const TlsContext* tls, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  Found found;
  if (const int error = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found.first)) {
    return Fail(ErrorCode::kUnavailable, "cannot look up " + endpoint.host + ": " + ::gai_strerror(error));
  }
  Error last{ErrorCode::kUnavailable, "there is no address for " + endpoint.host};
  for (const addrinfo* at = found.first; at != nullptr; at = at->ai_next) {
    const int descriptor = ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) continue;
    std::unique_ptr<Socket> socket(new Socket(descriptor, endpoint.ToString()));
    const int on = 1;
    (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    int error = ::connect(descriptor, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      if (auto writable = socket->WaitFor(POLLOUT, deadline); !writable) {
        last = std::move(writable).error();
        continue;
      }
      socklen_t size = sizeof error;
      (void)::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      last = {ErrorCode::kUnavailable, "cannot connect to " + endpoint.ToString() + ": " + std::strerror(error)};
      continue;
    }
    if (tls != nullptr) REFLEX_CHECK(socket->StartTls(endpoint, *tls, deadline));
    return socket;
  }
  return std::unexpected(std::move(last));
}

Result<void> Socket::StartTls(const Endpoint& endpoint, const TlsContext& context, Deadline deadline) {
  tls_ = std::make_unique<Tls>();
  tls_->session = SSL_new(NativeOf(context));
  if (tls_->session == nullptr) return Fail(ErrorCode::kInternal, "OpenSSL gives no TLS session");
  SSL_set_fd(tls_->session, descriptor_);
  SSL_set_connect_state(tls_->session);
  // An address is checked against the certificate's addresses, a name against its names and sent ahead (RFC 6066).
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_->session), endpoint.host.c_str()) != 1) {
    ERR_clear_error();
    SSL_set1_host(tls_->session, endpoint.host.c_str());
    SSL_set_tlsext_host_name(tls_->session, endpoint.host.c_str());
  }
  while (true) {
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_->session);
    if (result == 1) return {};
    const auto wants = TlsWants(result);
    if (!wants) {
      const long verdict = SSL_get_verify_result(tls_->session);
      const std::string why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : "the handshake failed";
      return Fail(ErrorCode::kUnavailable, "no TLS with " + name_ + ": " + why);
    }
    REFLEX_CHECK(WaitFor(*wants, deadline));
  }
}

Result<short> Socket::TlsWants(int result) const {
  switch (SSL_get_error(tls_->session, result)) {
    case SSL_ERROR_WANT_READ: return POLLIN;
    case SSL_ERROR_WANT_WRITE: return POLLOUT;
    default: ERR_clear_error(); return Closed("the connection ended");
  }
}

std::unexpected<Error> Socket::Closed(std::string_view why) const {
  return Fail(ErrorCode::kClosed, "the connection to " + name_ + " is over: " + std::string(why));
}

Result<void> Socket::WaitFor(short events, Deadline deadline) const {
  while (true) {
    pollfd wait{descriptor_, events, 0};
    const int ready = ::poll(&wait, 1, MillisecondsUntil(deadline));
    if (ready > 0) return {};
    if (ready == 0) return Fail(ErrorCode::kTimeout, name_ + " did not answer in time");
    if (errno != EINTR) return Closed(std::strerror(errno));
  }
}

Result<void> Socket::Send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    short wants = POLLOUT;
    if (tls_ != nullptr) {
      ERR_clear_error();
      std::size_t sent = 0;
      const int result = SSL_write_ex(tls_->session, bytes.data(), bytes.size(), &sent);
      bytes.remove_prefix(sent);
      if (result == 1) continue;
      REFLEX_TRY(wants, TlsWants(result));
    } else {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Closed(std::strerror(errno));
    }
    REFLEX_CHECK(WaitFor(wants, deadline));
  }
  return {};
}

Result<std::size_t> Socket::Receive(char* bytes, std::size_t size, Deadline deadline) {
  while (true) {
    short wants = POLLIN;
    if (tls_ != nullptr) {
      ERR_clear_error();
      std::size_t received = 0;
      const int result = SSL_read_ex(tls_->session, bytes, size, &received);
      if (result == 1) return received;
      REFLEX_TRY(wants, TlsWants(result));
    } else {
      const ssize_t received = ::recv(descriptor_, bytes, size, 0);
      if (received > 0) return static_cast<std::size_t>(received);
      if (received == 0) return Closed("the server closed it");
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Closed(std::strerror(errno));
    }
    REFLEX_CHECK(WaitFor(wants, deadline));
  }
}

void Socket::Wake() { (void)::shutdown(descriptor_, SHUT_RDWR); }

}  // namespace reflex::redis
