#include "server/http/server_world.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdlib>

namespace reflex::http {
namespace {

constexpr int kPatienceMs = 20'000;

}  // namespace

struct ServerWorld::FunctionHandler final : Handler {
  explicit FunctionHandler(ServerWorld::Handle function) : handle(std::move(function)) {}
  // Requests for /known are answered before they are read.
  bool AnswerKnown(ReadyExchange& exchange) override {
    if (!exchange.bytes().starts_with("GET /known ") || !exchange.bytes().ends_with("\r\n\r\n")) return false;
    const std::string body(exchange.bytes().find("X-Large") == std::string_view::npos ? 5 : 8 << 20, 'k');
    const std::string_view pieces[] = {body};
    exchange.SendNow({200, {}}, pieces);
    return true;
  }
  Task<void> Handle(Exchange& exchange) override { return handle(exchange); }
  std::string RefusalBody(int status, std::string_view message) override {
    return "refused " + std::to_string(status) + ": " + std::string(message);
  }
  std::span<const Header> RefusalHeaders(int) override { return kRefusalHeaders; }
  static constexpr Header kRefusalHeaders[] = {{"X-Refused", "yes"}};
  ServerWorld::Handle handle;
};

ServerWorld::ServerWorld(Handle handle, ServerOptions options, std::size_t threads)
    : handler_(std::make_unique<FunctionHandler>(std::move(handle))) {
  if (options.listen.empty()) options.listen.push_back({"127.0.0.1:0", false});
  std::vector<IoThread*> pointers;
  for (std::size_t i = 0; i < threads; ++i) pointers.push_back(threads_.emplace_back(std::make_unique<IoThread>()).get());
  auto server = Server::Create(std::move(options), pointers, *handler_, metrics_, log_);
  EXPECT_TRUE(server.has_value()) << (server ? "" : server.error().message);
  if (!server) std::abort();
  server_ = std::move(*server);
  server_->Start();
  for (IoThread* thread : pointers) runners_.emplace_back([thread] { thread->Run(); });
}

ServerWorld::~ServerWorld() {
  server_.reset();
  StopThreads();
}

void ServerWorld::StopThreads() {
  for (const auto& thread : threads_) thread->Stop();
  for (std::thread& runner : runners_) runner.join();
  runners_.clear();
}

std::uint16_t ServerWorld::port() const {
  const std::string address = server_->addresses().front();
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

double ServerWorld::Metric(std::string_view row) const {
  const std::string text = metrics_.Render();
  const std::size_t at = text.find("\n" + std::string(row) + " ");
  return at == std::string::npos ? -1 : std::atof(text.c_str() + at + row.size() + 2);
}

std::string SeenReply::Field(std::string_view name) const {
  std::size_t at = head.find("\r\n") + 2;
  while (at < head.size()) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(':', at);
    if (colon < end && EqualsIgnoringCase(std::string_view(head).substr(at, colon - at), name)) {
      return head.substr(colon + 2, end - colon - 2);
    }
    at = end + 2;
  }
  return {};
}

RawClient::RawClient(std::uint16_t port) : RawClient("127.0.0.1:" + std::to_string(port)) {}

RawClient::RawClient(const std::string& address) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (address.starts_with("unix:")) {
    auto& local = reinterpret_cast<sockaddr_un&>(storage);
    local.sun_family = AF_UNIX;
    address.copy(local.sun_path, sizeof local.sun_path - 1, 5);
    length = sizeof local;
  } else {
    const std::size_t colon = address.rfind(':');
    const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    if (address.front() == '[') {
      auto& six = reinterpret_cast<sockaddr_in6&>(storage);
      six.sin6_family = AF_INET6;
      six.sin6_port = port;
      inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &six.sin6_addr);
      length = sizeof six;
    } else {
      auto& four = reinterpret_cast<sockaddr_in&>(storage);
      four.sin_family = AF_INET;
      four.sin_port = port;
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &four.sin_addr);
      length = sizeof four;
    }
  }
  descriptor_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&storage), length) == 0;
}

RawClient::~RawClient() { Close(); }

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawClient::More() {
  pollfd waiting{descriptor_, POLLIN, 0};
  if (::poll(&waiting, 1, kPatienceMs) != 1) {
    ADD_FAILURE() << "the server said nothing for 20 s";
    return false;
  }
  std::array<char, 65536> bytes;
  const ssize_t read = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
  if (read < 0 && errno == ECONNRESET) reset_ = true;
  if (read <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(read));
  return true;
}

std::string RawClient::ReadUntil(std::string_view end) {
  std::size_t at = 0;
  while ((at = buffer_.find(end)) == std::string::npos) {
    if (!More()) return std::exchange(buffer_, {});
  }
  std::string read = buffer_.substr(0, at + end.size());
  buffer_.erase(0, read.size());
  return read;
}

std::string RawClient::ReadToEnd() {
  while (More()) {
  }
  return std::exchange(buffer_, {});
}

std::string RawClient::TakeChunked() {
  std::string body;
  for (;;) {
    const std::string line = ReadUntil("\r\n");
    std::size_t size = 0;
    std::from_chars(line.data(), line.data() + line.size(), size, 16);
    while (buffer_.size() < size + 2 && More()) {
    }
    body += buffer_.substr(0, size);
    buffer_.erase(0, size + 2);
    if (size == 0) return body;
  }
}

std::optional<SeenReply> RawClient::Read(bool head_request) {
  SeenReply reply;
  reply.head = ReadUntil("\r\n\r\n");
  if (!reply.head.starts_with("HTTP/1.1 ") || !reply.head.ends_with("\r\n\r\n")) return std::nullopt;
  reply.status = std::stoi(reply.head.substr(9, 3));
  if (head_request || reply.status < 200 || reply.status == 204 || reply.status == 304) return reply;
  if (reply.Field("Transfer-Encoding") == "chunked") {
    reply.body = TakeChunked();
  } else if (const std::string length = reply.Field("Content-Length"); !length.empty()) {
    while (buffer_.size() < std::stoul(length) && More()) {
    }
    reply.body = buffer_.substr(0, std::stoul(length));
    buffer_.erase(0, reply.body.size());
  } else {
    reply.body = ReadToEnd();
  }
  return reply;
}

void RawClient::CloseWriting() { ::shutdown(descriptor_, SHUT_WR); }

void RawClient::Close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void RawClient::Reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  Close();
}

Task<void> Reply(Exchange& exchange, std::string body) {
  const std::array<std::string_view, 1> pieces = {body};
  const std::array<Header, 1> headers = {{{"Content-Type", "text/plain"}}};
  const Result<void> sent = co_await exchange.Send({200, headers}, pieces);
  static_cast<void>(sent);
}

bool Eventually(const std::function<bool()>& holds) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string Get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n"; }

std::string Post(std::string_view body, std::string_view more_fields) {
  return "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more_fields) +
         "\r\n" + std::string(body);
}

}  // namespace reflex::http
