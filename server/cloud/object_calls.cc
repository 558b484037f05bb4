#include "cloud/object_calls.h"

#include <utility>

#include "cloud/names.h"

namespace reflex::cloud {
namespace {

// 1,000 objects each: more is a server that turns in a circle.
constexpr int kPagesMax = 1000;

}  // namespace

Result<std::vector<ObjectInfo>> ListObjects(RemoteCaller& caller, Operation& operation, const Listing& listing) {
  std::vector<ObjectInfo> objects;
  std::string next;
  int pages = 0;
  do {
    if (++pages > kPagesMax)
      return Fail(ErrorCode::kTooLarge, operation.what() + ": more than " + std::to_string(kPagesMax) + " pages");
    REFLEX_TRY(const HttpReply reply, caller.Send(operation, {.method = "GET", .url = listing.url(next), .headers = {}}));
    if (reply.status == 404) break;
    if (!reply.ok()) return std::unexpected(caller.StatusError(operation, reply));
    Result<ListedPage> page = listing.parse(reply.body);
    if (!page) return Fail(page.error().code, operation.what() + ": " + page.error().message);
    for (ObjectInfo& object : page->objects) {
      if (!object.name.starts_with(listing.prefix)) continue;
      object.name.erase(0, listing.prefix.size());
      if (CheckObjectName(object.name)) objects.push_back(std::move(object));
    }
    operation.Moved();
    next = std::move(page->next);
  } while (!next.empty());
  SortNewestFirst(objects);
  return objects;
}

Result<void> DeleteObject(RemoteCaller& caller, Operation& operation, const std::string& url) {
  REFLEX_TRY(const HttpReply reply, caller.Send(operation, {.method = "DELETE", .url = url, .headers = {}}));
  if (!reply.ok() && reply.status != 404) return std::unexpected(caller.StatusError(operation, reply));
  return {};
}

}  // namespace reflex::cloud
