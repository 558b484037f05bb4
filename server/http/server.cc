#include "http/server.h"

#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include "http/detail/listen.h"
#include "http/detail/server_thread.h"
#include "http/detail/tls_server.h"

namespace reflex::http {
namespace {

constexpr std::chrono::seconds kEndLimit{5};
constexpr int kEndTurns = 10'000;  // Of the event loop; handlers that ended need a few.

class ServerImpl final : public Server {
 public:
  ServerImpl(std::shared_ptr<ServerCore> core, std::vector<std::shared_ptr<ServerThread>> threads)
      : core_(std::move(core)), threads_(std::move(threads)) {}
  ~ServerImpl() override;

  void Add(Listening listening);

  void Start() override { OnThreads(&ServerThread::Start); }
  std::vector<std::string> addresses() const override { return addresses_; }
  Result<void> ReloadTls() override;
  void Drain() override;
  bool drained() const override;
  void CloseAll() override { OnThreads(&ServerThread::CloseConnections); }

 private:
  void OnThreads(void (ServerThread::*call)());
  static void EndOnThread(const std::shared_ptr<ServerThread>& thread);

  std::shared_ptr<ServerCore> core_;
  std::vector<std::shared_ptr<ServerThread>> threads_;
  std::vector<std::string> addresses_;
  std::vector<SocketFile> files_;
  std::atomic<bool> drain_asked_{false};
};

void ServerImpl::Add(Listening listening) {
  addresses_.push_back(std::move(listening.address));
  for (std::size_t i = 0; i < threads_.size(); ++i) threads_[i]->Listen(std::move(listening.sockets[i]));
  for (SocketFile& file : listening.files) files_.push_back(std::move(file));
}

void ServerImpl::OnThreads(void (ServerThread::*call)()) {
  for (const std::shared_ptr<ServerThread>& thread : threads_) {
    thread->io.Post([thread, call] { (thread.get()->*call)(); });
  }
}

Result<void> ServerImpl::ReloadTls() {
  if (core_->options.tls.certificate_file.empty()) return {};
  REFLEX_TRY(ServerTls fresh, LoadTls(core_->options.tls));
  base::MutexLock lock(core_->mutex);
  core_->tls_context = std::move(fresh);
  return {};
}

void ServerImpl::Drain() {
  if (drain_asked_.exchange(true)) return;
  for (const std::shared_ptr<ServerThread>& thread : threads_) {
    thread->io.Post([thread] {
      thread->Drain();
      thread->core->threads_draining.fetch_add(1, std::memory_order_release);
    });
  }
}

bool ServerImpl::drained() const {
  // In this order: a thread that is not yet draining may still accept.
  if (drain_asked_.load() && core_->threads_draining.load(std::memory_order_acquire) < threads_.size()) return false;
  return core_->open.load(std::memory_order_acquire) == 0;
}

// Cuts the thread's connections and waits until their handlers returned, so that nothing of the server is used any more.
void ServerImpl::EndOnThread(const std::shared_ptr<ServerThread>& thread) {
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> end = ended->get_future();
  thread->io.Post([thread, ended] {
    thread->CloseListeners();
    thread->CloseConnections();
    thread->WhenEmpty([ended] { ended->set_value(); });
  });
  if (thread->io.running()) {
    end.wait_for(kEndLimit);
  } else {
    for (int turn = 0; turn < kEndTurns && thread->io.Poll() > 0; ++turn) {
    }
  }
  if (thread->io.running()) {
    thread->io.Post([thread] { thread->Orphan(); });
  } else {
    thread->Orphan();
  }
}

ServerImpl::~ServerImpl() {
  for (const std::shared_ptr<ServerThread>& thread : threads_) EndOnThread(thread);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Create(ServerOptions options, std::vector<IoThread*> threads, Handler& handler,
                                               base::MetricsRegistry& metrics, Logger& logger) {
  auto core = std::make_shared<ServerCore>(std::move(options), handler, metrics, logger);
  std::vector<std::shared_ptr<ServerThread>> parts;
  for (IoThread* thread : threads) parts.push_back(std::make_shared<ServerThread>(*thread, core));
  auto server = std::make_unique<ServerImpl>(core, std::move(parts));
  REFLEX_CHECK(server->ReloadTls());
  for (const ListenAddress& address : core->options.listen) {
    REFLEX_TRY(Listening listening, ListenAt(address, threads.size()));
    server->Add(std::move(listening));
  }
  return server;
}

}  // namespace reflex::http
