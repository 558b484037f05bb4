#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "redis/url.h"
#include "reflex/result.h"

namespace reflex::redis {

using Deadline = std::chrono::steady_clock::time_point;
inline Deadline In(std::chrono::milliseconds limit) { return std::chrono::steady_clock::now() + limit; }

// What TLS connections trust. Made once, shared by all connections; thread-safe.
class TlsContext {
 public:
  // `ca_file`: PEM; empty: the system's. Returns: kNotFound (the file cannot be read as certificates), kInternal.
  static Result<std::shared_ptr<const TlsContext>> Create(const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  void* native() const { return native_; }  // SSL_CTX*.

 private:
  explicit TlsContext(void* native) : native_(native) {}
  void* native_;
};

// A TCP connection, with TLS where asked, whose calls block until a deadline. One thread at a time; Wake from any.
class Socket {
 public:
  // `tls` may be null. The server's certificate must name the host. Looking up a host name is not bounded by the deadline: it is
  // bounded by the system's resolver. Returns: kUnavailable, kTimeout.
  static Result<std::unique_ptr<Socket>> Connect(const Endpoint& endpoint, const TlsContext* tls, Deadline deadline);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Returns: kTimeout, kClosed.
  Result<void> Send(std::string_view bytes, Deadline deadline);
  // At least one byte, at most `size`. Returns: kTimeout, kClosed.
  Result<std::size_t> Receive(char* bytes, std::size_t size, Deadline deadline);
  // Ends what is under way and all later calls with kClosed. From any thread.
  void Wake();

 private:
  struct Tls;
  Socket(int descriptor, std::string name);
  Result<void> StartTls(const Endpoint& endpoint, const TlsContext& context, Deadline deadline);
  Result<void> WaitFor(short events, Deadline deadline) const;
  std::unexpected<Error> Closed(std::string_view why) const;
  // What to wait for after this result of an SSL call; an error when the connection is over.
  Result<short> TlsWants(int result) const;

  const int descriptor_;
  const std::string name_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace reflex::redis
