#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/object_store.h"
#include "cloud/remote_call.h"
#include "reflex/result.h"

namespace reflex::cloud {

// What the clouds' object services have in common, whatever their answers look like.

// One page of a list, as a service answers.
struct ListedPage {
  std::vector<ObjectInfo> objects;  // Whole keys.
  std::string next;                 // Names the page behind it; "" after the last.
};
struct Listing {
  std::string_view prefix;  // Cut off names; what does not begin with it, or is no name of an object store, is left out.
  std::function<std::string(const std::string& next)> url;  // Of the page that `next` names, "" for the first.
  std::function<Result<ListedPage>(std::string_view body)> parse;
};
// All pages, newest object first; a place that is not there is empty. Returns: kTooLarge beyond 1,000 pages, the parser's error,
// and as RemoteCaller::Send.
Result<std::vector<ObjectInfo>> ListObjects(RemoteCaller& caller, Operation& operation, const Listing& listing);

// Gone already is fine. Returns: as RemoteCaller::Send.
Result<void> DeleteObject(RemoteCaller& caller, Operation& operation, const std::string& url);

}  // namespace reflex::cloud
