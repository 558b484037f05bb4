#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "redis/options.h"
#include "reflex/call_leases.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::redis {

struct RedisStoreParts;

// An EntryStore in a Redis or Valkey server that several processes share: what one stores, all find.
//
// Operation: a look-up is one round trip, with the number of purges asked for beside it, so that a purge is obeyed by every process
// from its next look-up on. Put, Erase and PutVector queue; one thread sends what waits in one round trip. What this process put or
// erased it sees at once, others when it was sent: milliseconds later. Purge, Clear and notes are sent before the call returns.
// Every value that comes back is checked: version, checksums, key. Entries live as long as they say (PEXPIRE); OnRemoved is not
// called for those that expire, nor for what other processes remove. Opening does not need the server: until it is there, look-ups
// fail and what is put waits.
// Concurrency: all functions from any thread; they block for at most their time limit. Three threads of its own: writer, sweeper,
// listener.
// Limitations: EraseIf, CountPurge and VisitScopes walk through the whole store. An entry that two processes store at the same time
// is the one of the later. Erasures and leases that wait are lost with the process; a lease then ends with its life.
class RedisStore final : public EntryStore, public CallLeases {
 public:
  // `clock` and `logger` outlive it. Returns: kInvalidArgument (prefix, limits), kNotFound (the file of certificates).
  static Result<std::unique_ptr<RedisStore>> Open(RedisStoreOptions options, Clock& clock, Logger& logger);
  // Sends what waits, for at most two seconds.
  ~RedisStore() override;

  // All look-ups also return: kTimeout, kClosed, kProtocol.
  Result<EntryPtr> Find(const Digest& key) override;
  Result<std::vector<EntryPtr>> FindMany(std::span<const Digest> keys) override;
  Result<std::vector<EntryPtr>> FindHeads(std::span<const Digest> keys) override;
  std::size_t KeysAtOnce() const override { return kKeysMax; }
  bool IsShared() const override { return true; }
  bool FindsInPlace() const override { return false; }
  Result<void> Put(EntryPtr entry) override;
  Result<void> Erase(const Digest& key) override;
  Result<void> Clear() override;
  Result<std::uint64_t> EraseIf(const Condemn& condemn) override;
  Result<void> Flush(std::chrono::milliseconds limit) override;
  Result<std::vector<ScopeMember>> FindScope(const Digest& scope, std::size_t limit) override;
  Result<std::vector<Digest>> FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) override;
  Result<EntryPtr> FindHead(const Digest& key) override;
  Result<EntryPtr> FindHeadByLabel(std::uint64_t label) override;
  Result<void> PutVector(const Digest& key, std::string bytes) override;
  Result<std::string> FindVector(const Digest& key) override;
  Result<std::vector<std::string>> FindVectors(std::span<const Digest> keys) override;
  bool ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) override;
  void ReadVectorsByLabel(std::span<const std::uint64_t> labels, const ReadVector& read) override;
  Result<void> VisitScopes(const VisitMember& visit) override;
  void SetOnRemoved(OnRemoved on_removed) override;
  void SetOnNotice(OnNotice on_notice) override;
  Result<void> Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) override;
  Result<std::uint64_t> CountPurge(const PurgeRule& rule) override;
  Result<void> PutNote(std::string_view key, std::string value) override;
  Result<std::string> FindNote(std::string_view key) override;
  Result<void> EraseNote(std::string_view key) override;
  Result<void> VisitNotes(std::string_view prefix, const VisitNote& visit) override;
  StoreStats Stats() const override;
  StoreHealth Health() const override;

  // What gateways on one store must agree on; see docs/redis.md. Takes `own` (32 bytes) into the store if it holds none, and
  // returns what it holds then. Returns: kUnavailable, kTimeout; kCorrupt when the store's is damaged.
  Result<std::string> ExchangeSecret(const std::string& own);
  // Leaves or compares a check value made from the secret, which does not give it away. Returns: kInvalidArgument when the store
  // belongs to gateways with another secret; kUnavailable, kTimeout.
  Result<void> CheckSecret(const std::string& secret);

  // GiveLeaseBack queues, like Put.
  Result<std::string> TakeLease(const Digest& key, std::chrono::milliseconds life) override;
  void GiveLeaseBack(const Digest& key, std::string token) override;

  ClientStats client_stats() const;

 private:
  explicit RedisStore(std::unique_ptr<RedisStoreParts> parts);
  Result<std::vector<ScopeMember>> Members(const Digest& scope, std::string_view low, std::string_view high, std::size_t limit,
                                           const std::function<bool(const Entry&)>& belongs);
  std::unique_ptr<RedisStoreParts> parts_;
};

}  // namespace reflex::redis
