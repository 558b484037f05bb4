#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// Plain blocking sockets for both ends of a test. A read that takes longer than 20 s fails the test instead of hanging it.
namespace reflex::integration {

// One connected socket.
class Socket {
 public:
  explicit Socket(int fd = -1);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { Close(); }

  static Socket Connect(std::uint16_t port);

  // False when the peer has closed.
  bool Send(std::string_view bytes);
  // Some bytes; empty at the end, a reset included.
  std::string Receive();
  // Up to and including `mark`; what came after stays for the next read. Nullopt when the peer closed before.
  std::optional<std::string> ReceiveUntil(std::string_view mark);
  // Less only where the peer closed before.
  std::string ReceiveUpTo(std::size_t count);
  // Until the peer closes.
  std::string ReceiveAll();
  void Close();
  // Closing will be a reset to the peer.
  void ResetOnClose();
  void ShutDown();  // From another thread: makes a waiting read return.
  bool open() const { return fd_ >= 0; }
  int error() const { return error_; }  // errno of the read that found the end, 0 for a proper close.

 private:
  int fd_;
  int error_ = 0;
  std::string rest_;
};

// A message read from a socket.
struct Message {
  std::string first_line;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool whole = false;  // The body came to its proper end.

  int status() const { return std::atoi(first_line.c_str() + 9); }
  std::string Header(std::string_view name) const;
};
// Reads one; with `head_only` leaves the body. Nullopt when the peer closed before the head was complete.
std::optional<Message> ReadMessage(Socket& socket, bool head_only = false);

// A server that the test scripts: `serve` is called for each request, in the connection's own thread; the connection closes when it
// returns false.
class ScriptedServer {
 public:
  using Serve = std::function<bool(Socket& socket, const Message& request)>;
  explicit ScriptedServer(Serve serve);
  ~ScriptedServer();

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::size_t requests() const { return requests_; }

 private:
  void Accept();
  void ServeConnection(std::shared_ptr<Socket> socket);

  const Serve serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> requests_{0};
  std::thread acceptor_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::vector<std::shared_ptr<Socket>> sockets_;
  std::vector<std::thread> threads_;
};

// "HTTP/1.1 STATUS …" with Content-Length and application/json.
std::string JsonReply(int status, std::string_view body, std::string_view more_headers = {});
// The head of a chunked event stream, and one chunk of it.
std::string EventsHead();
std::string Chunk(std::string_view bytes);

// Open descriptors of this process.
std::size_t OpenDescriptors();

}  // namespace reflex::integration
