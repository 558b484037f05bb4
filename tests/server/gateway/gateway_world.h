#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "fake_exchange.h"
#include "fake_tier.h"
#include "fake_upstream.h"
#include "gateway/gateway.h"
#include "http/io_thread.h"
#include "reflex/cache.h"
#include "reflex/call_leases.h"
#include "reflex/clock.h"
#include "reflex/logger.h"

namespace reflex::gateway::testing {

// Wall time is moved by hand; steady time runs, and can be moved ahead.
class WallByHand final : public Clock {
 public:
  std::int64_t WallMs() const override { return wall_ms.load(); }
  std::int64_t SteadyNs() const override { return system_.SteadyNs() + ahead_ns.load(); }
  std::atomic<std::int64_t> wall_ms{1'800'000'000'000};
  std::atomic<std::int64_t> ahead_ns{0};

 private:
  SystemClock system_;
};

using ExchangePtr = std::shared_ptr<FakeExchange>;

// A whole gateway with a cache in memory, its I/O threads running, and a fake provider behind it. Change `options` and
// `provider.table`, then Start.
class GatewayWorld {
 public:
  explicit GatewayWorld(std::size_t threads = 1) : thread_count_(threads) { options.tenant_secret = std::string(32, 's'); }
  ~GatewayWorld();

  void Start(std::unique_ptr<EntryStore> store = nullptr);

  // Starts a request; the caller waits on the exchange.
  ExchangePtr Ask(Request request, std::size_t thread = 0);
  ExchangePtr Run(Request request, std::size_t thread = 0);  // Ask and wait for the end.
  // The two halves of Ask, for what must be set in between.
  ExchangePtr Prepare(Request request, std::size_t thread = 0);
  void Handle(const ExchangePtr& exchange);
  // Until no upstream call runs.
  void WaitForNoFlights();
  // Until everything posted to the thread so far has run.
  void Settle(std::size_t thread = 0);
  // The value of a metric without labels, or with exactly these.
  double Metric(std::string_view name) const;

  GatewayOptions options;
  FakeProvider provider;
  WallByHand clock;
  NullLogger logger;
  Readiness readiness;
  FakeTier tier;
  bool semantic = false;  // Before Start: the gateway has `tier`.
  CompareAnswers compare_answers;
  CallLeases* leases = nullptr;  // Before Start: the store is shared. Outlives the world.
  base::MetricsRegistry registry;
  std::unique_ptr<Cache> cache;
  std::unique_ptr<Gateway> gateway;

 private:
  const std::size_t thread_count_;
  std::unique_ptr<base::WorkerPool> pool_ = std::make_unique<base::WorkerPool>(2, 64, 0);
  std::vector<std::unique_ptr<http::IoThread>> threads_;
  std::vector<std::unique_ptr<FakeUpstream>> upstreams_;
  std::vector<std::thread> runners_;
};

// {"model":"m","messages":[{"role":"user","content":QUESTION}]EXTRA}; EXTRA starts with a comma where it is not empty.
std::string ChatBody(std::string_view question, std::string_view extra = {});
Request Chat(std::string_view question, std::string_view extra = {});
Request StreamChat(std::string_view question, std::string_view extra = {});

// A complete plain answer with this content.
std::string PlainAnswer(std::string_view content, std::string_view id = "chatcmpl-provider");
// The events of a complete streamed answer, one for each word, [DONE] last. With usage: as a provider that was asked for it.
std::vector<std::string> AnswerEvents(const std::vector<std::string>& words, bool usage);
// What a client gets of them: all data joined in `content` of the choices; and the data of the events.
std::string ContentOf(std::string_view events);
std::vector<std::string> DataOf(std::string_view events);
std::string ContentOfPlain(std::string_view json);

}  // namespace reflex::gateway::testing
