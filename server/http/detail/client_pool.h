#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "http/client.h"
#include "http/detail/client_connection.h"
#include "http/detail/client_tls.h"
#include "http/detail/proxy.h"
#include "http/detail/resolver.h"
#include "http/io_thread.h"
#include "reflex/result.h"

namespace reflex::http {

// What the client keeps for one origin, as long as it lives: origins come from settings, so they are few.
struct OriginPool {
  Origin origin;
  std::string authority;  // For Host: without the scheme's own port.
  const Proxy* proxy = nullptr;
  TlsSession session;
  std::vector<ConnectionPtr> idle;  // The last one was used last, and is used next.

  bool absolute_form() const { return proxy != nullptr && !origin.tls; }
};

// "host:port", brackets around an IPv6 address.
std::string HostPort(const std::string& host, std::uint16_t port);

// All connections of one client. Used on its I/O thread.
class ClientPool {
 public:
  // Returns: kInvalidArgument (proxy), kNotFound (ca_file).
  static Result<std::unique_ptr<ClientPool>> Create(ClientOptions options, IoThread& io, base::WorkerPool& workers,
                                                    base::MetricsRegistry& metrics);
  ~ClientPool();
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;

  OriginPool& For(const Origin& origin);
  // The connection used last that is still good, or null. `ask` asks its socket too, for calls that cannot be repeated.
  ConnectionPtr TakeIdle(OriginPool& origin, bool ask);
  ConnectionPtr NewConnection(OriginPool& origin);
  // After a complete exchange: keeps the connection for the next call, for at most `server_limit` of idleness, or closes it.
  void Release(const ConnectionPtr& connection, std::chrono::milliseconds server_limit);
  // An idle connection ended.
  void Lost(ClientConnection& connection);
  // A connection is being destroyed.
  void Forget(ClientConnection& connection);
  // Made at its first use: it costs memory and time.
  Result<TlsContext*> Tls();

  const ClientOptions& options() const { return options_; }
  IoThread& io() { return io_; }
  Resolver& resolver() { return resolver_; }
  void CountRetry() { retries_.Add(); }
  void CountReceived(std::size_t bytes) { received_.Add(bytes); }
  void CountSent(std::size_t bytes) { sent_.Add(bytes); }
  void CountCut() { cut_.Add(); }
  void CountConnect(bool connected) { (connected ? connects_ : connect_failures_).Add(); }

 private:
  ClientPool(ClientOptions options, Proxies proxies, IoThread& io, base::WorkerPool& workers, base::MetricsRegistry& metrics);

  const ClientOptions options_;
  const Proxies proxies_;
  IoThread& io_;
  Resolver resolver_;
  std::unique_ptr<TlsContext> tls_;
  std::vector<std::unique_ptr<OriginPool>> origins_;
  std::unordered_set<ClientConnection*> connections_;
  base::Gauge &open_, &idle_;
  base::Counter &connects_, &connect_failures_, &retries_, &received_, &sent_, &cut_;
};

}  // namespace reflex::http
