#include "http/detail/client_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <utility>

namespace reflex::http {
namespace {

std::string LastLibraryError() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "the connection was cut";
}

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a closed connection; this one cannot.
int SocketOf(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool IsRetry(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int BioWrite(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(SocketOf(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && IsRetry(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int BioRead(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t received = recv(SocketOf(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (received < 0 && IsRetry(errno)) BIO_set_retry_read(bio);
  if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(received);
}

long BioControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

// Process-wide and constant after its first use.
const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signal");
    BIO_meth_set_write(made, BioWrite);
    BIO_meth_set_read(made, BioRead);
    BIO_meth_set_ctrl(made, BioControl);
    return made;
  }();
  return method;
}

int SessionSlot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  auto* keep = static_cast<TlsSession*>(SSL_get_ex_data(ssl, SessionSlot()));
  SSL_SESSION_free(std::exchange(keep->session, session));
  return 1;  // The reference is ours now.
}

bool ExpectHost(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1) return true;
  // It is a name: ask for its certificate (RFC 6066 section 3 allows names only).
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

TlsSession::~TlsSession() { SSL_SESSION_free(session); }

TlsStream::~TlsStream() {
  // Says that we are finished if the socket takes it at once. A connection with an error must not be asked.
  if (failure_.empty() && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
  SSL_free(ssl_);
  ERR_clear_error();
}

TlsStep TlsStream::After(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE: return TlsStep::kDone;
    case SSL_ERROR_WANT_READ: return TlsStep::kWantRead;
    case SSL_ERROR_WANT_WRITE: return TlsStep::kWantWrite;
    case SSL_ERROR_ZERO_RETURN: return TlsStep::kEnd;
    default:
      failure_ = certificate_refused() ? X509_verify_cert_error_string(SSL_get_verify_result(ssl_)) : LastLibraryError();
      return TlsStep::kFailed;
  }
}

TlsStep TlsStream::Handshake() {
  ERR_clear_error();
  return After(SSL_do_handshake(ssl_));
}

TlsStep TlsStream::Read(char* data, std::size_t capacity, std::size_t& size) {
  ERR_clear_error();
  const int received = SSL_read(ssl_, data, static_cast<int>(std::min<std::size_t>(capacity, INT_MAX)));
  size = static_cast<std::size_t>(std::max(received, 0));
  return received > 0 ? TlsStep::kDone : After(received);
}

TlsStep TlsStream::Write(std::string_view bytes, std::size_t& size) {
  size = 0;
  if (bytes.empty()) return TlsStep::kDone;
  ERR_clear_error();
  const int sent = SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
  size = static_cast<std::size_t>(std::max(sent, 0));
  return sent > 0 ? TlsStep::kDone : After(sent);
}

std::string TlsStream::Failure() const {
  if (certificate_refused()) return "certificate of " + host_ + " is not trusted: " + failure_;
  return "TLS with " + host_ + " failed: " + failure_;
}

bool TlsStream::certificate_refused() const { return SSL_get_verify_result(ssl_) != X509_V_OK; }

Result<std::unique_ptr<TlsContext>> TlsContext::Create(const std::string& ca_file) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return Fail(ErrorCode::kInternal, "TLS is not available: " + LastLibraryError());
  std::unique_ptr<TlsContext> made(new TlsContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, KeepSession);
  static constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn);
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    return Fail(ErrorCode::kNotFound, "cannot read certificates from " + ca_file + ": " + LastLibraryError());
  }
  return made;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::unique_ptr<TlsStream>> TlsContext::NewStream(int fd, const std::string& host, TlsSession& session) {
  SSL* ssl = SSL_new(context_);
  BIO* bio = ssl != nullptr ? BIO_new(SocketMethod()) : nullptr;
  if (bio == nullptr) {
    SSL_free(ssl);
    return Fail(ErrorCode::kInternal, "TLS is not available: " + LastLibraryError());
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_connect_state(ssl);
  std::unique_ptr<TlsStream> stream(new TlsStream(ssl, host));
  SSL_set_ex_data(ssl, SessionSlot(), &session);
  if (!ExpectHost(ssl, host)) return Fail(ErrorCode::kInternal, "cannot ask for the certificate of " + host);
  if (session.session != nullptr) SSL_set_session(ssl, session.session);
  return stream;
}

}  // namespace reflex::http
