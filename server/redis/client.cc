#include "redis/client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "redis/reply.h"

namespace reflex::redis {
namespace {

// A command may move so often while a cluster is being resharded.
constexpr int kMovesMax = 4;
// A server asked for the others has at least this part of a call's time, however many there are: less may be too short to connect.
constexpr std::size_t kSharesMax = 3;

std::int64_t SteadyNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// Errors that say this server is not the one to ask now, so that it counts as away.
bool MeansAway(const Value& reply) {
  return reply.IsError("READONLY") || reply.IsError("LOADING") || reply.IsError("MASTERDOWN") || reply.IsError("CLUSTERDOWN") ||
         reply.IsError("NOSCRIPT");
}

// The time of a call, shared among servers that are asked one after the other, so that one whose packets are lost leaves some to
// the others.
class Shares {
 public:
  Shares(Deadline deadline, std::size_t servers)
      : deadline_(deadline),
        servers_left_(static_cast<std::int64_t>(servers)),
        least_((deadline - std::chrono::steady_clock::now()) / std::clamp<std::int64_t>(servers_left_, 1, kSharesMax)) {}

  // The next server's deadline; none when the time left is too short for a fair attempt, or there is no server left.
  std::optional<Deadline> Next() {
    const Deadline now = std::chrono::steady_clock::now();
    const auto left = deadline_ - now;
    if (servers_left_ == 0 || left <= left.zero() || left < least_ / 2) return std::nullopt;
    return now + std::min(left, std::max(least_, left / servers_left_--));
  }

 private:
  const Deadline deadline_;
  std::int64_t servers_left_;
  const Deadline::duration least_;
};

}  // namespace

struct Client::Group {
  Endpoint endpoint;
  std::vector<std::size_t> indices;  // Of commands in the batch.
  std::string bytes;
  std::unique_ptr<Connection> connection;
};

void Batch::Add(std::string_view key, std::initializer_list<std::string_view> arguments) {
  const std::size_t begin = bytes_.size();
  AppendCommand(arguments, bytes_);
  commands_.push_back({begin, bytes_.size(), SlotOf(key)});
}

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  if (options.address.endpoints.empty()) return Fail(ErrorCode::kInvalidArgument, "the store's address names no server");
  if (options.breaker_failures == 0) return Fail(ErrorCode::kInvalidArgument, "the breaker needs at least one failure");
  std::shared_ptr<const TlsContext> tls;
  if (options.address.tls) {
    REFLEX_TRY(tls, TlsContext::Create(options.ca_file));
  }
  return std::unique_ptr<Client>(new Client(std::move(options), std::move(tls)));
}

Client::Client(ClientOptions options, std::shared_ptr<const TlsContext> tls)
    : options_(std::move(options)), tls_(std::move(tls)), order_(options_.address.endpoints) {
  login_ = {options_.address.user, options_.address.password, options_.address.database, options_.scripts, tls_.get()};
}

Result<std::vector<Value>> Client::Run(const Batch& batch, std::chrono::milliseconds limit) {
  return RunGuarded(batch, nullptr, limit);
}

Result<std::vector<Value>> Client::RunOn(const Endpoint& endpoint, const Batch& batch, std::chrono::milliseconds limit) {
  return RunGuarded(batch, &endpoint, limit);
}

Result<Client::Replies> Client::RunGuarded(const Batch& batch, const Endpoint* only, std::chrono::milliseconds limit) {
  if (batch.size() == 0) return Replies();
  if (!MayCall()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return Fail(ErrorCode::kUnavailable, "the shared store is away: " + Trouble());
  }
  const Deadline deadline = In(limit);
  bool reused = false;
  auto replies = RunOnce(batch, only, deadline, reused);
  // A kept connection may have ended long ago; that says nothing about the server.
  if (!replies && replies.error().code == ErrorCode::kClosed && reused) {
    ForgetServers();
    replies = RunOnce(batch, only, deadline, reused);
  }
  if (replies && options_.address.topology == Topology::kCluster && only == nullptr) {
    replies = FollowMoves(batch, std::move(*replies), deadline);
  }
  if (replies) {
    const auto away = std::find_if(replies->begin(), replies->end(), MeansAway);
    if (away != replies->end()) replies = Fail(ErrorCode::kUnavailable, "the Redis server says " + away->text);
  }
  if (!replies) {
    ForgetServers();
    Failed(replies.error());
    return replies;
  }
  Succeeded();
  return replies;
}

