#pragma once

#include <string>
#include <vector>

namespace reflex::redis {

// A Lua script that the server keeps; run with EVALSHA under its name.
struct Script {
  explicit Script(std::string text);
  std::string text;
  std::string sha;  // SHA-1 of the text in hexadecimal, as EVALSHA wants it.
};

// What the store does in the server in one step. Each touches the keys of one slot only.
struct Scripts {
  // Entry hash; field, head, body, place, milliseconds to live, generation of the last Clear. Returns the place of the entry that
  // was there before, or nil. The vector stays where place and generation say it is the same question.
  Script put;
  // Entry hash; field. Removes the entry; returns its place or nil.
  Script erase;
  // Entry hash; field, place. Removes the entry if it still has this place; returns 1 or 0.
  Script erase_if_same;
  // Entry hash; field, vector, generation. Returns 1 when it was kept.
  Script put_vector;
  // Entry hash. Returns field, head, place of each entry in turn.
  Script heads;
  // Scope; member, milliseconds to live.
  Script add_member;
  // Rules; conditions, time the rule reaches to, now, generation known to the caller, most rules. Returns the new generation, or
  // -1.
  Script purge;
  // Rules, count; generation known to the caller. Returns the new generation.
  Script clear;
  // Rules; conditions, rule. Forgets the rule if it is unchanged.
  Script forget_rule;
  // Notes, bytes; key, value, most notes, most bytes. Returns 1, or 0 when there is no room.
  Script put_note;
  // Notes, bytes; key.
  Script erase_note;
  // Lease; token. Gives the lease back if it is ours.
  Script release;

  std::vector<std::string> Texts() const;
};

Scripts MakeScripts();

}  // namespace reflex::redis
