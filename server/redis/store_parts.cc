#include "redis/store_parts.h"

#include <charconv>
#include <utility>

namespace reflex::redis {
namespace {

// Purges that come one upon another make a look-up ask again; so many never do.
constexpr int kLooksMax = 8;

std::uint64_t GenerationFrom(const Value& reply) {
  std::uint64_t generation = 0;
  (void)std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), generation);
  return generation;
}

}  // namespace

Error ErrorFrom(const Value& reply) {
  return {reply.IsError("OOM") ? ErrorCode::kFull : ErrorCode::kUnavailable, "the Redis server says " + reply.text};
}

Result<StoreParts::Looked> StoreParts::Look(const Fill& fill) {
  for (int look = 0; look < kLooksMax; ++look) {
    std::shared_ptr<const Purges> known = purges.Look();
    Batch batch;
    fill(batch, *known);
    const std::string rules = keys.Rules();
    batch.Add(rules, {"HGET", rules, "g"});
    REFLEX_TRY(std::vector<Value> replies, client->Run(batch, options.lookup_timeout));
    if (replies.back().is_error()) return std::unexpected(ErrorFrom(replies.back()));
    if (GenerationFrom(replies.back()) == known->generation) {
      replies.pop_back();
      return Looked{std::move(replies), std::move(known)};
    }
    REFLEX_CHECK(ReloadPurges());
  }
  return Fail(ErrorCode::kUnavailable, "purges in the shared store come too fast to look up beside them");
}

Result<void> StoreParts::ReloadPurges() {
  Batch batch;
  const std::string rules = keys.Rules();
  batch.Add(rules, {"HGETALL", rules});
  const std::uint64_t asked = purges.Ask();
  REFLEX_TRY(const Value reply, Ask(batch, options.lookup_timeout));
  Purges loaded = PurgesFrom(reply);
  // Before a Put can be stamped with it: what was asked for before the purge must not pass for newer. Once for each generation, by
  // whoever learns of it first, and before any other goes on: what is asked for after a purge is kept.
  const base::MutexLock lock(reload_mutex);
  if (loaded.generation > purges.Look()->generation) Tell({StoreNotice::Kind::kPurge, 0});
  purges.Replace(asked, std::move(loaded));
  return {};
}

Result<Value> StoreParts::Ask(const Batch& batch, std::chrono::milliseconds limit) {
  REFLEX_TRY(std::vector<Value> replies, client->Run(batch, limit));
  if (replies.front().is_error()) return std::unexpected(ErrorFrom(replies.front()));
  return std::move(replies.front());
}

EntryPtr StoreParts::Admit(Result<Stamped> decoded, const Purges& known) {
  if (!decoded) {
    corrupt_values.Add();
    logger.Log(LogLevel::kWarning, "store_value_refused error=\"" + decoded.error().message + "\"");
    return nullptr;
  }
  return known.Hides(*decoded->entry, decoded->stamp) ? nullptr : std::move(decoded->entry);
}

void StoreParts::TellRemoved(const Digest& scope, const Digest& key) {
  if (!on_removed || scope == Digest{}) return;
  // What is back in its scope by now is not gone.
  const auto pending = queue.Find(key);
  if (pending && pending->entry != nullptr && pending->entry->scope == scope) return;
  on_removed(scope, key);
}

void StoreParts::Tell(const StoreNotice& notice) {
  base::MutexLock lock(notice_mutex);
  if (on_notice) on_notice(notice);
}

}  // namespace reflex::redis
