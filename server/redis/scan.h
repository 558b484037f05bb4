#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/store_parts.h"
#include "reflex/result.h"

namespace reflex::redis {

// One entry as a walk through the store meets it.
struct Met {
  Digest key;
  EntryPtr head;
  std::uint64_t stamp = 0;
  std::string place;  // As stored.
  Place where;
};

// Calls `visit` with the names of one page of keys after the other, over all nodes, until it returns false. A name may come twice;
// one that is there all the while comes at least once. Returns: kTimeout, kUnavailable, kClosed, kProtocol.
using VisitNames = std::function<Result<bool>(const std::vector<std::string>& names)>;
Result<void> ScanNames(StoreParts& parts, std::string_view pattern, const VisitNames& visit);

// The same with the entries of each page, purged and damaged ones left out unless `all`; each once in a page.
using VisitEntries = std::function<Result<bool>(std::vector<Met>& met)>;
Result<void> ScanEntries(StoreParts& parts, bool all, const VisitEntries& visit);

// Calls `visit` with the members of one scope, a page at a time, until it returns false.
using VisitMembers = std::function<Result<bool>(const std::vector<ScopeMember>& members)>;
Result<void> ScanMembers(StoreParts& parts, const std::string& scope, const VisitMembers& visit);

// Removes these entries if they are still as they were met, and their places in the scopes. Returns how many went.
Result<std::uint64_t> RemoveMet(StoreParts& parts, const std::vector<Met>& met);

// The entries in the reply of Scripts::heads.
std::vector<Met> MetFrom(StoreParts& parts, std::uint64_t label, const Value& reply);

}  // namespace reflex::redis
