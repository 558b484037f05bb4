#include "http/detail/server_thread.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "http/detail/connection.h"

namespace reflex::http {
namespace {

constexpr int kAcceptBatch = 64;             // Then other work of the thread has its turn.
constexpr std::uint32_t kRefusingMax = 64;   // Connections over the limit that are answered at a time; the rest is just closed.
constexpr std::uint32_t kAdminReserve = 64;  // Connections over the limit that the admin listener may have.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kRefusalStatuses[] = {400, 408, 413, 417, 431, 500, 501, 503, 505};

bool OutOfResources(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

ServerCore::ServerCore(ServerOptions server_options, Handler& the_handler, base::MetricsRegistry& metrics, Logger& the_logger)
    : options(std::move(server_options)),
      handler(the_handler),
      logger(the_logger),
      connections(metrics.AddGauge("reflex_http_connections", "Open client connections.")),
      accepted(metrics.AddCounter("reflex_http_connections_accepted_total", "Client connections accepted.")),
      bytes_in(metrics.AddCounter("reflex_http_received_bytes_total", "Bytes read from clients.")),
      bytes_out(metrics.AddCounter("reflex_http_sent_bytes_total", "Bytes written to clients.")),
      bodies_bytes(metrics.AddGauge("reflex_http_bodies_bytes", "Memory that request bodies in flight hold.")) {
  for (const int status : kRefusalStatuses) {
    refusals.emplace_back(status,
                          &metrics.AddCounter("reflex_http_refused_total", "Requests the server refused before a handler saw them.",
                                              "status=\"" + std::to_string(status) + "\""));
  }
}

base::Counter& ServerCore::refused(int status) {
  for (const auto& [known, counter] : refusals) {
    if (known == status) return *counter;
  }
  return *refusals.front().second;
}

ServerTls ServerCore::tls() {
  base::MutexLock lock(mutex);
  return tls_context;
}

ServerThread::Listener::Listener(IoThread& thread, ListenSocket listen)
    : descriptor(thread.context()), admin(listen.admin()), family(listen.family()) {
  descriptor.assign(listen.Release());
}

ServerThread::ServerThread(IoThread& thread, std::shared_ptr<ServerCore> shared) : io(thread), core(std::move(shared)) {}

ServerThread::~ServerThread() = default;

void ServerThread::Listen(ListenSocket socket) { waiting_.push_back(std::move(socket)); }

void ServerThread::Start() {
  for (ListenSocket& socket : std::exchange(waiting_, {})) {
    listeners_.push_back(std::make_unique<Listener>(io, std::move(socket)));
    io.Spawn(Accept(shared_from_this(), *listeners_.back()));
  }
}

Task<void> ServerThread::Accept(std::shared_ptr<ServerThread> self, Listener& listener) {
  while (listener.descriptor.is_open()) {
    const auto [error] = co_await listener.descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read, kAwaitTuple);
    if (error) break;
    if (!self->AcceptReady(listener)) co_await Sleep(self->io, kAcceptPause);
  }
}

bool ServerThread::AcceptReady(Listener& listener) {
  for (int i = 0; i < kAcceptBatch && listener.descriptor.is_open(); ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int descriptor = ::accept4(listener.descriptor.native_handle(), reinterpret_cast<sockaddr*>(&address), &length,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      pause_logged_ = false;
      Admit(listener, descriptor, PeerText(address));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (!OutOfResources(errno)) continue;  // That one connection failed before it was taken.
    if (!std::exchange(pause_logged_, true)) {
      core->logger.Log(LogLevel::kWarning, std::string("accept-paused reason=\"") + std::strerror(errno) + "\"");
    }
    return false;
  }
  return true;
}

void ServerThread::Admit(Listener& listener, int descriptor, std::string peer) {
  core->accepted.Add();
  Socket socket(io.context());
  boost::system::error_code error;
  socket.assign(boost::asio::generic::stream_protocol(listener.family, 0), descriptor, error);
  if (error) {
    ::close(descriptor);
    return;
  }
  const std::uint32_t limit = core->options.connections_max + (listener.admin ? kAdminReserve : 0);
  const bool over = core->open.fetch_add(1, std::memory_order_relaxed) >= limit;
  ServerTls tls = listener.admin || listener.family == AF_UNIX ? nullptr : core->tls();
  if (over && (refusing_ >= kRefusingMax || tls != nullptr)) {
    core->refused(503).Add();
    core->open.fetch_sub(1, std::memory_order_release);
    return;
  }
  auto connection = std::make_unique<Connection>(shared_from_this(), std::move(socket),
                                                 Connection::Origin{std::move(peer), std::move(tls), listener.admin, over});
  io.Spawn(Connection::Serve(std::move(connection)));
}

void ServerThread::Drain() {
  draining = true;
  for (const auto& listener : listeners_) {
    if (listener->descriptor.is_open()) AcceptReady(*listener);  // What the kernel has taken would be reset.
  }
  CloseListeners();
  for (Connection* connection = first_; connection != nullptr; connection = connection->next_) connection->Drain();
}

void ServerThread::CloseListeners() {
  waiting_.clear();
  boost::system::error_code ignored;
  for (const auto& listener : listeners_) listener->descriptor.close(ignored);
}

void ServerThread::CloseConnections() {
  for (Connection* connection = first_; connection != nullptr; connection = connection->next_) connection->Cut();
}

void ServerThread::WhenEmpty(std::function<void()> empty) {
  if (first_ == nullptr) return empty();
  when_empty_ = std::move(empty);
}

void ServerThread::Add(Connection& connection) {
  connection.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &connection;
  first_ = &connection;
  refusing_ += connection.over_limit() ? 1 : 0;
  core->connections.Add(1);
}

void ServerThread::Remove(Connection& connection) {
  if (connection.previous_ != nullptr) connection.previous_->next_ = connection.next_;
  if (connection.next_ != nullptr) connection.next_->previous_ = connection.previous_;
  if (first_ == &connection) first_ = connection.next_;
  refusing_ -= connection.over_limit() ? 1 : 0;
  core->open.fetch_sub(1, std::memory_order_release);
  if (orphaned) return;
  core->connections.Add(-1);
  if (first_ == nullptr && when_empty_) std::exchange(when_empty_, nullptr)();
}

}  // namespace reflex::http
