#include "redis/writer.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace reflex::redis {
namespace {

constexpr std::size_t kChangesInOneTrip = 256;
constexpr std::chrono::milliseconds kIdle{1'000};
constexpr std::chrono::milliseconds kRetryWrite{100};

}  // namespace

Writer::Writer(StoreParts& parts) : parts_(parts), encoder_(parts.options.zstd_level), thread_([this] { Run(); }) {}

Writer::~Writer() {
  parts_.queue.Stop();
  thread_.join();
}

void Writer::Run() {
  while (!parts_.queue.stopped()) {
    std::vector<Change> changes = parts_.queue.Take(kChangesInOneTrip, kIdle, parts_.options.linger);
    while (!changes.empty() && !Commit(changes) && !parts_.queue.stopped()) parts_.queue.Pause(kRetryWrite);
    // Stopped in trouble: what was taken is lost, and who waits in Flush learns it by Stop.
    if (!changes.empty()) parts_.queue.Done(changes);
  }
}

bool Writer::IsTooOld(const Change& change) const {
  // Cleared while it waited.
  if (change.kind == Change::Kind::kPut && change.stamp < parts_.purges.Look()->cleared) return true;
  return change.kind != Change::Kind::kErase && std::chrono::steady_clock::now() - change.queued > parts_.options.queue_age_max;
}

void Writer::Drop(const Change& change) {
  if (change.kind == Change::Kind::kPut) parts_.puts_dropped.Add();
}

// What is dropped is done with at once; true when nothing is left to do.
bool Writer::Commit(std::vector<Change>& changes) {
  std::vector<Change> dropped;
  const auto old = std::partition(changes.begin(), changes.end(), [this](const Change& c) { return !IsTooOld(c); });
  std::move(old, changes.end(), std::back_inserter(dropped));
  changes.erase(old, changes.end());
  for (const Change& change : dropped) Drop(change);
  if (!dropped.empty()) parts_.queue.Done(dropped);
  if (changes.empty()) return true;

  const std::shared_ptr<const Purges> purges = parts_.purges.Look();
  Batch batch;
  std::vector<std::size_t> reply_of;
  for (const Change& change : changes) {
    reply_of.push_back(batch.size());
    AddTo(batch, change, *purges);
  }
  std::vector<Value> replies;
  if (batch.size() > 0) {
    auto sent = parts_.client->Run(batch, parts_.options.write_timeout);
    if (!sent) return false;
    replies = std::move(*sent);
  }
  changes = Follow(changes, replies, reply_of);
  return changes.empty();
}

void Writer::AddTo(Batch& batch, const Change& change, const Purges& purges) {
  if (change.kind == Change::Kind::kGiveBack) return;  // Behind what is stored here: see Follow.
  const std::string name = parts_.keys.EntryOf(change.key), field = FieldOf(change.key);
  if (change.kind == Change::Kind::kErase) {
    batch.Add(name, {"EVALSHA", parts_.scripts.erase.sha, "1", name, field});
    return;
  }
  if (change.kind == Change::Kind::kVector) {
    const std::string sealed = Sealed(field, change.vector);
    batch.Add(name, {"EVALSHA", parts_.scripts.put_vector.sha, "1", name, field, sealed, std::to_string(purges.cleared)});
    return;
  }
  const Entry& entry = *change.entry;
  const StoredEntry stored = EncodeStored(entry, encoder_.Encode(entry), change.stamp);
  const std::string life = std::to_string(std::max<std::int64_t>(1, entry.expires_ms - parts_.clock.WallMs()));
  batch.Add(name, {"EVALSHA", parts_.scripts.put.sha, "1", name, field, stored.head, stored.body, stored.place, life,
                   std::to_string(purges.cleared)});
  if (entry.scope == Digest{}) return;
  const std::string scope = parts_.keys.ScopeOf(purges.cleared, entry.scope);
  batch.Add(scope, {"EVALSHA", parts_.scripts.add_member.sha, "1", scope, EncodeMember({entry.key, entry.canonical}), life});
}

// The second round trip: members that are none any more leave their scope, the number of entries moves, and leases are given back
// now that whoever takes them next finds what was stored. What is returned is still to do: leases, when that round trip fails.
std::vector<Change> Writer::Follow(const std::vector<Change>& changes, const std::vector<Value>& replies,
                                   const std::vector<std::size_t>& reply_of) {
  const std::uint64_t cleared = parts_.purges.Look()->cleared;
  std::vector<std::pair<Digest, Digest>> gone;
  std::int64_t more = 0;
  bool full = false, stored = false;
  Batch batch;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    if (change.kind == Change::Kind::kGiveBack) {
      const std::string lease = parts_.keys.LeaseOf(change.key);
      batch.Add(lease, {"EVALSHA", parts_.scripts.release.sha, "1", lease, change.token});
      continue;
    }
    const Value& reply = replies[reply_of[i]];
    if (reply.is_error()) {
      parts_.write_errors.Add();
      full = full || reply.IsError("OOM");
      Drop(change);
      continue;
    }
    if (change.kind == Change::Kind::kVector) continue;
    const auto before = reply.is_string() ? DecodePlace(reply.text) : std::nullopt;
    const bool put = change.kind == Change::Kind::kPut;
    stored = stored || put;
    if (put) parts_.puts.Add();
    if (before && before->stamp < cleared) continue;
    more += (put ? 1 : 0) - (before ? 1 : 0);
    if (!before || before->scope == Digest{}) continue;
    if (put && before->scope == change.entry->scope && before->canonical == change.entry->canonical) continue;
    const std::string scope = parts_.keys.ScopeOf(cleared, before->scope);
    batch.Add(scope, {"ZREM", scope, EncodeMember({change.key, before->canonical})});
    if (!put || before->scope != change.entry->scope) gone.emplace_back(before->scope, change.key);
  }
  if (full || stored) parts_.full.store(full, std::memory_order_relaxed);
  const std::string count = parts_.keys.Count();
  batch.Add(count, {"INCRBY", count, std::to_string(more)});
  // Members that stay behind when this fails are found dead by look-ups and collected by the sweep.
  const auto followed = parts_.client->Run(batch, parts_.options.write_timeout);
  if (followed && followed->back().is_integer()) {
    parts_.entries.store(followed->back().integer, std::memory_order_relaxed);
    parts_.commits.Add();
  }
  std::vector<Change> done, left;
  for (const Change& change : changes) {
    (followed || change.kind != Change::Kind::kGiveBack ? done : left).push_back(change);
  }
  // Before those who wait in Flush go on.
  for (const auto& [scope, key] : gone) parts_.TellRemoved(scope, key);
  parts_.queue.Done(done);
  return left;
}

}  // namespace reflex::redis
