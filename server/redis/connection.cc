#include "redis/connection.h"

#include <array>
#include <utility>

namespace reflex::redis {
namespace {

constexpr std::size_t kReadBytes = 64u << 10;

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const Endpoint& endpoint, const Login& login, Deadline deadline) {
  REFLEX_TRY(std::unique_ptr<Socket> socket, Socket::Connect(endpoint, login.tls, deadline));
  std::unique_ptr<Connection> connection(new Connection(std::move(socket), endpoint));
  std::string hello;
  std::size_t count = 1;
  if (login.password.empty()) {
    AppendCommand({"HELLO", "3", "SETNAME", "reflex"}, hello);
  } else {
    const std::string_view user = login.user.empty() ? "default" : std::string_view(login.user);
    AppendCommand({"HELLO", "3", "AUTH", user, login.password, "SETNAME", "reflex"}, hello);
  }
  if (login.database != 0) {
    AppendCommand({"SELECT", std::to_string(login.database)}, hello);
    ++count;
  }
  for (const std::string& script : login.scripts) {
    AppendCommand({"SCRIPT", "LOAD", script}, hello);
    ++count;
  }
  REFLEX_TRY(const std::vector<Value> replies, connection->Run(hello, count, deadline));
  for (const Value& reply : replies) {
    if (reply.is_error()) return Fail(ErrorCode::kUnavailable, endpoint.ToString() + " refused: " + reply.text);
  }
  return connection;
}

Result<std::vector<Value>> Connection::Run(std::string_view commands, std::size_t count, Deadline deadline) {
  REFLEX_CHECK(Send(commands, deadline));
  return ReceiveMany(count, deadline);
}

Result<std::vector<Value>> Connection::ReceiveMany(std::size_t count, Deadline deadline) {
  std::vector<Value> replies;
  replies.reserve(count);
  while (replies.size() < count) {
    REFLEX_TRY(Value reply, Receive(deadline));
    if (reply.kind != Value::Kind::kPush) replies.push_back(std::move(reply));
  }
  return replies;
}

Result<Value> Connection::Receive(Deadline deadline) {
  std::array<char, kReadBytes> bytes;
  while (true) {
    REFLEX_TRY(std::optional<Value> reply, parser_.Next());
    if (reply) return std::move(*reply);
    REFLEX_TRY(const std::size_t received, socket_->Receive(bytes.data(), bytes.size(), deadline));
    parser_.Append(std::string_view(bytes.data(), received));
  }
}

}  // namespace reflex::redis
