#include "sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "http/message.h"

namespace reflex::integration {
namespace {

void LimitReads(int fd) {
  const timeval limit{20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

std::optional<std::string> ReadChunkedBody(Socket& socket, std::string& body) {
  for (;;) {
    const auto line = socket.ReceiveUntil("\r\n");
    if (!line) return std::nullopt;
    const std::size_t size = std::strtoul(line->c_str(), nullptr, 16);
    if (size == 0) return socket.ReceiveUntil("\r\n");
    const std::string data = socket.ReceiveUpTo(size);
    body += data;
    if (data.size() < size || socket.ReceiveUpTo(2).size() < 2) return std::nullopt;
  }
}

}  // namespace

Socket::Socket(int fd) : fd_(fd) {
  if (fd_ >= 0) LimitReads(fd_);
}
Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), rest_(std::move(other.rest_)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  Close();
  fd_ = std::exchange(other.fd_, -1);
  rest_ = std::move(other.rest_);
  return *this;
}

Socket Socket::Connect(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(port);
  if (connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
  return socket;
}

bool Socket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Socket::Receive() {
  if (!rest_.empty()) return std::exchange(rest_, {});
  char buffer[16384];
  const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("nothing came for 20 s");
  error_ = got < 0 ? errno : 0;
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
}

std::optional<std::string> Socket::ReceiveUntil(std::string_view mark) {
  std::string got;
  for (;;) {
    const std::size_t at = got.find(mark);
    if (at != std::string::npos) {
      rest_ = got.substr(at + mark.size()) + rest_;
      got.resize(at + mark.size());
      return got;
    }
    const std::string more = Receive();
    if (more.empty()) return std::nullopt;
    got += more;
  }
}

std::string Socket::ReceiveUpTo(std::size_t count) {
  std::string got;
  while (got.size() < count) {
    const std::string more = Receive();
    if (more.empty()) return got;
    got += more;
  }
  rest_ = got.substr(count);
  got.resize(count);
  return got;
}

std::string Socket::ReceiveAll() {
  std::string all;
  for (;;) {
    const std::string more = Receive();
    if (more.empty()) return all;
    all += more;
  }
}

void Socket::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}
void Socket::ResetOnClose() {
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}
void Socket::ShutDown() { ::shutdown(fd_, SHUT_RDWR); }

std::string Message::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (http::EqualsIgnoringCase(field, name)) return value;
  }
  return {};
}

std::optional<Message> ReadMessage(Socket& socket, bool head_only) {
  const auto head = socket.ReceiveUntil("\r\n\r\n");
  if (!head) return std::nullopt;
  Message message;
  std::size_t at = head->find("\r\n");
  message.first_line = head->substr(0, at);
  for (at += 2; at + 2 < head->size();) {
    const std::size_t end = head->find("\r\n", at);
    const std::size_t colon = head->find(':', at);
    const std::size_t value = head->find_first_not_of(' ', colon + 1);
    message.headers.emplace_back(head->substr(at, colon - at), head->substr(value, end - value));
    at = end + 2;
  }
  if (head_only) return message;
  if (message.Header("transfer-encoding") == "chunked") {
    message.whole = ReadChunkedBody(socket, message.body).has_value();
    return message;
  }
  const std::size_t length = std::strtoul(message.Header("content-length").c_str(), nullptr, 10);
  message.body = socket.ReceiveUpTo(length);
  message.whole = message.body.size() == length;
  return message;
}

ScriptedServer::ScriptedServer(Serve serve) : serve_(std::move(serve)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& socket : sockets_) socket->ShutDown();
  }
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (std::thread& thread : threads_) thread.join();
}

void ScriptedServer::Accept() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    auto socket = std::make_shared<Socket>(fd);
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { ServeConnection(socket); });
  }
}

void ScriptedServer::ServeConnection(std::shared_ptr<Socket> socket) {
  for (;;) {
    const auto request = ReadMessage(*socket);
    if (!request) break;
    ++requests_;
    if (!serve_(*socket, *request)) break;
  }
  std::lock_guard lock(mutex_);
  socket->Close();
  std::erase(sockets_, socket);
}

std::string JsonReply(int status, std::string_view body, std::string_view more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + std::string(more_headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
std::string EventsHead() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
}
std::string Chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx", bytes.size());
  return std::string(size) + "\r\n" + std::string(bytes) + "\r\n";
}

std::size_t OpenDescriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  std::size_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace reflex::integration
