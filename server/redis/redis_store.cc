#include "redis/redis_store.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "base/digest.h"
#include "redis/redis_store_parts.h"
#include "redis/scan.h"
#include "store/limits.h"

namespace reflex::redis {
namespace {

constexpr std::chrono::milliseconds kLastFlush{2'000};
constexpr std::size_t kTokenBytes = 16;

Result<void> CheckOptions(const RedisStoreOptions& options) {
  const bool plain = std::all_of(options.prefix.begin(), options.prefix.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (options.prefix.empty() || options.prefix.size() > 64 || !plain) {
    return Fail(ErrorCode::kInvalidArgument,
                "the prefix of the store's keys is '" + options.prefix + "'; allowed: 1 to 64 characters of A-Z a-z 0-9 . _ -");
  }
  if (options.lookup_timeout.count() < 1 || options.write_timeout.count() < 1) {
    return Fail(ErrorCode::kInvalidArgument, "time limits of the shared store must be at least 1 ms");
  }
  if (options.queue_age_max > std::chrono::milliseconds(30'000)) {
    return Fail(ErrorCode::kInvalidArgument, "an answer may wait for the shared store for at most 30 s");
  }
  return {};
}

// One round trip for many keys, of whole entries or of heads.
struct LookUp {
  std::function<EntryPtr(const EntryPtr& pending)> shape;
  std::function<void(Batch& batch, const std::string& name, const std::string& field)> ask;
  // Nothing where the server has no such entry.
  std::function<std::optional<Result<Stamped>>(const Digest& key, const Value& reply)> read;

  Result<std::vector<EntryPtr>> Run(RedisStoreParts& parts, std::span<const Digest> keys) const;

 private:
  // What waits for the server, as of `purges`: null where it was erased or is hidden.
  EntryPtr Waiting(const WriteQueue::Pending& pending, const Purges& purges) const {
    return pending.entry == nullptr || purges.Hides(*pending.entry, pending.stamp) ? nullptr : shape(pending.entry);
  }
};

Result<std::vector<EntryPtr>> LookUp::Run(RedisStoreParts& parts, std::span<const Digest> keys) const {
  std::vector<EntryPtr> entries(keys.size());
  std::vector<std::size_t> asked;
  const std::shared_ptr<const Purges> now = parts.purges.Look();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto pending = parts.queue.Find(keys[i]);
    if (!pending) asked.push_back(i);
    if (pending) entries[i] = Waiting(*pending, *now);
  }
  if (asked.empty()) return entries;
  REFLEX_TRY(StoreParts::Looked looked, parts.Look([&](Batch& batch, const Purges&) {
    for (const std::size_t i : asked) ask(batch, parts.keys.EntryOf(keys[i]), FieldOf(keys[i]));
  }));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Value& reply = looked.replies[i];
    if (reply.IsError("WRONGTYPE")) {  // Somebody else's key; the others of this round trip are as good as ever.
      (void)parts.Admit(Fail(ErrorCode::kCorrupt, "the Redis server says " + reply.text), *looked.purges);
      continue;
    }
    if (reply.is_error()) return std::unexpected(ErrorFrom(reply));
    if (auto decoded = read(keys[asked[i]], reply)) entries[asked[i]] = parts.Admit(std::move(*decoded), *looked.purges);
  }
  // Put or erased here while the server was asked: a call that erased may have returned before this one began to ask.
  for (const std::size_t i : asked) {
    if (const auto pending = parts.queue.Find(keys[i])) entries[i] = Waiting(*pending, *looked.purges);
  }
  return entries;
}

// Sets the key where nobody has yet, and returns what it holds then.
Result<std::string> FirstOf(RedisStoreParts& parts, const std::string& name, const std::string& value) {
  Batch batch;
  batch.Add(name, {"SET", name, value, "NX"});
  batch.Add(name, {"GET", name});
  REFLEX_TRY(std::vector<Value> replies, parts.client->Run(batch, parts.options.write_timeout));
  for (const Value& reply : replies) {
    if (reply.is_error()) return std::unexpected(ErrorFrom(reply));
  }
  return std::move(replies.back().text);
}

}  // namespace

Result<std::unique_ptr<RedisStore>> RedisStore::Open(RedisStoreOptions options, Clock& clock, Logger& logger) {
  REFLEX_CHECK(CheckOptions(options));
  auto parts = std::make_unique<RedisStoreParts>(options, clock, logger);
  ClientOptions client = options.client;
  client.scripts = parts->scripts.Texts();
  REFLEX_TRY(parts->client, Client::Create(std::move(client)));
  // The purges in force, if the server is there; else with the first look-up.
  if (auto loaded = parts->ReloadPurges(); !loaded) {
    logger.Log(LogLevel::kWarning, "shared_store away=true error=\"" + loaded.error().message + "\"");
  }
  parts->writer = std::make_unique<Writer>(*parts);
  parts->sweeper = std::make_unique<Sweeper>(*parts);
  return std::unique_ptr<RedisStore>(new RedisStore(std::move(parts)));
}

RedisStore::RedisStore(std::unique_ptr<RedisStoreParts> parts) : parts_(std::move(parts)) {}

RedisStore::~RedisStore() {
  (void)parts_->queue.Flush(kLastFlush);
  parts_->queue.Stop();
  parts_->tracker.reset();
  parts_->sweeper.reset();
  parts_->writer.reset();
}

Result<EntryPtr> RedisStore::Find(const Digest& key) {
  REFLEX_TRY(std::vector<EntryPtr> found, FindMany({&key, 1}));
  return std::move(found.front());
}

Result<std::vector<EntryPtr>> RedisStore::FindMany(std::span<const Digest> keys) {
  REFLEX_CHECK(CheckKeys(keys.size()));
  LookUp lookup;
  lookup.shape = [](const EntryPtr& entry) { return entry; };
  lookup.ask = [](Batch& batch, const std::string& name, const std::string& field) {
    batch.Add(name, {"HMGET", name, "h" + field, "b" + field});
  };
  lookup.read = [](const Digest& key, const Value& reply) -> std::optional<Result<Stamped>> {
    if (reply.items.size() != 2 || !reply.items[0].is_string() || !reply.items[1].is_string()) return std::nullopt;
    return DecodeStored(key, reply.items[0].text, reply.items[1].text);
  };
  return lookup.Run(*parts_, keys);
}

Result<EntryPtr> RedisStore::FindHead(const Digest& key) {
  REFLEX_TRY(std::vector<EntryPtr> found, FindHeads({&key, 1}));
  return std::move(found.front());
}

Result<std::vector<EntryPtr>> RedisStore::FindHeads(std::span<const Digest> keys) {
  REFLEX_CHECK(CheckKeys(keys.size()));
  LookUp lookup;
  lookup.shape = [](const EntryPtr& entry) { return store::HeadOf(*entry); };
  lookup.ask = [](Batch& batch, const std::string& name, const std::string& field) {
    batch.Add(name, {"HGET", name, "h" + field});
  };
  lookup.read = [](const Digest& key, const Value& reply) -> std::optional<Result<Stamped>> {
    if (!reply.is_string()) return std::nullopt;
    return DecodeStoredHead(key, reply.text);
  };
  return lookup.Run(*parts_, keys);
}

Result<EntryPtr> RedisStore::FindHeadByLabel(std::uint64_t label) {
  const std::string name = parts_->keys.EntryOf(label);
  REFLEX_TRY(StoreParts::Looked looked, parts_->Look([&](Batch& batch, const Purges&) {
    batch.Add(name, {"EVALSHA", parts_->scripts.heads.sha, "1", name});
  }));
  if (looked.replies.front().is_error()) return std::unexpected(ErrorFrom(looked.replies.front()));
  EntryPtr lowest;
  if (const auto pending = parts_->queue.FindLabel(label); pending && !looked.purges->Hides(*pending->entry, pending->stamp)) {
    lowest = store::HeadOf(*pending->entry);
  }
  for (Met& met : MetFrom(*parts_, label, looked.replies.front())) {
    if (looked.purges->Hides(*met.head, met.stamp) || parts_->queue.Find(met.key)) continue;
    if (lowest == nullptr || met.key < lowest->key) lowest = std::move(met.head);
  }
  return lowest;
}

Result<void> RedisStore::Put(EntryPtr entry) {
  // Before the queue: what is put after a purge returned is stamped with it.
  const std::uint64_t stamp = parts_->purges.Look()->generation;
  if (entry->MemoryBytes() > parts_->options.queue_bytes / 2) {
    parts_->puts_dropped.Add();
    return Fail(ErrorCode::kTooLarge, "an entry of " + std::to_string(entry->MemoryBytes()) + " bytes is too large for the store");
  }
  const Digest key = entry->key;
  auto added = parts_->queue.Add({.kind = Change::Kind::kPut, .key = key, .entry = std::move(entry), .stamp = stamp});
  if (!added) parts_->puts_dropped.Add();
  return added;
}

Result<void> RedisStore::Erase(const Digest& key) { return parts_->queue.Add({.kind = Change::Kind::kErase, .key = key}); }

Result<void> RedisStore::Clear() {
  const std::string rules = parts_->keys.Rules(), count = parts_->keys.Count();
  Batch batch;
  batch.Add(rules, {"EVALSHA", parts_->scripts.clear.sha, "2", rules, count, std::to_string(parts_->purges.Highest())});
  REFLEX_TRY(const Value reply, parts_->Ask(batch, parts_->options.write_timeout));
  if (reply.is_integer() && reply.integer > 0) parts_->purges.See(static_cast<std::uint64_t>(reply.integer));
  REFLEX_CHECK(parts_->ReloadPurges());
  parts_->entries.store(0, std::memory_order_relaxed);
  parts_->sweeper->AddClear();
  return {};
}

Result<std::uint64_t> RedisStore::EraseIf(const Condemn& condemn) {
  // Entries on their way would be missed.
  (void)parts_->queue.Flush(parts_->options.write_timeout);
  std::uint64_t erased = 0;
  REFLEX_CHECK(ScanEntries(*parts_, false, [&](std::vector<Met>& page) -> Result<bool> {
    std::erase_if(page, [&](const Met& met) { return !condemn(*met.head); });
    REFLEX_TRY(const std::uint64_t removed, RemoveMet(*parts_, page));
    erased += removed;
    return true;
  }));
  return erased;
}

Result<void> RedisStore::Flush(std::chrono::milliseconds limit) { return parts_->queue.Flush(limit); }

Result<void> RedisStore::Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) {
  const std::string rules = parts_->keys.Rules();
  Batch batch;
  batch.Add(rules,
            {"EVALSHA", parts_->scripts.purge.sha, "1", rules, ConditionsOf(rule), std::to_string(rule.before_ms),
             std::to_string(parts_->clock.WallMs()), std::to_string(parts_->purges.Highest()), std::to_string(store::kRulesMax)});
  REFLEX_TRY(const Value reply, parts_->Ask(batch, parts_->options.write_timeout));
  if (!reply.is_integer()) return Fail(ErrorCode::kProtocol, "the Redis server answers a purge with no number");
  if (reply.integer < 0) return Fail(ErrorCode::kFull, "more than 1000 purges are at work");
  parts_->purges.See(static_cast<std::uint64_t>(reply.integer));
  REFLEX_CHECK(parts_->ReloadPurges());
  parts_->sweeper->Add(static_cast<std::uint64_t>(reply.integer), rule, std::move(removed));
  return {};
}

Result<std::uint64_t> RedisStore::CountPurge(const PurgeRule& rule) {
  (void)parts_->queue.Flush(parts_->options.write_timeout);
  std::uint64_t count = 0;
  REFLEX_CHECK(ScanEntries(*parts_, false, [&](std::vector<Met>& page) -> Result<bool> {
    count += static_cast<std::uint64_t>(
        std::count_if(page.begin(), page.end(), [&](const Met& met) { return rule.Matches(*met.head); }));
    return true;
  }));
  return count;
}

void RedisStore::SetOnRemoved(OnRemoved on_removed) { parts_->on_removed = std::move(on_removed); }

void RedisStore::SetOnNotice(OnNotice on_notice) {
  {
    base::MutexLock lock(parts_->notice_mutex);
    parts_->on_notice = std::move(on_notice);
  }
  if (parts_->options.track) parts_->tracker = std::make_unique<Tracker>(*parts_);
}

StoreStats RedisStore::Stats() const {
  StoreStats stats;
  stats.entries = static_cast<std::uint64_t>(std::max<std::int64_t>(0, parts_->entries.load(std::memory_order_relaxed)));
  stats.used_bytes = parts_->used_bytes.load(std::memory_order_relaxed);
  stats.limit_bytes = parts_->limit_bytes.load(std::memory_order_relaxed);
  stats.puts = parts_->puts.Value();
  stats.puts_dropped = parts_->puts_dropped.Value();
  stats.commits = parts_->commits.Value();
  stats.corrupt_values = parts_->corrupt_values.Value();
  stats.write_errors = parts_->write_errors.Value();
  stats.queue_bytes = parts_->queue.bytes();
  return stats;
}

StoreHealth RedisStore::Health() const {
  if (const std::string trouble = parts_->client->Trouble(); !trouble.empty()) return {"the shared store is away: " + trouble};
  if (parts_->full.load(std::memory_order_relaxed)) return {"the shared store has no memory left for new answers"};
  if (parts_->tracker != nullptr && parts_->blind.load(std::memory_order_relaxed)) {
    return {"the shared store does not tell of changes, so no copy in memory is used"};
  }
  return {};
}

ClientStats RedisStore::client_stats() const { return parts_->client->Stats(); }

// ---- What gateways agree on.

Result<std::string> RedisStore::ExchangeSecret(const std::string& own) {
  const std::string name = parts_->keys.Secret();
  REFLEX_TRY(const std::string held, FirstOf(*parts_, name, Sealed("tenant secret", own)));
  const auto secret = Opened("tenant secret", held);
  if (!secret) return Fail(ErrorCode::kCorrupt, "the tenant secret in the shared store, key " + name + ", is damaged");
  return std::string(*secret);
}

Result<void> RedisStore::CheckSecret(const std::string& secret) {
  const std::string check = base::ToHex(base::HmacKey(secret).Sign("reflex shared store, tenant secret, check value 1"));
  REFLEX_TRY(const std::string held, FirstOf(*parts_, parts_->keys.SecretCheck(), check));
  if (base::EqualSecrets(held, check)) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "this gateway's tenant secret is not that of the other gateways on the shared store, so it would share nothing with "
              "them; give all the same REFLEX_TENANT_SECRET_FILE, or none, or another prefix");
}

