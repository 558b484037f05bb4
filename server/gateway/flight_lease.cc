#include "gateway/flight_lease.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "gateway/policy.h"
#include "http/io_thread.h"
#include "reflex/cache.h"
#include "reflex/call_leases.h"

namespace reflex::gateway {
namespace {

using std::chrono::milliseconds;

// Between two looks: short at first, for answers that are nearly there; then no more than the store and the pool bear from all who
// may wait (Flights::kWaitingMax).
constexpr milliseconds kFirstPause{10};
constexpr milliseconds kPauseMax{50};

}  // namespace

// One look at the shared store: may we ask, and has another answered? Whoever drops it last gives the lease back, be it the worker
// whose flight is gone.
struct FlightLease::Try {
  Try(CallLeases& their_leases, const Flight& flight) : leases(their_leases), key(flight.flight_key), entry_key(flight.exact_key) {}
  ~Try() {
    if (!token.empty()) leases.GiveLeaseBack(key, std::move(token));
  }
  Try(const Try&) = delete;
  Try& operator=(const Try&) = delete;

  // The look comes behind the lease: an answer is stored before its lease is given back, so who gets it then has missed none.
  void Run(Cache& cache, milliseconds life) {
    auto taken = leases.TakeLease(key, life);
    if (!taken) return;
    answered = true;
    token = std::move(*taken);
    found = cache.FindInStore(entry_key);
  }

  CallLeases& leases;
  const Digest key, entry_key;
  bool answered = false;  // The store was there.
  std::string token;      // Empty: another has the lease.
  EntryPtr found;
};

http::Task<EntryPtr> FlightLease::WaitForTurn() {
  if (services_.parts.leases == nullptr || !flight_.listed) co_return nullptr;
  std::optional<LeaseEnd> end = LeaseEnd::kFailed;
  if (!flight_.store_is_away) end = co_await Look();
  if (!end) {
    if (services_.flights.BeginWait()) {
      end = co_await Wait();
      services_.flights.EndWait();
    } else {
      end = LeaseEnd::kBusy;
    }
  }
  services_.metrics.CountLease(*end);
  co_return std::move(found_);
}

// Nullopt: another has the lease and no answer is there yet.
http::Task<std::optional<LeaseEnd>> FlightLease::Look() {
  auto made = std::make_shared<Try>(*services_.parts.leases, flight_);
  std::function<void()> work = [made, &cache = *services_.parts.cache, life = services_.options.lease_life] {
    made->Run(cache, life);
  };
  if (!co_await http::RunOnPool(flight_.home, *services_.parts.pool, std::move(work))) co_return LeaseEnd::kBusy;
  if (!made->answered) co_return LeaseEnd::kFailed;
  if (made->found != nullptr && Serves(*made->found)) {
    found_ = std::move(made->found);
    co_return LeaseEnd::kAnswer;
  }
  if (made->token.empty()) co_return std::nullopt;
  held_ = std::move(made);
  co_return LeaseEnd::kTaken;
}

// Asks for the lease with every look: whoever had it may have failed, and then nobody's answer will come.
http::Task<LeaseEnd> FlightLease::Wait() {
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kPauseMax)) {
    const std::int64_t left_ns = flight_.wait_until_ns.load(std::memory_order_relaxed) - services_.parts.clock->SteadyNs();
    if (left_ns <= 0) co_return LeaseEnd::kLimit;
    const auto left = std::chrono::ceil<milliseconds>(std::chrono::nanoseconds(left_ns));
    co_await http::Sleep(flight_.home, std::min(pause, left));
    if (flight_.reply.abandoned()) co_return LeaseEnd::kLeft;
    const std::optional<LeaseEnd> end = co_await Look();
    if (end) co_return *end;
    if (flight_.reply.abandoned()) co_return LeaseEnd::kLeft;
  }
}

// For the caller who started the flight; those who joined judge for themselves.
bool FlightLease::Serves(const Entry& entry) const {
  const std::int64_t now_ms = services_.parts.clock->WallMs();
  return Judge(flight_.ages, entry.created_ms, entry.expires_ms, now_ms) == Freshness::kFresh;
}

}  // namespace reflex::gateway
