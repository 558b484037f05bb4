#pragma once

#include "gateway/context.h"
#include "http/task.h"

namespace reflex::gateway {

// Answers a path under /v1/reflex/ whose admin token was found good (docs/admin.md): stats, entries/KEY, purge, snapshots. Always
// sends a reply.
http::Task<void> HandleAdminCall(RequestContext& context);

// A reply of one of our own paths, with our usual fields. Views live until the task is done.
struct OwnReply {
  int status = 200;
  std::string_view reflex_status = "own";  // X-Reflex-Status
  std::string_view content_type = "application/json";
  std::string_view body = {};
  std::string_view retry_after = {};  // Retry-After where it is not "".
  std::string_view allow = {};        // Allow where it is not "".
};
http::Task<void> SendOwn(RequestContext& context, OwnReply reply);

// 405 with what is allowed, for example "GET, HEAD".
http::Task<void> SendMethodNotAllowed(RequestContext& context, std::string_view allow);

}  // namespace reflex::gateway
