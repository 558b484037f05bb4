#include "server/redis/cutting_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "fakes/loopback.h"

namespace reflex::redis {
namespace {

bool SendAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(Endpoint server) : server_(std::move(server)) {
  listener_ = fakes::BoundToLoopback(port_);
  if (::listen(listener_, 16) != 0) std::abort();
  thread_ = std::thread([this] { Run(); });
}

CuttingProxy::~CuttingProxy() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // Ends the poll.
  thread_.join();
  ::close(listener_);
  for (const Pair& pair : pairs_) {
    ::close(pair.client);
    ::close(pair.server);
  }
}

void CuttingProxy::CutAfter(std::string word) {
  const std::lock_guard lock(mutex_);
  word_ = std::move(word);
}

bool CuttingProxy::Condemns(const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  if (word_.empty() || bytes.find("\r\n" + word_ + "\r\n") == std::string::npos) return false;
  word_.clear();
  return true;
}

void CuttingProxy::Run() {
  while (!stopping_) {
    std::vector<pollfd> waits{{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      waits.push_back({pair.client, POLLIN, 0});
      waits.push_back({pair.server, POLLIN, 0});
    }
    if (::poll(waits.data(), waits.size(), -1) < 0 || stopping_) continue;
    std::vector<Pair> kept;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair pair = pairs_[i];
      bool open = waits[2 * i + 1].revents == 0 || Pass(pair, true);
      open = open && (waits[2 * i + 2].revents == 0 || Pass(pair, false));
      if (open) {
        kept.push_back(pair);
        continue;
      }
      ::close(pair.client);
      ::close(pair.server);
    }
    pairs_ = std::move(kept);
    if (waits[0].revents != 0) Accept();
  }
}

void CuttingProxy::Accept() {
  const sockaddr_in address = fakes::Loopback(server_.port);
  const int client = ::accept(listener_, nullptr, nullptr);
  if (client < 0) return;
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(client);
    ::close(server);
    return;
  }
  pairs_.push_back({client, server, false});
}

bool CuttingProxy::Pass(Pair& pair, bool from_client) {
  std::array<char, 65'536> room;
  const ssize_t got = ::recv(from_client ? pair.client : pair.server, room.data(), room.size(), 0);
  if (got <= 0) return false;
  const std::string bytes(room.data(), static_cast<std::size_t>(got));
  if (from_client) {
    pair.cut = pair.cut || Condemns(bytes);
    return SendAll(pair.server, bytes);
  }
  if (!pair.cut) return SendAll(pair.client, bytes);
  ++cuts_;
  return false;
}

}  // namespace reflex::redis