Result<std::vector<Client::Group>> Client::GroupsOf(const Batch& batch, const Endpoint* only, Deadline deadline) {
  std::vector<Group> groups;
  if (only != nullptr || options_.address.topology != Topology::kCluster) {
    Group group;
    if (only != nullptr) {
      group.endpoint = *only;
    } else {
      REFLEX_TRY(group.endpoint, MasterNow(deadline));
    }
    group.indices.resize(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) group.indices[i] = i;
    groups.push_back(std::move(group));
    return groups;
  }
  REFLEX_CHECK(LearnSlots(deadline));
  const base::MutexLock lock(mutex_);
  if (nodes_.empty()) return Fail(ErrorCode::kUnavailable, "the cluster's nodes are not known");
  std::vector<std::size_t> group_of_node(nodes_.size(), SIZE_MAX);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const std::uint16_t node = node_of_slot_[batch.commands_[i].slot];
    if (group_of_node[node] == SIZE_MAX) {
      group_of_node[node] = groups.size();
      groups.push_back({nodes_[node], {}, {}, nullptr});
    }
    Group& group = groups[group_of_node[node]];
    group.indices.push_back(i);
    group.bytes.append(batch.BytesOf(batch.commands_[i]));
  }
  return groups;
}

Result<Client::Replies> Client::RunOnce(const Batch& batch, const Endpoint* only, Deadline deadline, bool& reused) {
  reused = false;
  REFLEX_TRY(std::vector<Group> groups, GroupsOf(batch, only, deadline));
  Replies replies(batch.size());
  // Every server has its commands before the first reply is waited for.
  for (Group& group : groups) {
    REFLEX_TRY(Taken taken, Take(group.endpoint, deadline));
    reused = reused || taken.reused;
    group.connection = std::move(taken.connection);
    REFLEX_CHECK(group.connection->Send(group.bytes.empty() ? std::string_view(batch.bytes_) : group.bytes, deadline));
  }
  for (Group& group : groups) {
    REFLEX_TRY(Replies some, group.connection->ReceiveMany(group.indices.size(), deadline));
    for (std::size_t i = 0; i < some.size(); ++i) replies[group.indices[i]] = std::move(some[i]);
    Return(std::move(group.connection));
  }
  round_trips_.fetch_add(1, std::memory_order_relaxed);
  return replies;
}

Result<Client::Replies> Client::FollowMoves(const Batch& batch, Replies replies, Deadline deadline) {
  bool moved = false;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    for (int moves = 0; moves < kMovesMax; ++moves) {
      const bool asking = replies[i].IsError("ASK ");
      if (!asking && !replies[i].IsError("MOVED ")) break;
      moved = moved || !asking;
      REFLEX_TRY(const Endpoint target, TargetOfMove(replies[i].text));
      REFLEX_TRY(replies[i], RunSingle(target, batch.BytesOf(batch.commands_[i]), asking, deadline));
    }
  }
  if (moved) {
    const base::MutexLock lock(mutex_);
    nodes_.clear();
  }
  return replies;
}

Result<Value> Client::RunSingle(const Endpoint& endpoint, std::string_view command, bool asking, Deadline deadline) {
  REFLEX_TRY(Taken taken, Take(endpoint, deadline));
  std::string bytes;
  if (asking) AppendCommand({"ASKING"}, bytes);
  bytes.append(command);
  REFLEX_TRY(Replies replies, taken.connection->Run(bytes, asking ? 2 : 1, deadline));
  Return(std::move(taken.connection));
  return std::move(replies.back());
}

