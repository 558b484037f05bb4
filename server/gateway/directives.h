#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace reflex::gateway {

// A request's Cache-Control, all its fields together (RFC 9111 section 5.2.1).
struct CacheDirectives {
  bool no_store = false;
  bool no_cache = false;
  bool only_if_cached = false;
  bool no_transform = false;
  std::optional<std::int64_t> max_age_s;
  std::optional<std::int64_t> min_fresh_s;
  std::optional<std::int64_t> max_stale_s;  // CachePolicy::kAnyStaleness without a number.
};

// Adds what one field says. Names in any case, quoted values, unknown directives ignored. Of repeated ones the strictest holds. A
// missing or bad number is read so that the cache serves less: max-age as 0, min-fresh as longer than any entry lasts, max-stale as
// 0. Text that breaks the grammar is cut at its commas, so that a directive after it still counts.
void ReadCacheControl(std::string_view value, CacheDirectives& directives);

// True if one of the field's directives is no-cache.
bool PragmaSaysNoCache(std::string_view value);

// Whole seconds (RFC 9111 section 1.2.2): digits alone; more than 2^31 counts as 2^31. Nullopt for anything else.
std::optional<std::int64_t> ReadDeltaSeconds(std::string_view text);

}  // namespace reflex::gateway
