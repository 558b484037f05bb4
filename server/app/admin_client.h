#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::app {

// One call of a command to a running Reflex.
struct AdminCall {
  std::string url = {};  // Base URL, "http://127.0.0.1:8080".
  std::string_view method = "GET";
  std::string path = {};   // With its query.
  std::string token = {};  // Sent as a bearer token; "" for none.
  std::string body = {};   // JSON; "" for none.
  std::chrono::milliseconds timeout{10'000};
  std::string ca_file = {};  // As upstream.ca_file.
};

struct AdminReply {
  int status = 0;
  std::string body;
};

// Makes the call on this thread and returns with the whole reply (at most 16 MiB).
// Returns: kInvalidArgument (url), kUnavailable (nobody answers there), kTimeout, kTooLarge, and what http::Client::Send returns.
Result<AdminReply> CallRunning(const AdminCall& call);

}  // namespace reflex::app
