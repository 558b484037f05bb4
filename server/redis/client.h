#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "redis/connection.h"
#include "redis/resp.h"
#include "redis/url.h"
#include "reflex/result.h"

namespace reflex::redis {

struct ClientOptions {
  Address address;
  std::string ca_file;                               // PEM for TLS; empty: the system's.
  std::chrono::milliseconds connect_timeout{1'000};  // Of one connection, its login included.
  std::size_t idle_connections_max = 16;             // Kept for each server.
  std::uint32_t breaker_failures = 3;                // In a row, after which calls fail at once; at least 1.
  std::chrono::milliseconds breaker_pause{500};      // Until one call tries again.
  std::vector<std::string> scripts = {};             // Loaded by each connection.
};

constexpr std::uint16_t kSlots = 16'384;
// The slot of a key in a cluster: CRC16 of what stands between the first '{' and the next '}', or of the whole key.
std::uint16_t SlotOf(std::string_view key);

// Commands that go out together.
class Batch {
 public:
  // `key`: the command's key; it says which node of a cluster the command belongs to.
  void Add(std::string_view key, std::initializer_list<std::string_view> arguments);
  std::size_t size() const { return commands_.size(); }

 private:
  friend class Client;
  struct Command {
    std::size_t begin = 0, end = 0;
    std::uint16_t slot = 0;
  };
  std::string_view BytesOf(const Command& command) const {
    return std::string_view(bytes_).substr(command.begin, command.end - command.begin);
  }

  std::string bytes_;
  std::vector<Command> commands_;
};

struct ClientStats {
  std::uint64_t round_trips = 0;
  std::uint64_t failures = 0;     // Calls that got no reply.
  std::uint64_t refused = 0;      // Calls that failed at once because the breaker was open.
  std::uint64_t connections = 0;  // Opened.
  bool open = false;              // The breaker.
};

// Calls to a Redis or Valkey: one server, a master that sentinels name, or a cluster.
//
// Operation: Run takes an idle connection or opens one, sends the batch and waits for the replies. After `breaker_failures` calls
// in a row without reply further ones fail at once; every `breaker_pause` one is let through, and its success closes the breaker. A
// master that has moved is asked for anew at its sentinels; slots that have moved (MOVED, ASK) are followed. Of several servers
// that may tell of the others each gets its part of the call's time; who answered last is asked first, who did not, last.
// Concurrency: all functions from any thread. As many connections as there are calls at a time.
// Limitations: a call that was sent and lost may have been carried out.
class Client {
 public:
  // Connects to nothing yet. Returns: kInvalidArgument, kNotFound (ca_file).
  static Result<std::unique_ptr<Client>> Create(ClientOptions options);

  // The replies, one for each command; error replies are values. Returns: kTimeout, kClosed, kProtocol, kUnavailable (refused, or
  // the breaker is open).
  Result<std::vector<Value>> Run(const Batch& batch, std::chrono::milliseconds limit);

  // The servers that take writes: one, or each node of a cluster.
  Result<std::vector<Endpoint>> Masters(std::chrono::milliseconds limit);
  // A batch for one of these servers whatever its keys; for SCAN.
  Result<std::vector<Value>> RunOn(const Endpoint& endpoint, const Batch& batch, std::chrono::milliseconds limit);
  // A connection of the caller's own.
  Result<std::unique_ptr<Connection>> OpenConnection(const Endpoint& endpoint, std::chrono::milliseconds limit);

  // Empty when all is well, else one sentence.
  std::string Trouble() const;
  ClientStats Stats() const;

 private:
  using Replies = std::vector<Value>;
  struct Group;

  Client(ClientOptions options, std::shared_ptr<const TlsContext> tls);
  Result<Replies> RunGuarded(const Batch& batch, const Endpoint* only, std::chrono::milliseconds limit);
  Result<Replies> RunOnce(const Batch& batch, const Endpoint* only, Deadline deadline, bool& reused);
  Result<Replies> FollowMoves(const Batch& batch, Replies replies, Deadline deadline);
  Result<Value> RunSingle(const Endpoint& endpoint, std::string_view command, bool asking, Deadline deadline);
  Result<std::vector<Group>> GroupsOf(const Batch& batch, const Endpoint* only, Deadline deadline);

  Result<Endpoint> MasterNow(Deadline deadline);
  Result<Endpoint> AskSentinels(Deadline deadline);
  Result<Endpoint> AskSentinel(const Endpoint& sentinel, Deadline deadline);
  Result<void> LearnSlots(Deadline deadline);
  std::vector<Endpoint> Order() const;
  void Rank(const Endpoint& server, bool answered);
  void ForgetServers();

  struct Taken {
    std::unique_ptr<Connection> connection;
    bool reused = false;
  };
  Result<Taken> Take(const Endpoint& endpoint, Deadline deadline);
  void Return(std::unique_ptr<Connection> connection);
  bool MayCall();
  void Succeeded();
  void Failed(const Error& error);

  const ClientOptions options_;
  const std::shared_ptr<const TlsContext> tls_;
  Login login_;

  mutable base::Mutex mutex_;
  std::map<Endpoint, std::vector<std::unique_ptr<Connection>>> idle_ GUARDED_BY(mutex_);
  // Sentinels, or nodes of a cluster, in the order in which they are asked for the others. Outlives ForgetServers.
  std::vector<Endpoint> order_ GUARDED_BY(mutex_);
  Endpoint master_ GUARDED_BY(mutex_);                          // Host empty: not known.
  std::vector<Endpoint> nodes_ GUARDED_BY(mutex_);              // Of a cluster; empty: not known.
  std::vector<std::uint16_t> node_of_slot_ GUARDED_BY(mutex_);  // Index into nodes_.
  std::string last_error_ GUARDED_BY(mutex_);

  // Relaxed: counters, and a breaker that may be seen a moment late.
  std::atomic<std::uint32_t> failures_in_row_{0};
  std::atomic<std::int64_t> open_until_ns_{0};  // 0: closed.
  std::atomic<std::uint64_t> round_trips_{0}, failures_{0}, refused_{0}, connections_{0};
};

}  // namespace reflex::redis
