#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "fakes/kept_log.h"
#include "http/server.h"

namespace reflex::http {

// A running server on 127.0.0.1 with one handler, and all it needs.
class ServerWorld {
 public:
  using Handle = std::function<Task<void>(Exchange&)>;

  explicit ServerWorld(Handle handle, ServerOptions options = {}, std::size_t threads = 1);
  ~ServerWorld();

  Server& server() { return *server_; }
  IoThread& io() { return *threads_.front(); }
  // Of the first address.
  std::uint16_t port() const;
  fakes::KeptLog& log() { return log_; }
  // The value of a metric's row, for example `reflex_http_refused_total{status="400"}`.
  double Metric(std::string_view row) const;
  // Ends the threads while the server still exists.
  void StopThreads();
  void DestroyServer() { server_.reset(); }

 private:
  struct FunctionHandler;
  fakes::KeptLog log_;
  base::MetricsRegistry metrics_;
  std::unique_ptr<FunctionHandler> handler_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::unique_ptr<Server> server_;
  std::vector<std::thread> runners_;
};

// A reply as a client sees it.
struct SeenReply {
  int status = 0;
  std::string head;  // First line and fields, with the empty line.
  std::string body;  // Without its transfer coding.
  std::string Field(std::string_view name) const;
};

// A blocking socket to the server. Waits fail after 20 s, as empty results.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  // "127.0.0.1:80", "[::1]:80" or "unix:/path".
  explicit RawClient(const std::string& address);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return descriptor_; }
  bool Send(std::string_view bytes);
  // Reads one reply; `head_request` means that it has no body.
  std::optional<SeenReply> Read(bool head_request = false);
  std::optional<SeenReply> Ask(std::string_view request) { return Send(request) ? Read() : std::nullopt; }
  // All bytes until, and including, `end`.
  std::string ReadUntil(std::string_view end);
  // All bytes until the server closes; what happened is in `reset`.
  std::string ReadToEnd();
  bool reset() const { return reset_; }
  void CloseWriting();
  void Close();
  // Closes so that the peer sees a reset.
  void Reset();

 private:
  bool More();
  std::string TakeChunked();

  int descriptor_ = -1;
  bool connected_ = false;
  bool reset_ = false;
  std::string buffer_;
};

// Replies 200 with the body.
Task<void> Reply(Exchange& exchange, std::string body);
// Waits, 20 s at most, until it holds.
bool Eventually(const std::function<bool()>& holds);
// "GET path" and "POST" with a body, HTTP/1.1.
std::string Get(std::string_view path);
std::string Post(std::string_view body, std::string_view more_fields = "");

}  // namespace reflex::http
