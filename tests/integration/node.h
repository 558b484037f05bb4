#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "http/io_thread.h"
#include "http/server.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "sockets.h"
#include "upstream/upstream.h"

namespace reflex::integration {

// A folder that is removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct NodeOptions {
  std::string upstream_url;
  std::filesystem::path store;  // Empty: memory only.
  std::size_t threads = 2;
  gateway::GatewayOptions gateway;
  http::ClientOptions client;
  http::ServerOptions server;
};

// The gateway as the program builds it: server, client, upstream, cache and store, on a port of its own.
class Node {
 public:
  explicit Node(NodeOptions options);
  ~Node();

  Socket Connect() const { return Socket::Connect(port_); }
  // One request on a connection of its own.
  Message Ask(std::string_view request) const;
  // POST …/chat/completions.
  Message AskChat(std::string_view body, std::string_view more_headers = {}) const;
  // Until no upstream call runs and no client connection is left but idle ones.
  void WaitForNoFlights() const;
  Cache& cache() { return *cache_; }

 private:
  SystemClock clock_;
  NullLogger logger_;
  base::MetricsRegistry registry_;
  gateway::Readiness readiness_;
  base::WorkerPool pool_{2, 64, 0};
  upstream::ProviderTable table_;
  std::unique_ptr<Cache> cache_;
  std::vector<std::unique_ptr<http::IoThread>> threads_;
  std::vector<std::unique_ptr<http::Client>> clients_;
  std::vector<std::unique_ptr<upstream::Upstream>> upstreams_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<http::Server> server_;
  std::vector<std::thread> runners_;
  std::uint16_t port_ = 0;
};

std::string ChatRequest(std::string_view body, std::string_view more_headers = {});

}  // namespace reflex::integration
