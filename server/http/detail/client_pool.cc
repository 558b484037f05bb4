#include "http/detail/client_pool.h"

#include <algorithm>
#include <utility>

namespace reflex::http {

std::string HostPort(const std::string& host, std::uint16_t port) {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]:" : host + ":") + std::to_string(port);
}

Result<std::unique_ptr<ClientPool>> ClientPool::Create(ClientOptions options, IoThread& io, base::WorkerPool& workers,
                                                       base::MetricsRegistry& metrics) {
  REFLEX_TRY(auto proxies, Proxies::Create(options));
  const bool check_ca_file = !options.ca_file.empty();
  std::unique_ptr<ClientPool> pool(new ClientPool(std::move(options), std::move(proxies), io, workers, metrics));
  if (check_ca_file) {
    if (auto tls = pool->Tls(); !tls) return std::unexpected(std::move(tls).error());
  }
  return pool;
}

ClientPool::ClientPool(ClientOptions options, Proxies proxies, IoThread& io, base::WorkerPool& workers,
                       base::MetricsRegistry& metrics)
    : options_(std::move(options)),
      proxies_(std::move(proxies)),
      io_(io),
      resolver_(io, workers, options_.resolve_life),
      open_(metrics.AddGauge("reflex_upstream_connections", "Connections to providers, idle ones included.", "state=\"open\"")),
      idle_(metrics.AddGauge("reflex_upstream_connections", "Connections to providers, idle ones included.", "state=\"idle\"")),
      connects_(metrics.AddCounter("reflex_upstream_connects_total", "Attempts to connect to a provider.", "outcome=\"ok\"")),
      connect_failures_(
          metrics.AddCounter("reflex_upstream_connects_total", "Attempts to connect to a provider.", "outcome=\"failed\"")),
      retries_(metrics.AddCounter("reflex_upstream_retries_total",
                                  "Calls sent again on a fresh connection after a kept one had been closed.")),
      received_(metrics.AddCounter("reflex_upstream_received_bytes_total", "Bytes of replies, heads included, before TLS.")),
      sent_(metrics.AddCounter("reflex_upstream_sent_bytes_total", "Bytes of requests, heads included, before TLS.")),
      cut_(metrics.AddCounter("reflex_upstream_cut_replies_total", "Replies that ended before they were complete.")) {}

ClientPool::~ClientPool() {
  for (auto& origin : origins_) {
    idle_.Add(-static_cast<std::int64_t>(origin->idle.size()));
    origin->idle.clear();
  }
  open_.Add(-static_cast<std::int64_t>(connections_.size()));
  // Calls still running end with their coroutines; outstanding operations may keep the objects a little longer.
  for (ClientConnection* connection : std::exchange(connections_, {})) connection->Shutdown();
}

OriginPool& ClientPool::For(const Origin& origin) {
  for (const auto& known : origins_) {
    if (known->origin == origin) return *known;
  }
  auto added = std::make_unique<OriginPool>();
  added->origin = origin;
  added->authority = origin.ToString().substr(origin.tls ? 8 : 7);
  added->proxy = proxies_.For(origin);
  return *origins_.emplace_back(std::move(added));
}

ConnectionPtr ClientPool::TakeIdle(OriginPool& origin, bool ask) {
  const SteadyTime now = io_.now();
  while (!origin.idle.empty()) {
    ConnectionPtr connection = std::move(origin.idle.back());
    origin.idle.pop_back();
    idle_.Add(-1);
    if (connection->Unpark() && now < connection->idle_until() && !(ask && connection->ClosedByPeer())) return connection;
    connection->Close();
  }
  return nullptr;
}

ConnectionPtr ClientPool::NewConnection(OriginPool& origin) {
  auto connection = std::make_shared<ClientConnection>(io_, *this, origin);
  connections_.insert(connection.get());
  open_.Add(1);
  return connection;
}

void ClientPool::Release(const ConnectionPtr& connection, std::chrono::milliseconds server_limit) {
  OriginPool& origin = *connection->origin();
  const SteadyTime now = io_.now();
  const SteadyTime until =
      std::min(now + std::min(options_.idle_timeout, server_limit), connection->born() + options_.connection_life);
  if (until <= now || origin.idle.size() >= options_.idle_connections_max || !connection->is_open()) return connection->Close();
  connection->Park(until);
  // This read notices that the server closes the connection; bytes that are there already were not asked for.
  if (connection->StartRead() || connection->read_state() != ClientConnection::ReadState::kOpen) return connection->Close();
  origin.idle.push_back(connection);
  idle_.Add(1);
}

void ClientPool::Lost(ClientConnection& connection) {
  auto& idle = connection.origin()->idle;
  const auto place = std::find_if(idle.begin(), idle.end(), [&](const ConnectionPtr& kept) { return kept.get() == &connection; });
  connection.Close();
  if (place == idle.end()) return;
  idle.erase(place);
  idle_.Add(-1);
}

void ClientPool::Forget(ClientConnection& connection) {
  connections_.erase(&connection);
  open_.Add(-1);
}

Result<TlsContext*> ClientPool::Tls() {
  if (!tls_) {
    REFLEX_TRY(tls_, TlsContext::Create(options_.ca_file));
  }
  return tls_.get();
}

}  // namespace reflex::http