Result<Endpoint> Client::MasterNow(Deadline deadline) {
  if (options_.address.topology == Topology::kSingle) return options_.address.endpoints.front();
  {
    const base::MutexLock lock(mutex_);
    if (!master_.host.empty()) return master_;
  }
  REFLEX_TRY(Endpoint master, AskSentinels(deadline));
  const base::MutexLock lock(mutex_);
  master_ = master;
  return master;
}

Result<Endpoint> Client::AskSentinels(Deadline deadline) {
  Error last{ErrorCode::kUnavailable, "no sentinel knows the master " + options_.address.master};
  const std::vector<Endpoint> sentinels = Order();
  Shares shares(deadline, sentinels.size());
  for (const Endpoint& sentinel : sentinels) {
    const auto share = shares.Next();
    if (!share) break;
    auto master = AskSentinel(sentinel, *share);
    Rank(sentinel, master.has_value());
    if (master) return master;
    last = std::move(master).error();
  }
  return std::unexpected(std::move(last));
}

Result<Endpoint> Client::AskSentinel(const Endpoint& sentinel, Deadline deadline) {
  Login login;
  login.tls = tls_.get();
  std::string command, role;
  AppendCommand({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", options_.address.master}, command);
  REFLEX_TRY(const auto connection, Connection::Open(sentinel, login, std::min(deadline, In(options_.connect_timeout))));
  REFLEX_TRY(const Replies replies, connection->Run(command, 1, deadline));
  if (!replies.front().is_array() || replies.front().items.size() != 2) {
    return Fail(ErrorCode::kUnavailable, "the sentinel " + sentinel.ToString() + " knows no master " + options_.address.master);
  }
  REFLEX_TRY(Endpoint master, EndpointOf(replies.front().items[0].text, replies.front().items[1].text));
  // A sentinel may name a server that is no master any more, or not yet.
  REFLEX_TRY(auto asked, Connection::Open(master, login_, std::min(deadline, In(options_.connect_timeout))));
  AppendCommand({"ROLE"}, role);
  REFLEX_TRY(const Replies answer, asked->Run(role, 1, deadline));
  if (!answer.front().is_array() || answer.front().items.empty() || answer.front().items[0].text != "master") {
    return Fail(ErrorCode::kUnavailable, master.ToString() + ", which the sentinels name, is no master yet");
  }
  Return(std::move(asked));
  return master;
}

Result<void> Client::LearnSlots(Deadline deadline) {
  {
    const base::MutexLock lock(mutex_);
    if (!nodes_.empty()) return {};
  }
  Error last{ErrorCode::kUnavailable, "no node of the cluster tells its slots"};
  std::string command;
  AppendCommand({"CLUSTER", "SLOTS"}, command);
  const std::vector<Endpoint> ask = Order();
  Shares shares(deadline, ask.size());
  for (const Endpoint& node : ask) {
    const auto share = shares.Next();
    if (!share) break;
    auto connection = Connection::Open(node, login_, std::min(*share, In(options_.connect_timeout)));
    auto replies = connection ? (*connection)->Run(command, 1, *share) : std::unexpected(connection.error());
    auto map = replies ? SlotMapOf(replies->front(), node.host) : std::unexpected(replies.error());
    if (!map) {
      Rank(node, false);
      last = std::move(map).error();
      continue;
    }
    const base::MutexLock lock(mutex_);
    nodes_ = std::move(map->nodes);
    node_of_slot_ = std::move(map->node_of_slot);
    // Next time who answered, then all nodes of now, as those of the address may be gone, then those, as all others may.
    std::vector<Endpoint> more = nodes_;
    more.insert(more.end(), options_.address.endpoints.begin(), options_.address.endpoints.end());
    order_ = {node};
    for (Endpoint& one : more) {
      if (std::find(order_.begin(), order_.end(), one) == order_.end()) order_.push_back(std::move(one));
    }
    return {};
  }
  return std::unexpected(std::move(last));
}

std::vector<Endpoint> Client::Order() const {
  const base::MutexLock lock(mutex_);
  return order_;
}

void Client::Rank(const Endpoint& server, bool answered) {
  const base::MutexLock lock(mutex_);
  const auto at = std::find(order_.begin(), order_.end(), server);
  if (at == order_.end()) return;
  if (answered) std::rotate(order_.begin(), at, at + 1);
  if (!answered) std::rotate(at, at + 1, order_.end());
}

Result<std::vector<Endpoint>> Client::Masters(std::chrono::milliseconds limit) {
  const Deadline deadline = In(limit);
  if (options_.address.topology != Topology::kCluster) {
    REFLEX_TRY(Endpoint master, MasterNow(deadline));
    return std::vector<Endpoint>{std::move(master)};
  }
  REFLEX_CHECK(LearnSlots(deadline));
  const base::MutexLock lock(mutex_);
  return nodes_;
}

Result<std::unique_ptr<Connection>> Client::OpenConnection(const Endpoint& endpoint, std::chrono::milliseconds limit) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  return Connection::Open(endpoint, login_, In(limit));
}

Result<Client::Taken> Client::Take(const Endpoint& endpoint, Deadline deadline) {
  {
    const base::MutexLock lock(mutex_);
    auto& idle = idle_[endpoint];
    if (!idle.empty()) {
      Taken taken{std::move(idle.back()), true};
      idle.pop_back();
      return taken;
    }
  }
  connections_.fetch_add(1, std::memory_order_relaxed);
  REFLEX_TRY(std::unique_ptr<Connection> fresh,
             Connection::Open(endpoint, login_, std::min(deadline, In(options_.connect_timeout))));
  return Taken{std::move(fresh), false};
}

void Client::Return(std::unique_ptr<Connection> connection) {
  const base::MutexLock lock(mutex_);
  auto& idle = idle_[connection->endpoint()];
  if (idle.size() < options_.idle_connections_max) idle.push_back(std::move(connection));
}

void Client::ForgetServers() {
  std::map<Endpoint, std::vector<std::unique_ptr<Connection>>> closing;  // Closed without the lock.
  const base::MutexLock lock(mutex_);
  closing.swap(idle_);
  master_ = {};
  nodes_.clear();
}

bool Client::MayCall() {
  std::int64_t until = open_until_ns_.load(std::memory_order_relaxed);
  if (until == 0) return true;
  const std::int64_t now = SteadyNs();
  // One caller moves the time on and tries; the others see the new time.
  return now >= until && open_until_ns_.compare_exchange_strong(
                             until, now + std::chrono::nanoseconds(options_.breaker_pause).count(), std::memory_order_relaxed);
}

void Client::Succeeded() {
  failures_in_row_.store(0, std::memory_order_relaxed);
  if (open_until_ns_.load(std::memory_order_relaxed) != 0) open_until_ns_.store(0, std::memory_order_relaxed);
}

void Client::Failed(const Error& error) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  {
    const base::MutexLock lock(mutex_);
    last_error_ = error.message;
  }
  if (failures_in_row_.fetch_add(1, std::memory_order_relaxed) + 1 < options_.breaker_failures) return;
  open_until_ns_.store(SteadyNs() + std::chrono::nanoseconds(options_.breaker_pause).count(), std::memory_order_relaxed);
}

std::string Client::Trouble() const {
  if (open_until_ns_.load(std::memory_order_relaxed) == 0) return {};
  const base::MutexLock lock(mutex_);
  return last_error_;
}

ClientStats Client::Stats() const {
  return {round_trips_.load(std::memory_order_relaxed), failures_.load(std::memory_order_relaxed),
          refused_.load(std::memory_order_relaxed), connections_.load(std::memory_order_relaxed),
          open_until_ns_.load(std::memory_order_relaxed) != 0};
}

}  // namespace reflex::redis
