#include "redis/scan.h"

#include <algorithm>
#include <set>
#include <utility>

namespace reflex::redis {
namespace {

// Keys in one step: a step stays below a millisecond of the server's time.
constexpr std::string_view kPage = "500";
constexpr std::size_t kMembersPage = 500;

}  // namespace

Result<void> ScanNames(StoreParts& parts, std::string_view pattern, const VisitNames& visit) {
  REFLEX_TRY(const std::vector<Endpoint> masters, parts.client->Masters(parts.options.write_timeout));
  for (const Endpoint& master : masters) {
    std::string cursor = "0";
    do {
      Batch batch;
      batch.Add({}, {"SCAN", cursor, "MATCH", pattern, "COUNT", kPage});
      REFLEX_TRY(const std::vector<Value> replies, parts.client->RunOn(master, batch, parts.options.write_timeout));
      const Value& reply = replies.front();
      if (reply.is_error()) return std::unexpected(ErrorFrom(reply));
      if (!reply.is_array() || reply.items.size() != 2) return Fail(ErrorCode::kProtocol, "the Redis server scans in another form");
      cursor = reply.items[0].text;
      std::vector<std::string> names;
      for (const Value& name : reply.items[1].items) names.push_back(name.text);
      if (names.empty()) continue;
      REFLEX_TRY(const bool more, visit(names));
      if (!more) return {};
    } while (cursor != "0");
  }
  return {};
}

std::vector<Met> MetFrom(StoreParts& parts, std::uint64_t label, const Value& reply) {
  std::vector<Met> met;
  for (std::size_t i = 0; i + 2 < reply.items.size(); i += 3) {
    const auto key = KeyFrom(label, reply.items[i].text);
    const auto where = DecodePlace(reply.items[i + 2].text);
    auto head = key ? DecodeStoredHead(*key, reply.items[i + 1].text) : Fail(ErrorCode::kCorrupt, "an entry has no key");
    if (!key || !where || !head) {
      parts.corrupt_values.Add();
      continue;
    }
    met.push_back({*key, std::move(head->entry), head->stamp, reply.items[i + 2].text, *where});
  }
  return met;
}

Result<void> ScanEntries(StoreParts& parts, bool all, const VisitEntries& visit) {
  return ScanNames(parts, parts.keys.EntriesPattern(), [&](const std::vector<std::string>& found) -> Result<bool> {
    const std::set<std::string> names(found.begin(), found.end());
    REFLEX_TRY(const StoreParts::Looked looked, parts.Look([&](Batch& batch, const Purges&) {
      for (const std::string& name : names) batch.Add(name, {"EVALSHA", parts.scripts.heads.sha, "1", name});
    }));
    std::vector<Met> page;
    auto name = names.begin();
    for (const Value& reply : looked.replies) {
      const auto label = parts.keys.LabelOfEntry(*name++);
      if (!label || !reply.is_array()) continue;
      for (Met& met : MetFrom(parts, *label, reply)) {
        if (all || !looked.purges->Hides(*met.head, met.stamp)) page.push_back(std::move(met));
      }
    }
    if (page.empty()) return true;
    return visit(page);
  });
}

Result<void> ScanMembers(StoreParts& parts, const std::string& scope, const VisitMembers& visit) {
  std::string from = "-";
  while (true) {
    Batch batch;
    batch.Add(scope, {"ZRANGE", scope, from, "+", "BYLEX", "LIMIT", "0", std::to_string(kMembersPage)});
    REFLEX_TRY(const Value reply, parts.Ask(batch, parts.options.write_timeout));
    std::vector<ScopeMember> members;
    for (const Value& item : reply.items) {
      if (const auto member = DecodeMember(item.text)) members.push_back(*member);
    }
    if (!members.empty()) {
      REFLEX_TRY(const bool more, visit(members));
      if (!more) return {};
    }
    if (reply.items.size() < kMembersPage) return {};
    from = "(" + reply.items.back().text;
  }
}

Result<std::uint64_t> RemoveMet(StoreParts& parts, const std::vector<Met>& met) {
  if (met.empty()) return 0;
  Batch batch;
  for (const Met& one : met) {
    const std::string name = parts.keys.EntryOf(one.key);
    batch.Add(name, {"EVALSHA", parts.scripts.erase_if_same.sha, "1", name, FieldOf(one.key), one.place});
  }
  REFLEX_TRY(const std::vector<Value> replies, parts.client->Run(batch, parts.options.write_timeout));
  const std::uint64_t cleared = parts.purges.Look()->cleared;
  std::uint64_t removed = 0, counted = 0;
  Batch after;
  std::vector<const Met*> gone;
  for (std::size_t i = 0; i < met.size(); ++i) {
    if (!replies[i].is_integer() || replies[i].integer != 1) continue;
    ++removed;
    // A Clear has counted what it removed.
    if (met[i].stamp >= cleared) ++counted;
    gone.push_back(&met[i]);
    if (met[i].where.scope == Digest{}) continue;
    const std::string scope = parts.keys.ScopeOf(cleared, met[i].where.scope);
    after.Add(scope, {"ZREM", scope, EncodeMember({met[i].key, met[i].where.canonical})});
  }
  const std::string count = parts.keys.Count();
  after.Add(count, {"DECRBY", count, std::to_string(counted)});
  REFLEX_TRY(const std::vector<Value> last, parts.client->Run(after, parts.options.write_timeout));
  if (last.back().is_integer()) parts.entries.store(last.back().integer, std::memory_order_relaxed);
  for (const Met* one : gone) parts.TellRemoved(one->where.scope, one->key);
  return removed;
}

}  // namespace reflex::redis
