#pragma once

#include <memory>
#include <optional>

#include "gateway/context.h"
#include "gateway/flights.h"
#include "gateway/metrics.h"
#include "http/task.h"
#include "reflex/types.h"

namespace reflex::gateway {

// A flight's right to ask the provider, where gateways share a store: one of them asks, the others wait a little for its answer.
//
// Operation: WaitForTurn once, before the call. The lease it may take is given back by GiveBack or the destructor, behind the
// answer if that was stored before. The store's trouble, a full pool and too many who wait cost a second call, never a wait.
// Concurrency: on the flight's thread; the store is asked on the worker pool.
// Limitations: a wait ends up to one look late: 50 ms and the store's own time limit.
class FlightLease {
 public:
  // Both outlive it; the destructor touches neither.
  FlightLease(Flight& flight, const Services& services) : flight_(flight), services_(services) {}

  // An answer that another gateway stored. Null: ask the provider, unless every caller has left. Does nothing where there is no
  // shared store, or for a flight that nobody may join.
  http::Task<EntryPtr> WaitForTurn();
  // Idempotent.
  void GiveBack() { held_.reset(); }

 private:
  struct Try;

  http::Task<std::optional<LeaseEnd>> Look();
  http::Task<LeaseEnd> Wait();
  bool Serves(const Entry& entry) const;

  Flight& flight_;
  const Services& services_;
  std::shared_ptr<Try> held_;
  EntryPtr found_;
};

}  // namespace reflex::gateway
