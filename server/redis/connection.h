#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "redis/resp.h"
#include "redis/socket.h"
#include "redis/url.h"
#include "reflex/result.h"

namespace reflex::redis {

// How a connection introduces itself.
struct Login {
  std::string user, password;
  std::uint32_t database = 0;
  std::vector<std::string> scripts;  // Loaded at once, so that EVALSHA finds them.
  const TlsContext* tls = nullptr;   // Null: no TLS. Outlives the connection.
};

// One connection to one server, RESP3 spoken. One thread at a time; Wake from any. After any error it is of no more use.
class Connection {
 public:
  // Connects and sends HELLO 3 with the login, SELECT and SCRIPT LOAD in one round trip. Returns: kUnavailable (refused, wrong
  // password, still loading), kTimeout, kClosed, kProtocol.
  static Result<std::unique_ptr<Connection>> Open(const Endpoint& endpoint, const Login& login, Deadline deadline);

  // Sends `count` commands and reads their replies, in order; error replies are values. Pushes in between are dropped.
  // Returns: kTimeout, kClosed, kProtocol.
  Result<std::vector<Value>> Run(std::string_view commands, std::size_t count, Deadline deadline);
  // The two halves of Run, for several connections at a time.
  Result<void> Send(std::string_view commands, Deadline deadline) { return socket_->Send(commands, deadline); }
  Result<std::vector<Value>> ReceiveMany(std::size_t count, Deadline deadline);
  // The next reply or push.
  Result<Value> Receive(Deadline deadline);
  void Wake() { socket_->Wake(); }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Connection(std::unique_ptr<Socket> socket, Endpoint endpoint) : socket_(std::move(socket)), endpoint_(std::move(endpoint)) {}

  std::unique_ptr<Socket> socket_;
  Endpoint endpoint_;
  ReplyParser parser_;
};

}  // namespace reflex::redis
