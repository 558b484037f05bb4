// The ceiling of this machine: a bare epoll loop that finds the end of each request and sends a fixed answer.
// usage: epoll_limit --port P [--threads 1] [--body 1536]
#include <thread>
#include <unordered_map>
#include <vector>

#include "loopback.h"

namespace {

void Serve(int port, const std::string& reply) {
  const int listener = bench::ListenOn(port);
  const int epoll = epoll_create1(0);
  bench::Watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, 0);
  std::unordered_map<int, std::string> received;
  std::vector<char> buffer(65536);
  epoll_event events[256];
  for (;;) {
    const int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = static_cast<int>(events[i].data.u64);
      if (fd == 0) {
        for (int client; (client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          bench::SetNoDelay(client);
          bench::Watch(epoll, EPOLL_CTL_ADD, client, EPOLLIN, static_cast<std::uint64_t>(client));
        }
        continue;
      }
      const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        received.erase(fd);
        close(fd);
        continue;
      }
      std::string& bytes = received[fd];
      bytes.append(buffer.data(), static_cast<std::size_t>(got));
      for (std::size_t length; (length = bench::RequestLength(bytes)) != 0;) {
        bytes.erase(0, length);
        if (send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int port = bench::Option(argc, argv, "--port", 9104);
  const auto body = static_cast<std::size_t>(bench::Option(argc, argv, "--body", 1536));
  const std::string reply =
      "HTTP/1.1 200 OK\r\nServer: limit\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body) +
      "\r\nX-Cache: HIT\r\n\r\n" + std::string(body, 'x');
  std::vector<std::thread> threads;
  for (int i = 1; i < bench::Option(argc, argv, "--threads", 1); ++i) threads.emplace_back(Serve, port, reply);
  Serve(port, reply);
}
