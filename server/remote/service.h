#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "http/client.h"
#include "http/io_thread.h"
#include "http/task.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "remote/breaker.h"

namespace reflex::remote {

// The I/O thread of all remote parts. Declared before the services that use it, destroyed after them.
class Line {
 public:
  Line();
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

 private:
  friend class Service;
  http::IoThread io_;
  std::thread thread_;
};

struct ServiceOptions {
  std::string name = {};  // For metrics, logs and /ready: "qdrant", "embedder", "reranker".
  http::BaseUrl base = {};
  std::string key_header = {};                  // "api-key", or "Authorization"; empty without `key`.
  std::string key = {};                         // The header's whole value; a secret.
  std::string ca_file = {};                     // PEM; empty: the system's.
  std::uint32_t calls_max = 64;                 // At once; beyond: kBusy.
  std::uint64_t reply_bytes_max = 64ull << 20;  // Beyond: kTooLarge.
  BreakerOptions breaker = {};
};

// A call. `target` is put behind the base URL's path.
struct ServiceCall {
  std::string method = "POST";
  std::string target = {};
  std::string body = {};  // JSON; empty: no body.
};

struct ServiceReply {
  int status = 0;
  std::string body;
};

// One HTTP service on another machine, called from any thread. Thread-safe.
//
// Operation: bounded calls, each with a time limit; a breaker in front of them; what happened is counted by service and outcome. A
// reply is whatever has a status: the caller judges it, and says with `Judge` what the service itself cannot tell. Failures for the
// breaker are: no connection, time over, cut off, no HTTP, status 5xx and 429, and a reply that its judge refused. Concurrency: the
// work is done on the line's thread; Call blocks its caller, Start does not. Limitations: a reply is held whole; nothing is retried
// except as http::Client does.
class Service {
 public:
  // Looks at a reply with a status below 400 before it counts as good: an error makes it a failure of the service (kProtocol).
  using Judge = std::function<Result<void>(const ServiceReply& reply)>;
  // Called once, on the line's thread or the caller's: must be quick.
  using Done = std::function<void(Result<ServiceReply> reply)>;

  struct Parts {
    Line& line;
    base::WorkerPool& pool;  // Resolves names.
    base::MetricsRegistry& metrics;
    const Clock& clock;
    Logger& logger;
  };
  // All parts outlive the service. Returns: kNotFound, kInvalidArgument (ca_file).
  static Result<std::unique_ptr<Service>> Create(ServiceOptions options, Parts parts);
  // Calls that wait end with kCancelled, before it returns. Not from a `Done`.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Makes a call and waits for its reply, at most `limit`; to the millisecond, whatever the service does.
  // Returns: the reply, any status below 400; kInvalidArgument (status 400 to 499 but 401, 403, 408, 413 and 429), kTooLarge (413,
  // or a reply over the limit), kUnavailable (no connection, 401, 403, 5xx, 429, or calls are stopped: the message says which),
  // kTimeout (limit, 408), kBusy (calls_max), kProtocol (no HTTP, or what the judge refused), kClosed, kCancelled.
  Result<ServiceReply> Call(ServiceCall call, std::chrono::nanoseconds limit, Judge judge = {});
  // The same without waiting. The limit is kept within 200 ms.
  void Start(ServiceCall call, std::chrono::nanoseconds limit, Judge judge, Done done);

  // Empty when all is well, else one sentence for /ready: "qdrant: no answer since …".
  std::string Degraded() const;
  const std::string& name() const;
  const http::BaseUrl& base() const;

 private:
  struct State;
  struct Running;
  explicit Service(std::shared_ptr<State> state);
  static http::Task<void> Run(std::shared_ptr<State> state, std::shared_ptr<Running> running);
  static http::Task<Result<ServiceReply>> Exchange(State& state, Running& running);
  static void Finish(State& state, Running& running, Result<ServiceReply> result);

  const std::shared_ptr<State> state_;
};

// What a service says when it refuses: its own words where the reply is one of the known forms ({"status":{"error"}}, {"error"},
// {"error":{"message"}}, {"message"}, {"detail"}), else the start of the body; at most 200 bytes, one line.
std::string RefusalText(const ServiceReply& reply);

}  // namespace reflex::remote
