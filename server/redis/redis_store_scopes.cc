// Scopes, vectors and notes of RedisStore.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "redis/redis_store.h"
#include "redis/redis_store_parts.h"
#include "redis/scan.h"
#include "store/limits.h"

namespace reflex::redis {
namespace {

bool Before(const ScopeMember& a, const ScopeMember& b) {
  return a.canonical != b.canonical ? a.canonical < b.canonical : a.key < b.key;
}

}  // namespace

Result<std::vector<ScopeMember>> RedisStore::Members(const Digest& scope, std::string_view low, std::string_view high,
                                                     std::size_t limit, const std::function<bool(const Entry&)>& belongs) {
  std::vector<ScopeMember> members;
  if (scope == Digest{} || limit == 0) return members;
  // Before the server is asked: what is sent meanwhile is then in both, never in neither.
  const WriteQueue::PendingScope pending = parts_->queue.FindScope(scope);
  const std::string count = std::to_string(limit + pending.changed.size());
  REFLEX_TRY(const StoreParts::Looked looked, parts_->Look([&](Batch& batch, const Purges& purges) {
    const std::string name = parts_->keys.ScopeOf(purges.cleared, scope);
    batch.Add(name, {"ZRANGE", name, low, high, "BYLEX", "LIMIT", "0", count});
  }));
  if (looked.replies.front().is_error()) return std::unexpected(ErrorFrom(looked.replies.front()));
  const std::set<Digest> changed(pending.changed.begin(), pending.changed.end());
  for (const Value& item : looked.replies.front().items) {
    const auto member = DecodeMember(item.text);
    if (member && !changed.contains(member->key)) members.push_back(*member);
  }
  for (const WriteQueue::Pending& one : pending.entries) {
    if (one.stamp >= looked.purges->cleared && belongs(*one.entry)) members.push_back({one.entry->key, one.entry->canonical});
  }
  std::sort(members.begin(), members.end(), Before);
  if (members.size() > limit) members.resize(limit);
  return members;
}

Result<std::vector<ScopeMember>> RedisStore::FindScope(const Digest& scope, std::size_t limit) {
  return Members(scope, "-", "+", limit, [](const Entry&) { return true; });
}

Result<std::vector<Digest>> RedisStore::FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) {
  Digest highest;
  highest.bytes.fill(0xff);
  const std::string low = "[" + EncodeMember({.key = {}, .canonical = canonical});
  const std::string high = "[" + EncodeMember({.key = highest, .canonical = canonical});
  REFLEX_TRY(const std::vector<ScopeMember> members,
             Members(scope, low, high, limit, [&](const Entry& entry) { return entry.canonical == canonical; }));
  std::vector<Digest> keys;
  for (const ScopeMember& member : members) keys.push_back(member.key);
  return keys;
}

Result<void> RedisStore::VisitScopes(const VisitMember& visit) {
  bool more = true;
  std::set<std::string> seen;
  return ScanNames(*parts_, parts_->keys.ScopesPattern(), [&](const std::vector<std::string>& names) -> Result<bool> {
    for (const std::string& name : names) {
      const auto scope = parts_->keys.ReadScope(name);
      if (!scope || scope->cleared != parts_->purges.Look()->cleared || !seen.insert(name).second) continue;
      REFLEX_CHECK(ScanMembers(*parts_, name, [&](const std::vector<ScopeMember>& members) -> Result<bool> {
        for (const ScopeMember& member : members) {
          more = more && visit(scope->scope, member);
          if (!more) break;
        }
        return more;
      }));
      if (!more) return false;
    }
    return true;
  });
}

// ---- Vectors.

Result<void> RedisStore::PutVector(const Digest& key, std::string bytes) {
  REFLEX_CHECK(store::CheckVector(bytes));
  return parts_->queue.Add({.kind = Change::Kind::kVector, .key = key, .vector = std::move(bytes)});
}

Result<std::string> RedisStore::FindVector(const Digest& key) {
  REFLEX_TRY(std::vector<std::string> found, FindVectors({&key, 1}));
  return std::move(found.front());
}

Result<std::vector<std::string>> RedisStore::FindVectors(std::span<const Digest> keys) {
  REFLEX_CHECK(CheckKeys(keys.size()));
  std::vector<std::string> vectors(keys.size());
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto pending = parts_->queue.Find(keys[i]);
    if (!pending || pending->entry != nullptr) asked.push_back(i);  // Else it is erased here.
  }
  if (asked.empty()) return vectors;
  REFLEX_TRY(const StoreParts::Looked looked, parts_->Look([&](Batch& batch, const Purges&) {
    for (const std::size_t i : asked) {
      const std::string name = parts_->keys.EntryOf(keys[i]), field = FieldOf(keys[i]);
      batch.Add(name, {"HMGET", name, "p" + field, "v" + field});
    }
  }));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Value& reply = looked.replies[i];
    if (reply.is_error()) return std::unexpected(ErrorFrom(reply));
    if (reply.items.size() != 2 || !reply.items[1].is_string()) continue;
    const auto place = DecodePlace(reply.items[0].text);
    if (!place || place->stamp < looked.purges->cleared) continue;
    const auto bytes = Opened(FieldOf(keys[asked[i]]), reply.items[1].text);
    if (!bytes) parts_->corrupt_values.Add();
    vectors[asked[i]] = bytes.value_or(std::string_view());
  }
  return vectors;
}

