#include "gateway/flights.h"

#include <cassert>
#include <utility>

namespace reflex::gateway {

void CancelFlight(std::shared_ptr<Flight> flight) {
  http::IoThread& home = flight->home;
  home.Post([flight = std::move(flight)] {
    if (flight->live != nullptr) {
      flight->live->Cancel();
    } else if (flight->asking) {
      flight->handle.Cancel();
    }
  });
}

Flights::Flights(std::size_t shards) : shards_(shards) { assert((shards & (shards - 1)) == 0 && shards <= 256); }

Flights::Found Flights::JoinOrStart(const std::shared_ptr<Flight>& mine, const FlightReply::ReaderPtr& reader,
                                    const std::function<EntryPtr()>& look) {
  // Before it is listed: a caller that joins and leaves at once must not find it empty and abandon it.
  const bool fresh_reply = mine->reply.Join(reader);
  assert(fresh_reply);
  static_cast<void>(fresh_reply);
  Shard& shard = ShardOf(mine->flight_key);
  for (;;) {
    std::shared_ptr<Flight> other;
    {
      base::MutexLock lock(shard.mutex);
      auto [at, fresh] = shard.flights.try_emplace(mine->flight_key, mine);
      if (!fresh && at->second->epoch != mine->epoch) {
        at->second = mine;
        fresh = true;
      }
      if (!fresh) {
        other = at->second;
      } else if (EntryPtr stored = look()) {
        shard.flights.erase(at);
        return {nullptr, false, std::move(stored)};
      }
    }
    if (other == nullptr) return {mine, true, nullptr};
    if (other->reply.Join(reader)) return {std::move(other), false, nullptr};
    Remove(*other);  // It ended badly, was abandoned or outgrew sharing: the next one starts over.
  }
}

bool Flights::BeginWait() {
  if (waiting_.fetch_add(1, std::memory_order_relaxed) < kWaitingMax) return true;
  EndWait();
  return false;
}

void Flights::Remove(const Flight& flight) {
  Shard& shard = ShardOf(flight.flight_key);
  std::shared_ptr<Flight> removed;  // Destroyed after the lock is gone.
  base::MutexLock lock(shard.mutex);
  const auto at = shard.flights.find(flight.flight_key);
  if (at == shard.flights.end() || at->second.get() != &flight) return;
  removed = std::move(at->second);
  shard.flights.erase(at);
}

}  // namespace reflex::gateway
