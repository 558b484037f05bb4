#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "gateway/flight_reply.h"
#include "gateway/policy.h"
#include "gateway/semantic_lookup.h"
#include "http/client.h"
#include "http/io_thread.h"
#include "reflex/types.h"
#include "upstream/upstream.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// One upstream call and what its answer is stored under. The call is a coroutine of its own on `home` (flight_call.h); callers on
// any thread share it through `reply`.
struct Flight {
  Flight(http::IoThread& home_thread, std::uint64_t shared_bytes_max) : home(home_thread), reply(shared_bytes_max) {}

  // Set before the flight is shared, constant from then on.
  http::IoThread& home;
  Digest flight_key;  // FlightKey.
  Digest exact_key;
  wire::ChatRequest request;
  std::string usage_refusal_name;  // See UsageRefusalName.
  bool usage_refused = false;      // Was, lately, and the starter wants none: the call does not ask.
  std::size_t body_hash = 0;       // Of the bytes that are sent; where it is listed.
  upstream::Provider provider = upstream::Provider::kOpenAi;
  std::chrono::seconds ttl{0};
  std::string name_space;
  std::vector<std::string> tags;
  SemanticQuestion asked;      // What the answer is filed under, beside its key; scope all zero: nothing else.
  std::uint64_t epoch = 0;     // The cache's, from before the call.
  bool listed = false;         // In the table of flights.
  bool store_is_away = false;  // The look-up failed: it is not asked for a lease either.
  CachePolicy ages;            // How old a stored answer may be; nothing else of it is set.

  FlightReply reply;

  // Until when the flight may wait for another gateway's answer, on Clock::SteadyNs; relaxed. A caller who joins may shorten it.
  std::atomic<std::int64_t> wait_until_ns{0};
  void WaitAtMostUntil(std::int64_t steady_ns) {
    std::int64_t until = wait_until_ns.load(std::memory_order_relaxed);
    while (steady_ns < until && !wait_until_ns.compare_exchange_weak(until, steady_ns, std::memory_order_relaxed)) {
    }
  }

  // On `home` only.
  http::CallHandle handle;
  bool asking = false;              // Waits for the head: `handle` cancels.
  upstream::Reply* live = nullptr;  // While its body is read.
};

// Stops the flight's call, from any thread.
void CancelFlight(std::shared_ptr<Flight> flight);

// The flights that others may join, by flight key, and how many calls run. Thread-safe; a lock for each shard, held for a look
// only.
class Flights {
 public:
  // A power of two.
  explicit Flights(std::size_t shards = 64);

  struct Found {
    std::shared_ptr<Flight> flight;
    bool started = false;  // It is the one handed in: the caller starts its call.
    EntryPtr stored;       // Neither: `look` found this.
  };
  // Joins `reader` to the flight of mine.flight_key, or lists `mine` with it. A flight from before a purge is left to its callers.
  // `look` asks memory once more, under the shard's lock and before anybody can join: a flight is taken out after its answer was
  // stored, so where none is listed that look misses nothing. It takes the memory tier's lock inside this one, never the reverse.
  Found JoinOrStart(const std::shared_ptr<Flight>& mine, const FlightReply::ReaderPtr& reader,
                    const std::function<EntryPtr()>& look);
  // Takes the flight out, if it is in.
  void Remove(const Flight& flight);

  // Upstream calls that run, listed or not.
  void CallStarted() { running_.fetch_add(1, std::memory_order_relaxed); }
  void CallEnded() { running_.fetch_sub(1, std::memory_order_relaxed); }
  std::size_t running() const { return running_.load(std::memory_order_relaxed); }

  // Flights that wait for another gateway's answer. Each asks the store twenty times a second, so no more than kWaitingMax may:
  // false, and no EndWait, for those beyond.
  static constexpr std::size_t kWaitingMax = 200;
  bool BeginWait();
  void EndWait() { waiting_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  struct Shard {
    base::Mutex mutex;
    std::unordered_map<Digest, std::shared_ptr<Flight>, DigestHash> flights GUARDED_BY(mutex);
  };
  Shard& ShardOf(const Digest& key) { return shards_[key.bytes[31] & (shards_.size() - 1)]; }

  std::vector<Shard> shards_;
  std::atomic<std::size_t> running_{0};  // Relaxed: a number to look at.
  std::atomic<std::size_t> waiting_{0};  // Relaxed: a bound.
};

}  // namespace reflex::gateway
