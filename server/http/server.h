#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "http/exchange.h"
#include "http/io_thread.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::http {

// Where to listen. `address` is "127.0.0.1:8080", "[::1]:8080", ":8080" (all, both families) or "unix:/path". Port 0 picks one.
struct ListenAddress {
  std::string address;
  bool admin = false;
};

struct TlsFiles {
  std::string certificate_file;  // PEM, chain included; empty: no TLS.
  std::string key_file;          // PEM.
};

struct ServerOptions {
  std::vector<ListenAddress> listen;
  TlsFiles tls;  // For every TCP listener that is not an admin one.
  std::uint64_t head_bytes_max = 64 << 10;
  std::uint64_t body_bytes_max = 32 << 20;
  std::uint64_t bodies_bytes_max = 256 << 20;  // All bodies held at once; beyond: 503 with Retry-After.
  std::uint32_t connections_max = 10'000;
  std::chrono::milliseconds head_timeout{10'000};
  std::chrono::milliseconds body_timeout{60'000};  // Between pieces of a body.
  std::chrono::milliseconds write_timeout{60'000};
  std::chrono::milliseconds keep_alive_timeout{75'000};
  std::chrono::milliseconds tunnel_idle_timeout{300'000};
};

// An HTTP/1.1 server over given I/O threads: each accepts on its own socket (SO_REUSEPORT; a unix socket is shared), and a
// connection stays on its thread. What it refuses by itself, and its limits, are in docs/http.md.
//
// Ending: Drain, wait for drained() as long as one likes, CloseAll, wait for drained() again, then stop the threads. The destructor
// closes what is left and lets the handlers return first: on threads that have stopped it runs them itself, on running ones it
// waits up to 5 s. So it is not called from an I/O thread, and nothing is started meanwhile.
class Server {
 public:
  // Binds; nothing is accepted before Start. The threads, handler, metrics and logger outlive the server.
  // Returns: kInvalidArgument (an address; a certificate or key that is none), kBusy (address in use), kIo, kNotFound (certificate
  // file).
  static Result<std::unique_ptr<Server>> Create(ServerOptions options, std::vector<IoThread*> threads, Handler& handler,
                                                base::MetricsRegistry& metrics, Logger& logger);
  virtual ~Server() = default;

  // Begins accepting on all threads. Called before or while they run.
  virtual void Start() = 0;
  // The addresses really bound, in the order of ServerOptions::listen, for example "127.0.0.1:40123".
  virtual std::vector<std::string> addresses() const = 0;
  // Reads the certificate files again; connections made from now on use them. On failure the old ones stay.
  virtual Result<void> ReloadTls() = 0;
  // From any thread: closes the listeners and idle connections; running exchanges finish, their connections close after. A
  // connection that has not sent its first request yet has a second to do so.
  virtual void Drain() = 0;
  // From any thread: true when no exchange is running and all connections are closed.
  virtual bool drained() const = 0;
  // From any thread: cuts every connection; handlers see kClosed at their next call, or their OnDisconnect.
  virtual void CloseAll() = 0;
};

}  // namespace reflex::http
