#include "redis/scripts.h"

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include <openssl/evp.h>

#include "base/digest.h"

namespace reflex::redis {

Script::Script(std::string script) : text(std::move(script)) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  sha = base::ToHex(std::span<const std::uint8_t>(digest).first(size));
}

// A hash may hold several entries with one label; it lives as long as the longest-lived of them.
Scripts MakeScripts() {
  return {
      .put = Script(R"(
local f = ARGV[1]
local old = redis.call('HGET', KEYS[1], 'p' .. f)
if old and tonumber(string.sub(old, 1, 16)) < tonumber(ARGV[6]) then
  redis.call('HDEL', KEYS[1], 'v' .. f)
  old = false
end
if old and string.sub(old, 17) ~= string.sub(ARGV[4], 17) then redis.call('HDEL', KEYS[1], 'v' .. f) end
local alone = redis.call('HLEN', KEYS[1]) <= 4
redis.call('HSET', KEYS[1], 'h' .. f, ARGV[2], 'b' .. f, ARGV[3], 'p' .. f, ARGV[4])
if alone or redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return old
)"),
      .erase = Script(R"(
local f = ARGV[1]
local old = redis.call('HGET', KEYS[1], 'p' .. f)
redis.call('HDEL', KEYS[1], 'h' .. f, 'b' .. f, 'p' .. f, 'v' .. f)
return old
)"),
      .erase_if_same = Script(R"(
local f = ARGV[1]
if redis.call('HGET', KEYS[1], 'p' .. f) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'h' .. f, 'b' .. f, 'p' .. f, 'v' .. f)
return 1
)"),
      .put_vector = Script(R"(
local place = redis.call('HGET', KEYS[1], 'p' .. ARGV[1])
if not place or tonumber(string.sub(place, 1, 16)) < tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'v' .. ARGV[1], ARGV[2])
return 1
)"),
      .heads = Script(R"(
local out = {}
for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(f, 1, 1) == 'h' then
    local rest = string.sub(f, 2)
    out[#out + 1] = rest
    out[#out + 1] = redis.call('HGET', KEYS[1], f)
    out[#out + 1] = redis.call('HGET', KEYS[1], 'p' .. rest) or ''
  end
end
return out
)"),
      .add_member = Script(R"(
redis.call('ZADD', KEYS[1], 0, ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
)"),
      .purge = Script(R"(
local field = 'r' .. ARGV[1]
local old = redis.call('HGET', KEYS[1], field)
if not old and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) + 2 then return -1 end
local g = math.max(tonumber(redis.call('HGET', KEYS[1], 'g') or '0'), tonumber(ARGV[4])) + 1
local before = ARGV[2]
if old then
  local reached = string.match(old, '^%d+ (-?%d+)')
  if reached and tonumber(reached) > tonumber(before) then before = reached end
end
redis.call('HSET', KEYS[1], 'g', string.format('%d', g), field, string.format('%d ', g) .. before .. ' ' .. ARGV[3])
return g
)"),
      .clear = Script(R"(
local g = math.max(tonumber(redis.call('HGET', KEYS[1], 'g') or '0'), tonumber(ARGV[1])) + 1
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'g', string.format('%d', g), 'c', string.format('%d', g))
redis.call('SET', KEYS[2], '0')
return g
)"),
      .forget_rule = Script(R"(
if redis.call('HGET', KEYS[1], 'r' .. ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], 'r' .. ARGV[1]) end
return 1
)"),
      .put_note = Script(R"(
local old = redis.call('HSTRLEN', KEYS[1], ARGV[1])
local more = #ARGV[2] - old
if old == 0 then
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
  more = more + #ARGV[1]
end
if tonumber(redis.call('GET', KEYS[2]) or '0') + more > tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('INCRBY', KEYS[2], more)
return 1
)"),
      .erase_note = Script(R"(
local old = redis.call('HSTRLEN', KEYS[1], ARGV[1])
if old == 0 then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DECRBY', KEYS[2], old + #ARGV[1])
return 1
)"),
      .release = Script(R"(
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
)"),
  };
}

std::vector<std::string> Scripts::Texts() const {
  return {put.text,   erase.text, erase_if_same.text, put_vector.text, heads.text,      add_member.text,
          purge.text, clear.text, forget_rule.text,   put_note.text,   erase_note.text, release.text};
}

}  // namespace reflex::redis
