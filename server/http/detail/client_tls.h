#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/client.h"
#include "reflex/result.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;

namespace reflex::http {

// What a step on a TLS connection came to. kWantRead and kWantWrite: do it again once the socket can read or write.
enum class TlsStep { kDone, kWantRead, kWantWrite, kEnd, kFailed };

// The last session of one origin, so that the next connection is resumed (RFC 8446 section 2.2).
struct TlsSession {
  TlsSession() = default;
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  SSL_SESSION* session = nullptr;
};

// TLS 1.2 or newer over one non-blocking socket that somebody else owns and waits for. Used on one thread.
class TlsStream {
 public:
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  TlsStep Handshake();
  // kDone: `size` bytes, at least one. kEnd: the peer said that it is finished. A connection that ends without saying so kFailed.
  TlsStep Read(char* data, std::size_t capacity, std::size_t& size);
  // kDone: `size` bytes were taken, perhaps fewer than given.
  TlsStep Write(std::string_view bytes, std::size_t& size);

  // After a kFailed: a sentence for a person.
  std::string Failure() const;

 private:
  friend class TlsContext;
  TlsStream(SSL* ssl, std::string host) : ssl_(ssl), host_(std::move(host)) {}
  TlsStep After(int result);
  bool certificate_refused() const;

  SSL* ssl_;
  std::string host_;
  std::string failure_;
};

// Which certificates are trusted. Used on one thread.
class TlsContext {
 public:
  // The system's store if `ca_file` is empty. Returns: kNotFound (ca_file), kInternal.
  static Result<std::unique_ptr<TlsContext>> Create(const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // `fd` is connected to `host`, whose certificate is asked for by name (SNI) and must be valid for it. `session` outlives the
  // stream. Returns: kInternal.
  Result<std::unique_ptr<TlsStream>> NewStream(int fd, const std::string& host, TlsSession& session);

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
};

}  // namespace reflex::http
