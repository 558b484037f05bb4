#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::gateway {

inline constexpr std::size_t kPurgeBodyBytesMax = 16 << 10;

// The body of POST /v1/reflex/purge (docs/admin.md).
struct PurgeRequest {
  bool all = false;
  bool dry_run = false;  // Count, erase nothing.
  std::optional<Digest> entry;
  std::optional<std::string> model;
  std::optional<std::string> name_space;
  std::optional<std::string> tag;
  std::optional<std::int64_t> older_than_s;

  // True for an entry that it would remove.
  bool Matches(const Entry& entry_to_judge, std::int64_t now_ms) const;
  // What the cache is asked to remove. REQUIRES: neither `all` nor `entry`.
  PurgeRule Rule(std::int64_t now_ms) const;
};

// Reads `{"all":true}`, `{"entry":KEY}` or an object of "model", "namespace", "tag" (strings) and "older_than_s" (whole seconds
// from 0 on), each at most once, with "dry_run" (true or false) beside either. Strict, because a condition that is misread erases
// too much: an unknown member, a wrong type, `all` or `entry` together with anything else and none of them are errors. Returns:
// kInvalidArgument, naming the member and what is allowed; kTooLarge.
Result<PurgeRequest> ParsePurgeRequest(std::string_view body);

}  // namespace reflex::gateway
