#include "redis/tracker.h"

#include <algorithm>
#include <string>
#include <utility>

namespace reflex::redis {
namespace {

// A line that says nothing to a PING for so long is dead; together below the second within which a purge must be everywhere.
constexpr std::chrono::milliseconds kAsk{300}, kDead{800};
// The thread looks after its end, and after the other lines, so often.
constexpr std::chrono::milliseconds kListen{100}, kListenToEach{10};
constexpr std::chrono::milliseconds kRetryListen{250};
// A cluster may get masters that no line leads to.
constexpr std::chrono::milliseconds kLookForMasters{1'000};

}  // namespace

Tracker::Tracker(StoreParts& parts) : parts_(parts), thread_([this] { Run(); }) {}

Tracker::~Tracker() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void Tracker::Run() {
  SetBlind(true);
  while (!stopping_.load(std::memory_order_relaxed)) {
    auto lines = OpenAll();
    if (!lines) {
      parts_.queue.Pause(kRetryListen);
      continue;
    }
    // What changed while nobody listened is not known.
    if (!parts_.ReloadPurges()) {
      parts_.queue.Pause(kRetryListen);
      continue;
    }
    SetBlind(false);
    Result<void> listening;
    Deadline look = In(kLookForMasters);
    while (listening && !stopping_.load(std::memory_order_relaxed)) {
      for (Line& line : *lines) {
        listening = Listen(line, lines->size() == 1 ? kListen : kListenToEach);
        if (!listening) break;
      }
      if (!listening || std::chrono::steady_clock::now() < look) continue;
      if (!LeadToAllMasters(*lines)) break;
      look = In(kLookForMasters);
    }
    if (!stopping_.load(std::memory_order_relaxed)) SetBlind(true);
  }
}

Result<std::vector<Tracker::Line>> Tracker::OpenAll() {
  REFLEX_TRY(const std::vector<Endpoint> masters, parts_.client->Masters(parts_.options.write_timeout));
  std::string command;
  AppendCommand({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", parts_.keys.EntriesPrefix(), "PREFIX", parts_.keys.Rules()},
                command);
  std::vector<Line> lines;
  for (const Endpoint& master : masters) {
    REFLEX_TRY(std::unique_ptr<Connection> connection, parts_.client->OpenConnection(master, kDead));
    REFLEX_TRY(const std::vector<Value> replies, connection->Run(command, 1, In(kDead)));
    if (replies.front().is_error()) return std::unexpected(ErrorFrom(replies.front()));
    const Deadline now = std::chrono::steady_clock::now();
    lines.push_back({std::move(connection), now, now});
  }
  return lines;
}

bool Tracker::LeadToAllMasters(const std::vector<Line>& lines) {
  // Nobody listens meanwhile: so not for long, and not while a line is so quiet that its death would be noticed later.
  const Deadline now = std::chrono::steady_clock::now();
  for (const Line& line : lines) {
    if (now - line.heard > kDead - 2 * kListen) return true;
  }
  // When nobody tells, the lines themselves say whether their servers are there.
  auto masters = parts_.client->Masters(kListen);
  if (!masters) return true;
  std::vector<Endpoint> tracked;
  for (const Line& line : lines) tracked.push_back(line.connection->endpoint());
  std::sort(tracked.begin(), tracked.end());
  std::sort(masters->begin(), masters->end());
  return tracked == *masters;
}

Result<void> Tracker::Listen(Line& line, std::chrono::milliseconds limit) {
  const Deadline now = std::chrono::steady_clock::now();
  if (now - line.heard > kDead) return Fail(ErrorCode::kTimeout, "the server says nothing any more");
  if (now - line.asked > kAsk) {
    std::string ping;
    AppendCommand({"PING"}, ping);
    REFLEX_CHECK(line.connection->Send(ping, In(kDead)));
    line.asked = now;
  }
  const Deadline end = now + limit;
  while (true) {
    auto reply = line.connection->Receive(end);
    if (!reply) return reply.error().code == ErrorCode::kTimeout ? Result<void>() : std::unexpected(reply.error());
    line.heard = std::chrono::steady_clock::now();
    if (reply->kind == Value::Kind::kPush) Read(*reply);
    if (line.heard >= end) return {};
  }
}

void Tracker::Read(const Value& push) {
  if (push.items.size() != 2 || push.items[0].text != "invalidate") return;
  if (push.items[1].is_null()) {  // The server was emptied.
    if (parts_.ReloadPurges()) parts_.Tell({StoreNotice::Kind::kAll, 0});
    return;
  }
  for (const Value& name : push.items[1].items) {
    if (const auto label = parts_.keys.LabelOfEntry(name.text)) {
      parts_.Tell({StoreNotice::Kind::kEntry, *label});
    } else if (name.text == parts_.keys.Rules()) {
      // Tells of what is new; of this process's own purge it has told already.
      if (!parts_.ReloadPurges()) parts_.Tell({StoreNotice::Kind::kPurge, 0});
    }
  }
}

void Tracker::SetBlind(bool blind) {
  parts_.blind.store(blind, std::memory_order_relaxed);
  parts_.Tell({blind ? StoreNotice::Kind::kBlind : StoreNotice::Kind::kAll, 0});
}

}  // namespace reflex::redis
