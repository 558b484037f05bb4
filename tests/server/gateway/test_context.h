#pragma once

#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "fakes/manual_clock.h"
#include "gateway/audit.h"
#include "gateway/client_keys.h"
#include "gateway/context.h"
#include "gateway/flights.h"
#include "gateway/metrics.h"
#include "gateway/semantic_hits.h"
#include "gateway/store_lookups.h"
#include "gateway/tenant.h"
#include "gateway/thread_state.h"
#include "gateway/usage_refusals.h"
#include "http/exchange.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/logger.h"

// What tests of single parts of the gateway need: a request without a socket and everything a context refers to.
namespace reflex::gateway::testing {

using fakes::ManualClock;

// A request that is in memory, and the reply the handler sends to it.
class MemoryExchange final : public http::Exchange {
 public:
  MemoryExchange(http::IoThread& io, std::string_view method, std::string_view target,
                 std::vector<std::pair<std::string, std::string>> headers = {}, std::string body = {})
      : io_(io), body_(std::move(body)) {
    head_.method = Keep(method);
    head_.target = Keep(target);
    const std::size_t question = head_.target.find('?');
    head_.path = head_.target.substr(0, question);
    if (question != std::string_view::npos) head_.query = head_.target.substr(question + 1);
    for (auto& [name, value] : headers) head_.headers.push_back({Keep(name), Keep(value)});
    head_.host = http::FindHeader(head_.headers, "host") != nullptr ? head_.header("host") : "127.0.0.1:8080";
    if (!body_.empty()) head_.content_length = body_.size();
  }

  const http::RequestHead& request() const override { return head_; }
  http::IoThread& io() override { return io_; }
  std::string_view peer() const override { return "127.0.0.1"; }
  bool admin_listener() const override { return admin; }
  http::Task<Result<std::string_view>> ReadBody() override { co_return std::string_view(body_); }
  http::Task<Result<std::string_view>> ReadSome() override { co_return std::string_view(); }
  http::Task<Result<void>> Send(const http::ReplyHead& head, std::span<const std::string_view> pieces) override {
    status = head.status;
    for (const http::Header& field : head.headers) fields.emplace(Lower(field.name), field.value);
    for (std::string_view piece : pieces) sent.append(piece);
    ++replies;
    co_return Result<void>();
  }
  http::Task<Result<void>> Begin(const http::ReplyHead&, std::optional<std::uint64_t>) override { co_return Unsupported(); }
  http::Task<Result<void>> Write(std::span<const std::string_view>) override { co_return Unsupported(); }
  http::Task<Result<void>> Flush() override { co_return Unsupported(); }
  http::Task<Result<void>> End() override { co_return Unsupported(); }
  void Abort() override {}
  bool begun() const override { return replies != 0; }
  std::uint64_t bytes_sent() const override { return sent.size(); }
  std::string_view request_bytes() const override { return {}; }
  void OnDisconnect(std::function<void()>) override {}
  http::Task<Result<void>> Tunnel(http::ClientReply&) override { co_return Unsupported(); }

  // The reply's field, "" where it is missing.
  std::string Field(const std::string& lower_name) const {
    const auto found = fields.find(lower_name);
    return found == fields.end() ? "" : found->second;
  }

  bool admin = false;
  int minor_version() const { return head_.minor_version; }
  http::RequestHead& mutable_head() { return head_; }

  int status = 0;
  int replies = 0;
  std::multimap<std::string, std::string> fields;
  std::string sent;

 private:
  static std::unexpected<Error> Unsupported() { return Fail(ErrorCode::kUnsupported, "only whole replies"); }
  static std::string Lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower;
  }
  std::string_view Keep(std::string_view text) { return texts_.emplace_back(text); }

  http::IoThread& io_;
  std::deque<std::string> texts_;
  std::string body_;
  http::RequestHead head_;
};

// A provider table and nothing behind it: the parts under test never call.
class NoUpstream final : public upstream::Upstream {
 public:
  http::Task<Result<std::unique_ptr<upstream::Reply>>> Send(const upstream::Call&, http::CallHandle*) override {
    co_return Fail(ErrorCode::kUnavailable, "no provider in this test");
  }
  const upstream::ProviderTable& providers() const override { return table; }
  upstream::ProviderTable table;
};

// Everything the contexts of a test refer to, with an I/O thread that runs. Change `options`, `upstream` and `keys_file` first,
// then call Start.
class World {
 public:
  World() {
    options.tenant_secret = std::string(32, 's');
    options.admin_token = "let-me-in";
  }
  ~World() {
    if (!thread_.joinable()) return;
    io.Stop();
    thread_.join();
  }

  // `store` may be null.
  void Start(std::unique_ptr<EntryStore> store = nullptr) {
    cache = *Cache::Create(MemoryOptions{}, std::move(store), clock, logger);
    parts.cache = cache.get();
    parts.pool = &pool;
    parts.threads = {&io};
    parts.upstreams = {&upstream};
    parts.metrics = &registry;
    parts.clock = &clock;
    parts.logger = &logger;
    parts.readiness = &readiness;
    state.io = &io;
    state.upstream = &upstream;
    tenants = std::make_unique<TenantHasher>(options);
    client_keys = *ClientKeys::Open(options.client_keys_file, parts.threads);
    metrics = std::make_unique<GatewayMetrics>(registry, *cache, clock, parts.semantic);
    store_lookups = std::make_unique<StoreLookups>(*cache, pool);
    services = std::make_unique<Services>(Services{options, parts, *tenants, *client_keys, *metrics, flights, usage_refusals,
                                                   semantic_hits, *store_lookups, audits, states});
    thread_ = std::thread([this] { io.Run(); });
  }

  RequestContext Context(http::Exchange& exchange) {
    return RequestContext{.exchange = exchange, .services = *services, .thread = state, .started_ns = clock.SteadyNs()};
  }

  // Runs what `make` returns on the I/O thread, to its end.
  void Run(std::function<http::Task<void>()> make) {
    std::promise<void> done;
    io.Post([&] { io.Spawn(RunThen(make, done)); });
    done.get_future().wait();
  }

  GatewayOptions options;
  NoUpstream upstream;
  ManualClock clock;
  NullLogger logger;
  Readiness readiness;
  base::MetricsRegistry registry;
  std::unique_ptr<Cache> cache;
  base::WorkerPool pool{1, 16, 0};
  http::IoThread io;
  ThreadState state{1 << 20};
  std::unique_ptr<StoreLookups> store_lookups;
  Flights flights;
  UsageRefusals usage_refusals;
  SemanticHits semantic_hits;
  Audits audits{options.audits};
  std::vector<std::unique_ptr<ThreadState>> states;
  GatewayParts parts;
  std::unique_ptr<TenantHasher> tenants;
  std::unique_ptr<ClientKeys> client_keys;
  std::unique_ptr<GatewayMetrics> metrics;
  std::unique_ptr<Services> services;

 private:
  static http::Task<void> RunThen(const std::function<http::Task<void>()>& make, std::promise<void>& done) {
    co_await make();
    done.set_value();
  }

  std::thread thread_;
};

}  // namespace reflex::gateway::testing