Result<std::string> RedisStore::TakeLease(const Digest& key, std::chrono::milliseconds life) {
  std::array<std::uint8_t, kTokenBytes> random;
  base::RandomBytes(random);
  std::string token = base::ToHex(random);
  const std::string name = parts_->keys.LeaseOf(key);
  Batch batch;
  batch.Add(name, {"SET", name, token, "NX", "PX", std::to_string(std::max<std::int64_t>(1, life.count()))});
  batch.Add(name, {"GET", name});
  const auto replies = parts_->client->Run(batch, parts_->options.lookup_timeout);
  if (!replies) {
    // Sent and not answered: it may be taken, and then nobody would ask for as long as it lives.
    const bool sent = replies.error().code == ErrorCode::kTimeout || replies.error().code == ErrorCode::kClosed;
    if (sent) GiveLeaseBack(key, std::move(token));
    return std::unexpected(replies.error());
  }
  if (replies->front().is_error()) return std::unexpected(ErrorFrom(replies->front()));
  // A batch whose connection ended may have been carried out and is sent again: then it finds our own lease.
  return !replies->front().is_null() || replies->back().text == token ? token : std::string();
}

void RedisStore::GiveLeaseBack(const Digest& key, std::string token) {
  // A full queue keeps it: then it ends with its life.
  (void)parts_->queue.Add({.kind = Change::Kind::kGiveBack, .key = key, .token = std::move(token)});
}

}  // namespace reflex::redis
