#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace reflex::fakes {

// A request as the fake provider received it.
struct ReceivedRequest {
  std::string first_line;
  std::string head;  // First line and fields, with the empty line.
  std::string body;

  // The value of a field, of the first of that name as it is spelled; empty if there is none.
  std::string Field(std::string_view name) const {
    const std::string key = "\r\n" + std::string(name) + ": ";
    const std::size_t at = head.find(key);
    if (at == std::string::npos) return {};
    return head.substr(at + key.size(), head.find("\r\n", at + 2) - at - key.size());
  }
};

// One accepted connection, in the hands of a script that runs on its own thread with blocking calls.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer() {
    SSL_free(ssl_);
    Close();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Server side of a TLS handshake; false if it fails.
  bool StartTls(SSL_CTX* context) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    return SSL_accept(ssl_) == 1;
  }
  SSL* tls() { return ssl_; }

  // Nothing if the client closed first. Takes the body by Content-Length, or chunked as it is on the wire.
  std::optional<ReceivedRequest> ReadRequest() {
    std::optional<ReceivedRequest> request = ReadHead();
    if (!request) return std::nullopt;
    if (request->Field("Transfer-Encoding") == "chunked") {
      while (!buffer_.ends_with("0\r\n\r\n")) {
        if (!ReadMore()) return std::nullopt;
      }
      request->body = std::exchange(buffer_, {});
      return request;
    }
    const std::size_t length = std::strtoull(request->Field("Content-Length").c_str(), nullptr, 10);
    while (buffer_.size() < length) {
      if (!ReadMore()) return std::nullopt;
    }
    request->body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return request;
  }

  // The head alone: what follows stays unread.
  std::optional<ReceivedRequest> ReadHead() {
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadMore()) return std::nullopt;
    }
    ReceivedRequest request;
    request.head = buffer_.substr(0, end + 4);
    request.first_line = request.head.substr(0, request.head.find("\r\n"));
    buffer_.erase(0, end + 4);
    return request;
  }

  // Up to `size` raw bytes, at least one; empty at the end.
  std::string ReadSome(std::size_t size) {
    if (buffer_.empty()) ReadMore();
    std::string some = buffer_.substr(0, size);
    buffer_.erase(0, some.size());
    return some;
  }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                           : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Returns when the client has closed.
  void AwaitClose() {
    while (ReadMore()) buffer_.clear();
  }
  // Ends the connection with a reset instead of an end.
  void Reset() {
    const linger abort{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    Close();
  }
  // Closes without TLS's ending alert, as a cut does.
  void Close() {
    std::lock_guard lock(mutex_);
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  // From any thread: makes blocking calls return.
  void Shutdown() {
    std::lock_guard lock(mutex_);
    if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
  }
  // Ends as TLS asks.
  void CloseTls() { SSL_shutdown(ssl_); }
  int fd() const { return fd_; }

 private:
  bool ReadMore() {
    char bytes[16384];
    const ssize_t got = ssl_ != nullptr ? SSL_read(ssl_, bytes, sizeof bytes) : recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  std::mutex mutex_;  // Between Shutdown and the script's Close; only the script's thread changes fd_.
  int fd_;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

// A provider on a loopback port that does what its script says, for each connection on a thread of its own. Thread-safe.
class Provider {
 public:
  using Script = std::function<void(Peer&)>;

  explicit Provider(Script script, const char* address = "127.0.0.1") : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    inet_pton(AF_INET, address, &name.sin_addr);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0 || listen(listener_, 256) != 0) std::abort();
    socklen_t size = sizeof name;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~Provider() { Stop(); }
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  // Cuts every connection and joins every thread.
  void Stop() {
    if (!acceptor_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (Peer* peer : open_) peer->Shutdown();
    }
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    for (std::thread& thread : threads_) thread.join();
  }

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Connections accepted so far.
  int connections() const { return connections_.load(); }
  // Returns when every script has returned.
  void AwaitNoneOpen() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_.empty(); });
  }

 private:
  void Accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      std::lock_guard lock(mutex_);
      if (stopping_) {
        close(fd);
        return;
      }
      ++connections_;
      auto peer = std::make_unique<Peer>(fd);
      open_.insert(peer.get());
      threads_.emplace_back([this, peer = std::move(peer)] { Run(*peer); });
    }
  }

  void Run(Peer& peer) {
    script_(peer);
    peer.Close();
    std::lock_guard lock(mutex_);
    open_.erase(&peer);
    changed_.notify_all();
  }

  const Script script_;
  int listener_;
  std::uint16_t port_;
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::set<Peer*> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// Answers every request on a connection with the same bytes.
inline Provider::Script Always(std::string reply) {
  return [reply = std::move(reply)](Peer& peer) {
    while (peer.ReadRequest() && peer.Send(reply)) {
    }
  };
}

// A plain reply with a length.
inline std::string Ok(std::string_view body, std::string_view fields = {}) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// A port on which nothing listens: bound and closed again.
inline std::uint16_t UnusedPort() {
  Provider closed([](Peer&) {});
  return closed.port();
}

}  // namespace reflex::fakes
