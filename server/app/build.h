#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/models.h"
#include "app/remote_parts.h"
#include "app/request_log_writer.h"
#include "app/settings.h"
#include "app/snapshots.h"
#include "base/metrics.h"
#include "base/worker_pool.h"
#include "cloud/instance.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "http/io_thread.h"
#include "http/server.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/semantic_tier.h"
#include "upstream/upstream.h"

namespace reflex::app {

// Every part of the running program, each declared after those it uses. Build makes them; nothing is found by name, nothing is
// global. The parts never move.
struct Program {
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  // Stops the I/O threads; what was built goes in reverse order.
  ~Program();

  // Starts accepting and the I/O threads.
  void Start();
  // Ends the I/O threads. Idempotent.
  void StopThreads();

  Settings settings;
  SystemClock clock;
  std::unique_ptr<Logger> logger;
  base::MetricsRegistry metrics;
  gateway::Readiness readiness;
  std::unique_ptr<base::WorkerPool> pool;
  std::unique_ptr<base::WorkerPool> names;       // Name resolution alone: a resolver that is silent holds up nothing else.
  std::unique_ptr<base::WorkerPool> lookups;     // Look-ups in other words. Null without semantic tier, as are the next three.
  std::unique_ptr<base::WorkerPool> background;  // What nobody waits for: the index and vectors behind requests.
  std::unique_ptr<RemoteParts> remote;           // Null: every part is in this process.
  std::unique_ptr<Models> models;
  std::unique_ptr<Cache> cache;
  std::unique_ptr<SemanticTier> semantic;
  std::string storage_problem;                    // Why nothing is stored on disk; empty when all is well.
  std::unique_ptr<Snapshots> snapshots;           // Null: snapshot.target is not set, or there is no store.
  std::unique_ptr<cloud::Instance> instance;      // Null: idle.stop_instance is off.
  std::unique_ptr<RequestLogWriter> request_log;  // Null: off.
  upstream::ProviderTable providers;
  std::vector<std::unique_ptr<http::IoThread>> io_threads;
  std::vector<std::unique_ptr<http::Client>> clients;          // One for each I/O thread, as are
  std::vector<std::unique_ptr<upstream::Upstream>> upstreams;  // these.
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<http::Server> server;
  std::vector<std::thread> threads;
  std::unique_ptr<base::WorkerPool> maintenance;  // One thread, for snapshots. Null where there are none.
};

// Builds everything from checked settings and binds the listeners; nothing runs before Program::Start.
// Returns: kBusy (store or address in use), kNewerFormat, kInvalidArgument, kNotFound (a file that a setting names), kIo; and what
// OpenModels and SemanticTier::Create return.
Result<std::unique_ptr<Program>> Build(Settings settings, std::unique_ptr<Logger> logger);

// Threads for look-ups in other words, and how many look-ups wait for one: as set, or what a 0 stands for.
std::size_t LookupThreads(const Settings& settings);
std::size_t LookupQueue(const Settings& settings);

// The one line a start prints: where it listens, where it stores, where it sends.
std::string StartupLine(const Program& program);

// The base URL at which commands on this machine reach the listener `address` (as Server::addresses gives it); "" for a unix
// socket.
std::string UrlFor(const std::string& address, bool tls);
// The base URL for admin calls among the listeners, in the order of Settings::server.listen: an admin listener before the others.
std::string AdminUrl(const Settings& settings, const std::vector<std::string>& addresses);

}  // namespace reflex::app
