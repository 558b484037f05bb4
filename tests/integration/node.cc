#include "node.h"

#include <cstdlib>
#include <future>
#include <stdexcept>
#include <utility>

#include "reflex/lmdb_store.h"

namespace reflex::integration {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "reflex-integration-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Node::Node(NodeOptions options) {
  table_.openai = http::ParseBaseUrl(options.upstream_url).value();
  std::unique_ptr<EntryStore> store;
  if (!options.store.empty()) {
    store::LmdbOptions lmdb;
    lmdb.path = options.store;
    lmdb.limit_bytes = 16 << 20;
    lmdb.free_space_percent = 0;
    store = store::LmdbStore::Open(lmdb, clock_, logger_).value();
  }
  cache_ = Cache::Create(MemoryOptions{}, std::move(store), clock_, logger_).value();
  gateway::GatewayParts parts;
  for (std::size_t i = 0; i < options.threads; ++i) {
    threads_.push_back(std::make_unique<http::IoThread>());
    clients_.push_back(http::Client::Create(options.client, *threads_.back(), pool_, registry_).value());
    upstreams_.push_back(upstream::NewUpstream(*clients_.back(), table_, registry_));
    parts.threads.push_back(threads_.back().get());
    parts.upstreams.push_back(upstreams_.back().get());
  }
  parts.cache = cache_.get();
  parts.pool = &pool_;
  parts.metrics = &registry_;
  parts.clock = &clock_;
  parts.logger = &logger_;
  parts.readiness = &readiness_;
  options.gateway.tenant_secret = std::string(32, 's');
  std::vector<http::IoThread*> threads = parts.threads;
  gateway_ = gateway::Gateway::Create(std::move(options.gateway), std::move(parts)).value();
  options.server.listen = {{"127.0.0.1:0"}};
  server_ = http::Server::Create(std::move(options.server), std::move(threads), *gateway_, registry_, logger_).value();
  server_->Start();
  const std::string address = server_->addresses().at(0);
  port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  for (const auto& thread : threads_) runners_.emplace_back([&thread = *thread] { thread.Run(); });
}

Node::~Node() {
  for (const auto& thread : threads_) thread->Stop();
  for (std::thread& runner : runners_) runner.join();
  server_.reset();
  upstreams_.clear();
  clients_.clear();
  threads_.clear();
}

Message Node::Ask(std::string_view request) const {
  Socket socket = Connect();
  socket.Send(request);
  auto reply = ReadMessage(socket);
  if (!reply) throw std::runtime_error("the connection was closed without a reply, error " + std::to_string(socket.error()));
  return std::move(*reply);
}

Message Node::AskChat(std::string_view body, std::string_view more_headers) const { return Ask(ChatRequest(body, more_headers)); }

void Node::WaitForNoFlights() const {
  while (gateway_->flights() != 0) {
    for (const auto& thread : threads_) {
      std::promise<void> ran;
      thread->Post([&ran] { ran.set_value(); });
      ran.get_future().wait();
    }
  }
}

std::string ChatRequest(std::string_view body, std::string_view more_headers) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk-test\r\n"
         "Content-Type: application/json\r\n" +
         std::string(more_headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace reflex::integration
