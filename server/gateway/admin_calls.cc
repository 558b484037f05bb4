#include "gateway/admin_calls.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/digest.h"
#include "gateway/errors.h"
#include "gateway/flights.h"
#include "gateway/metrics.h"
#include "gateway/on_pool.h"
#include "gateway/purge_request.h"
#include "reflex/cache.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

constexpr std::string_view kRoot = "/v1/reflex/";
constexpr std::string_view kEntries = "entries/";
constexpr std::string_view kLoad = "snapshots/load/";

void AppendMember(std::string_view name, std::uint64_t value, std::string& out) {
  if (!out.ends_with('{')) out.push_back(',');
  out.append("\"").append(name).append("\":").append(std::to_string(value));
}

void OpenMember(std::string_view name, std::string& out) {
  if (!out.ends_with('{')) out.push_back(',');
  out.append("\"").append(name).append("\":{");
}

void AppendStoreStats(const CacheStats& stats, std::string& out) {
  const StoreStats& store = stats.store;
  OpenMember("store", out);
  const std::pair<std::string_view, std::uint64_t> members[] = {{"hits", stats.store_hits},
                                                                {"entries", store.entries},
                                                                {"used_bytes", store.used_bytes},
                                                                {"limit_bytes", store.limit_bytes},
                                                                {"file_bytes", store.file_bytes},
                                                                {"queue_bytes", store.queue_bytes},
                                                                {"puts", store.puts},
                                                                {"puts_dropped", store.puts_dropped},
                                                                {"commits", store.commits},
                                                                {"evictions", store.evictions},
                                                                {"expirations", store.expirations},
                                                                {"corrupt_values", store.corrupt_values},
                                                                {"write_errors", store.write_errors}};
  for (const auto& [name, value] : members) AppendMember(name, value, out);
  out.push_back('}');
}

// Thread-safe: only counters are read.
std::string StatsJson(const Services& services) {
  const GatewayMetrics& metrics = services.metrics;
  const CacheStats stats = services.parts.cache->Stats();
  std::string out = "{";
  OpenMember("requests", out);
  for (const Outcome outcome : {Outcome::kHit, Outcome::kCanonical, Outcome::kVerified, Outcome::kMiss, Outcome::kRefresh,
                                Outcome::kBypass, Outcome::kError, Outcome::kOwn}) {
    AppendMember(Name(outcome), metrics.requests(outcome), out);
  }
  out.push_back('}');
  AppendMember("joined", metrics.joined(), out);
  AppendMember("upstream_calls_running", services.flights.running(), out);
  OpenMember("saved_tokens", out);
  AppendMember("input", metrics.saved_input_tokens(), out);
  AppendMember("output", metrics.saved_output_tokens(), out);
  out.push_back('}');
  OpenMember("memory", out);
  AppendMember("hits", stats.memory_hits, out);
  AppendMember("entries", stats.memory_entries, out);
  AppendMember("bytes", stats.memory_bytes, out);
  AppendMember("evictions", stats.memory_evictions, out);
  out.push_back('}');
  if (services.parts.cache->has_store()) {
    AppendStoreStats(stats, out);
    out.append(",\"store_degraded\":");
    wire::AppendJsonString(services.parts.cache->Health().degraded, out);
  }
  out.push_back('}');
  return out;
}

Problem StoreFailed(const Error& error) {
  return MakeProblem(503, wire::reason::kInternal, "store_failed", "memory is clean, but the store is not: " + error.message);
}

Problem BadAdminRequest(int status, std::string message) {
  if (status == 413) return MakeProblem(status, wire::reason::kTooLarge, "request_too_large", std::move(message));
  return MakeProblem(status, wire::reason::kBadRequest, "invalid_request", std::move(message));
}

Problem SnapshotFailed(const Error& error) {
  Problem problem;
  problem.type = "server_error";
  problem.code = "snapshot_failed";
  problem.reason = error.code == ErrorCode::kBusy ? wire::reason::kBusy : wire::reason::kInternal;
  problem.status = error.code == ErrorCode::kBusy              ? 409
                   : error.code == ErrorCode::kNotFound        ? 404
                   : error.code == ErrorCode::kInvalidArgument ? 400
                                                               : 503;
  problem.message = error.message;
  return problem;
}

http::Task<void> UnknownPath(RequestContext& context) {
  return SendProblem(
      context, MakeProblem(404, wire::reason::kNotFound, "unknown_url", "there is no such admin call; docs/admin.md lists them"));
}

