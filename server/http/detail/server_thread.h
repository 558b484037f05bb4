#pragma once

#include <atomic>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "http/detail/listen.h"
#include "http/detail/stream.h"
#include "http/exchange.h"
#include "http/io_thread.h"
#include "http/server.h"
#include "reflex/logger.h"

namespace reflex::http {

class Connection;

using ServerTls = std::shared_ptr<boost::asio::ssl::context>;

// What the threads of one server share. Thread-safe.
struct ServerCore {
  ServerCore(ServerOptions server_options, Handler& the_handler, base::MetricsRegistry& metrics, Logger& the_logger);

  base::Counter& refused(int status);
  ServerTls tls() EXCLUDES(mutex);

  const ServerOptions options;
  Handler& handler;
  Logger& logger;
  base::Gauge& connections;
  base::Counter& accepted;
  base::Counter& bytes_in;
  base::Counter& bytes_out;
  base::Gauge& bodies_bytes;
  std::vector<std::pair<int, base::Counter*>> refusals;

  std::atomic<std::uint32_t> open{0};    // Connections, refused ones included while they last.
  std::atomic<std::uint64_t> bodies{0};  // Bytes reserved for bodies.
  std::atomic<std::uint32_t> threads_draining{0};
  base::Mutex mutex;
  ServerTls tls_context GUARDED_BY(mutex);
};

// A server's part on one I/O thread: its listening sockets and connections. Shared with its connections' coroutines, which may
// outlive the server if their thread was stopped first. Thread: its own.
class ServerThread : public std::enable_shared_from_this<ServerThread> {
 public:
  ServerThread(IoThread& thread, std::shared_ptr<ServerCore> shared);
  ~ServerThread();

  // Before Start, from the thread that makes the server.
  void Listen(ListenSocket socket);
  void Start();
  void Drain();
  void CloseListeners();
  void CloseConnections();
  // Calls `empty` once no connection is left, perhaps now.
  void WhenEmpty(std::function<void()> empty);
  // The server is gone: what is left of connections touches nothing of it any more.
  void Orphan() { orphaned = true; }

  void Add(Connection& connection);
  void Remove(Connection& connection);
  bool has_connections() const { return first_ != nullptr; }

  IoThread& io;
  const std::shared_ptr<ServerCore> core;
  std::string scratch;  // Where a reply's head is put together when it leaves at once.
  bool draining = false;
  bool orphaned = false;

 private:
  struct Listener {
    Listener(IoThread& thread, ListenSocket listen);
    boost::asio::posix::basic_stream_descriptor<Executor> descriptor;
    bool admin = false;
    bool tls = false;
    int family = 0;
  };
  Task<void> Accept(std::shared_ptr<ServerThread> self, Listener& listener);
  // Takes what waits, at most a batch; false when the system is out of something and accepting should pause.
  bool AcceptReady(Listener& listener);
  void Admit(Listener& listener, int descriptor, std::string peer);

  std::vector<ListenSocket> waiting_;  // Until Start.
  std::vector<std::unique_ptr<Listener>> listeners_;
  Connection* first_ = nullptr;
  std::uint32_t refusing_ = 0;
  std::function<void()> when_empty_;
  bool pause_logged_ = false;
};

}  // namespace reflex::http
