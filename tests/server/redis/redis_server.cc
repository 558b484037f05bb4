#include "server/redis/redis_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <gtest/gtest.h>

#include "fakes/loopback.h"

namespace reflex::redis {

using namespace std::chrono_literals;

namespace {

// A port that was free a moment ago.
std::uint16_t FreePort() {
  std::uint16_t port = 0;
  ::close(fakes::BoundToLoopback(port));
  return port;
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> arguments, std::string file, std::string second_port)
    : arguments_(std::move(arguments)), file_(std::move(file)), second_port_option_(std::move(second_port)) {
  // Another program may take a port first.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = FreePort();
    if (!second_port_option_.empty()) second_port_ = FreePort();
    if (Start()) return;
    SayWhy();
  }
  std::fprintf(stderr, "these tests need redis-server (apt-get install redis-server), and it did not start\n");
  std::abort();
}

RedisServer::~RedisServer() { Kill(); }

bool RedisServer::Start() {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return false;
  std::vector<std::string> words{
      "redis-server", "--port", std::to_string(port_),  "--bind", "127.0.0.1", "--save", "", "--appendonly",
      "no",           "--dir",  folder_.path().string()};
  if (!file_.empty()) words = {"redis-server", file_, "--port", std::to_string(port_), "--bind", "127.0.0.1"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  if (!second_port_option_.empty()) words.insert(words.end(), {second_port_option_, std::to_string(second_port_)});
  std::vector<char*> raw;
  for (std::string& word : words) raw.push_back(word.data());
  raw.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::dup2(pipe_ends[1], 1);
    ::dup2(pipe_ends[1], 2);
    ::close(pipe_ends[0]);
    ::execvp(raw[0], raw.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  said_.clear();
  std::array<char, 4096> bytes;
  pollfd wait{pipe_ends[0], POLLIN, 0};
  bool ready = false;
  while (!ready && ::poll(&wait, 1, 20'000) > 0) {
    const ssize_t got = ::read(pipe_ends[0], bytes.data(), bytes.size());
    if (got <= 0) break;
    said_.append(bytes.data(), static_cast<std::size_t>(got));
    ready = said_.find("eady to accept connections") != std::string::npos || said_.find("Sentinel ID is") != std::string::npos;
  }
  ::close(pipe_ends[0]);  // redis-server goes on without its log.
  if (!ready) Kill();
  return ready;
}

void RedisServer::SayWhy() const { std::fprintf(stderr, "%s\n", said_.c_str()); }

void RedisServer::Kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::Pause() { ::kill(pid_, SIGSTOP); }
void RedisServer::Resume() { ::kill(pid_, SIGCONT); }
void RedisServer::Restart() {
  Kill();
  // Another program may have the port for a moment, for a connection of its own.
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!Start()) {
    if (std::chrono::steady_clock::now() < end) continue;
    SayWhy();
    FAIL() << "redis-server did not start again";
  }
}

Value RedisServer::Ask(std::initializer_list<std::string_view> command) {
  auto connection = Connection::Open(endpoint(), {}, In(10s));
  std::string bytes;
  AppendCommand(command, bytes);
  auto replies = connection ? (*connection)->Run(bytes, 1, In(10s)) : std::unexpected(connection.error());
  if (!replies) {
    ADD_FAILURE() << replies.error().message;
    return {};
  }
  return std::move(replies->front());
}

RedisStoreOptions StoreOptions(const std::string& url) {
  RedisStoreOptions options;
  options.client.address = ParseAddress(url).value();
  options.lookup_timeout = 5s;
  options.write_timeout = 5s;
  options.linger = 20ms;
  return options;
}

}  // namespace reflex::redis