http::Task<void> SendStats(RequestContext& context) {
  std::string text;
  const Services* const services = &context.services;
  std::function<void()> work = [&text, services] { text = StatsJson(*services); };
  if (!co_await RunBorrowing(context.exchange.io(), *context.services.parts.pool, std::move(work))) {
    Problem problem = PoolIsFull();
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  const OwnReply reply{.body = text};
  co_await SendOwn(context, reply);
}

// Runs on the pool: a snapshot takes seconds to minutes.
http::Task<void> SendSnapshots(RequestContext& context, std::function<Result<std::string>()> call) {
  Result<std::string> page = Fail(ErrorCode::kUnavailable, "there is no store to take a snapshot of");
  std::function<void()> work = [&page, &call] {
    if (call) page = call();
  };
  if (!co_await RunBorrowing(context.exchange.io(), *context.services.parts.pool, std::move(work))) {
    Problem problem = PoolIsFull();
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  if (!page) {
    Problem problem = SnapshotFailed(page.error());
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  const OwnReply reply{.body = *page};
  co_await SendOwn(context, reply);
}

http::Task<void> HandleSnapshots(RequestContext& context, std::string_view name) {
  const GatewayParts& parts = context.services.parts;
  const std::string_view method = context.head().method;
  if (!name.empty()) {
    if (method != "POST") return SendMethodNotAllowed(context, "POST");
    return SendSnapshots(context, [load = parts.load_snapshot, name = std::string(name)]() -> Result<std::string> {
      if (!load) return Fail(ErrorCode::kUnavailable, "there is no store to load a snapshot into");
      return load(name == "newest" ? "" : name);
    });
  }
  if (method == "POST") return SendSnapshots(context, parts.save_snapshot);
  if (method == "GET" || method == "HEAD") return SendSnapshots(context, parts.list_snapshots);
  return SendMethodNotAllowed(context, "GET, HEAD, POST");
}

http::Task<void> EraseEntry(RequestContext& context, std::string_view hex) {
  const Result<Digest> key = base::DigestFromHex(hex);
  if (!key) {
    Problem problem = BadAdminRequest(400, "the entry's name is what X-Reflex-Entry said: " + key.error().message);
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  const Digest digest = *key;
  Result<void> erased;
  Cache* const cache = context.services.parts.cache;
  std::function<void()> work = [&erased, cache, digest] { erased = cache->Erase(digest); };
  const bool ran = co_await RunBorrowing(context.exchange.io(), *context.services.parts.pool, std::move(work));
  if (!ran || !erased) {
    Problem problem = ran ? StoreFailed(erased.error()) : PoolIsFull();
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  const std::string body = "{\"erased\":\"" + base::ToHex(digest) + "\"}";
  const OwnReply reply{.body = body};
  co_await SendOwn(context, reply);
}

// Entries in store or memory, whichever holds all of them.
std::uint64_t EntryCount(const Cache& cache) {
  const CacheStats stats = cache.Stats();
  return cache.has_store() ? std::max(stats.store.entries, stats.memory_entries) : stats.memory_entries;
}

// How many entries a purge would take from memory alone.
Result<std::uint64_t> CountInMemory(Cache& cache, const PurgeRule& rule) {
  std::atomic<std::uint64_t> entries{0};
  const auto shown = cache.EraseIf([&](const Entry& entry) {
    if (rule.Matches(entry)) ++entries;
    return false;
  });
  if (!shown) return std::unexpected(shown.error());
  return entries.load();
}

Result<std::uint64_t> CountOne(Cache& cache, const Digest& key) {
  if (!cache.has_store()) return cache.FindInMemory(key) != nullptr ? 1 : 0;
  const Result<EntryPtr> head = cache.store()->FindHead(key);
  if (!head) return std::unexpected(head.error());
  return *head != nullptr ? 1 : 0;
}

// Blocks.
Result<std::uint64_t> CountPurge(Cache& cache, const PurgeRequest& request, std::int64_t now_ms) {
  if (request.all) return EntryCount(cache);
  if (request.entry) return CountOne(cache, *request.entry);
  const PurgeRule rule = request.Rule(now_ms);
  return cache.has_store() ? cache.store()->CountPurge(rule) : CountInMemory(cache, rule);
}

// What a purge that goes on behind tells its reply.
struct PurgeCount {
  std::atomic<bool> known{false};  // Release: `entries` is set.
  std::atomic<std::uint64_t> entries{0};

  void Set(std::uint64_t count) {
    entries.store(count, std::memory_order_relaxed);
    known.store(true, std::memory_order_release);
  }
};

// Look-ups obey when it returns; `count` is set then or later, and `counted` called. `semantic` may be null.
Result<void> RunPurge(Cache& cache, SemanticTier* semantic, const PurgeRequest& request, std::int64_t now_ms,
                      const std::shared_ptr<PurgeCount>& count, const std::function<void()>& counted) {
  if (!request.all && !request.entry) {
    const PurgeRule rule = request.Rule(now_ms);
    REFLEX_CHECK(cache.Purge(rule, [count, counted](std::uint64_t removed) {
      count->Set(removed);
      counted();
    }));
    if (semantic != nullptr) semantic->Purged(rule);
    return {};
  }
  REFLEX_TRY(const std::uint64_t entries, CountPurge(cache, request, now_ms));
  REFLEX_CHECK(request.all ? cache.Clear() : cache.Erase(*request.entry));
  if (request.all && semantic != nullptr) {
    PurgeRule everything;
    everything.before_ms = now_ms;
    semantic->Purged(everything);
  }
  count->Set(entries);
  counted();
  return {};
}

// How long a purge's reply waits for the number.
constexpr std::chrono::seconds kCountWait{1};

std::string PurgePage(const PurgeCount& count, bool dry_run) {
  const bool known = count.known.load(std::memory_order_acquire);
  const std::string entries = known ? std::to_string(count.entries.load(std::memory_order_relaxed)) : "null";
  std::string out = "{\"entries\":" + entries;
  if (!dry_run) out.append(",\"erased\":").append(entries);
  out.append(",\"dry_run\":").append(dry_run ? "true" : "false").append("}");
  return out;
}

http::Task<void> Purge(RequestContext& context) {
  const Result<std::string_view> body = co_await context.exchange.ReadBody();
  if (!body) {
    Problem problem = ProblemFor(body.error(), Side::kClient);
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  context.bytes_in = body->size();
  const Result<PurgeRequest> request = ParsePurgeRequest(*body);
  if (!request) {
    Problem problem = BadAdminRequest(request.error().code == ErrorCode::kTooLarge ? 413 : 400, request.error().message);
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  const auto count = std::make_shared<PurgeCount>();
  http::Signal counted(context.exchange.io());
  Result<void> done;
  std::function<void()> work = [&, cache = context.services.parts.cache, semantic = context.services.parts.semantic,
                                notify = counted.Notifier()] {
    // Not while it waited for its turn: what was stored meanwhile goes too.
    const std::int64_t now_ms = context.services.parts.clock->WallMs();
    if (!request->dry_run) {
      done = RunPurge(*cache, semantic, *request, now_ms, count, notify);
    } else if (const auto entries = CountPurge(*cache, *request, now_ms)) {
      count->Set(*entries);
    } else {
      done = std::unexpected(entries.error());
    }
  };
  const bool ran = co_await RunBorrowing(context.exchange.io(), *context.services.parts.pool, std::move(work));
  if (!ran || !done) {
    Problem problem = ran ? StoreFailed(done.error()) : PoolIsFull();
    co_await SendProblem(context, std::move(problem));
    co_return;
  }
  const http::SteadyTime limit = context.exchange.io().now() + kCountWait;
  while (!count->known.load(std::memory_order_acquire) && co_await counted.Wait(limit)) {
  }
  const std::string text = PurgePage(*count, request->dry_run);
  const OwnReply reply{.body = text};
  co_await SendOwn(context, reply);
}

}  // namespace

http::Task<void> HandleAdminCall(RequestContext& context) {
  const std::string_view method = context.head().method;
  const std::string_view path = context.head().path;
  const std::string_view call = path.size() > kRoot.size() ? path.substr(kRoot.size()) : std::string_view();
  if (call == "stats") {
    return method == "GET" || method == "HEAD" ? SendStats(context) : SendMethodNotAllowed(context, "GET, HEAD");
  }
  if (call.starts_with(kEntries)) {
    return method == "DELETE" ? EraseEntry(context, call.substr(kEntries.size())) : SendMethodNotAllowed(context, "DELETE");
  }
  if (call == "snapshots") return HandleSnapshots(context, {});
  if (call.starts_with(kLoad)) return HandleSnapshots(context, call.substr(kLoad.size()));
  if (call == "purge") return method == "POST" ? Purge(context) : SendMethodNotAllowed(context, "POST");
  return UnknownPath(context);
}

}  // namespace reflex::gateway