bool RedisStore::ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) {
  const auto head = FindHeadByLabel(label);
  if (!head || *head == nullptr) return false;
  const auto bytes = FindVector((*head)->key);
  if (!bytes || bytes->empty()) return false;
  read(*bytes);
  return true;
}

// Two round trips: which keys there are under these labels, then their vectors.
void RedisStore::ReadVectorsByLabel(std::span<const std::uint64_t> labels, const ReadVector& read) {
  if (labels.empty() || labels.size() > kKeysMax) return;
  const auto looked = parts_->Look([&](Batch& batch, const Purges&) {
    for (const std::uint64_t label : labels) batch.Add(parts_->keys.EntryOf(label), {"HKEYS", parts_->keys.EntryOf(label)});
  });
  if (!looked) return;
  std::vector<Digest> keys;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::optional<Digest> lowest;
    for (const Value& field : looked->replies[i].items) {
      const auto key = field.text.starts_with('v') ? KeyFrom(labels[i], std::string_view(field.text).substr(1)) : std::nullopt;
      if (key && (!lowest || *key < *lowest)) lowest = key;
    }
    if (lowest) keys.push_back(*lowest);
  }
  const auto vectors = FindVectors(keys);
  if (!vectors) return;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!(*vectors)[i].empty()) read(LabelOf(keys[i]), (*vectors)[i]);
  }
}

// ---- Notes.

Result<void> RedisStore::PutNote(std::string_view key, std::string value) {
  REFLEX_CHECK(store::CheckNote(key, value));
  const std::string notes = parts_->keys.Notes(), bytes = parts_->keys.NoteBytes();
  Batch batch;
  batch.Add(notes, {"EVALSHA", parts_->scripts.put_note.sha, "2", notes, bytes, key, Sealed(key, value),
                    std::to_string(store::kNotesMax), std::to_string(parts_->options.notes_bytes_max)});
  REFLEX_TRY(const Value reply, parts_->Ask(batch, parts_->options.write_timeout));
  if (reply.is_integer() && reply.integer == 1) return {};
  return Fail(ErrorCode::kFull, "the shared store holds as many notes, or as many bytes of them, as it may");
}

Result<std::string> RedisStore::FindNote(std::string_view key) {
  const std::string notes = parts_->keys.Notes();
  Batch batch;
  batch.Add(notes, {"HGET", notes, key});
  REFLEX_TRY(const Value reply, parts_->Ask(batch, parts_->options.lookup_timeout));
  if (reply.is_null()) return Fail(ErrorCode::kNotFound, "there is no such note");
  const auto value = Opened(key, reply.text);
  if (!value) {
    parts_->corrupt_values.Add();
    return Fail(ErrorCode::kNotFound, "the note is damaged");
  }
  return std::string(*value);
}

Result<void> RedisStore::EraseNote(std::string_view key) {
  const std::string notes = parts_->keys.Notes(), bytes = parts_->keys.NoteBytes();
  Batch batch;
  batch.Add(notes, {"EVALSHA", parts_->scripts.erase_note.sha, "2", notes, bytes, key});
  REFLEX_CHECK(parts_->Ask(batch, parts_->options.write_timeout));
  return {};
}

// In order, so all are read first: their bytes are bounded.
Result<void> RedisStore::VisitNotes(std::string_view prefix, const VisitNote& visit) {
  const std::string notes = parts_->keys.Notes();
  std::map<std::string, std::string> found;
  std::string cursor = "0";
  do {
    Batch batch;
    batch.Add(notes, {"HSCAN", notes, cursor, "COUNT", "500"});
    REFLEX_TRY(const Value reply, parts_->Ask(batch, parts_->options.write_timeout));
    if (reply.items.size() != 2) return Fail(ErrorCode::kProtocol, "the Redis server scans in another form");
    cursor = reply.items[0].text;
    const std::vector<Value>& pairs = reply.items[1].items;
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      if (!pairs[i].text.starts_with(prefix)) continue;
      const auto value = Opened(pairs[i].text, pairs[i + 1].text);
      if (value) found.insert_or_assign(pairs[i].text, std::string(*value));
    }
  } while (cursor != "0");
  for (const auto& [key, value] : found) {
    if (!visit(key, value)) break;
  }
  return {};
}

}  // namespace reflex::redis
