#include "server/app/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <utility>

namespace reflex::test {
namespace {

using Steady = std::chrono::steady_clock;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// The value of Content-Length, or -1.
long LengthIn(const std::string& head) {
  std::string lower = head;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::size_t at = lower.find("content-length:");
  return at == std::string::npos ? -1 : std::strtol(lower.c_str() + at + 15, nullptr, 10);
}

// Reads a message with a Content-Length, or up to the end of the connection. False when it ended before the head did.
bool ReadMessage(int fd, std::string& head, std::string& body) {
  std::string bytes;
  char piece[4096];
  for (;;) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end != std::string::npos) {
      head = bytes.substr(0, end + 4);
      const long length = LengthIn(head);
      if (length >= 0 && bytes.size() >= end + 4 + static_cast<std::size_t>(length)) {
        body = bytes.substr(end + 4, static_cast<std::size_t>(length));
        return true;
      }
    }
    const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (!head.empty()) body = bytes.substr(head.size());
      // Less than was announced is a cut.
      return !head.empty() && LengthIn(head) < 0;
    }
    bytes.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "reflex-app-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteText(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

Process::Process(std::vector<std::string> arguments, const Environment& environment) {
  if (!arguments.at(0).starts_with('/')) arguments.insert(arguments.begin(), REFLEX_PROGRAM);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  // Sanitizers are told where to find their symbols and what to do by the environment.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) variables.push_back(std::string(name) + "=" + value);
  }
  std::vector<char*> argv, envp;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  for (std::string& variable : variables) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  int out[2], err[2];
  EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(::pipe2(err, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data()), 0) << argv[0];
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_fd_ = out[0];
  err_fd_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {out_fd_, err_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

void Process::Signal(int signal) const { EXPECT_EQ(::kill(pid_, signal), 0); }

bool Process::Pump(int limit_ms) {
  for (int wait = limit_ms;; wait = 0) {
    pollfd watched[2] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
    if (out_fd_ < 0 && err_fd_ < 0) return false;
    if (::poll(watched, 2, wait) <= 0) return true;
    for (int i = 0; i < 2; ++i) {
      if (watched[i].revents == 0) continue;
      char piece[4096];
      const ssize_t got = ::read(watched[i].fd, piece, sizeof piece);
      if (got > 0) {
        (i == 0 ? out_ : err_).append(piece, static_cast<std::size_t>(got));
      } else {
        ::close(std::exchange(i == 0 ? out_fd_ : err_fd_, -1));
      }
    }
  }
}

bool Process::WaitForOutput(std::string_view text) {
  const Steady::time_point end = Steady::now() + kLimit;
  const auto seen = [&] { return out_.find(text) != std::string::npos || err_.find(text) != std::string::npos; };
  while (!seen()) {
    if (!Pump(1000)) return seen();
    if (Steady::now() >= end) {
      ADD_FAILURE() << "waited in vain for \"" << text << "\"; printed: " << out_ << err_;
      return false;
    }
  }
  return true;
}

int Process::Wait() {
  if (pid_ <= 0) return status_;
  const Steady::time_point end = Steady::now() + kLimit;
  while (Pump(1000)) {
    if (Steady::now() < end) continue;
    ADD_FAILURE() << "did not end; printed: " << out_ << err_;
    ::kill(pid_, SIGKILL);
    break;
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return status_;
}

Finished RunProgram(std::vector<std::string> arguments, const Process::Environment& environment) {
  Process process(std::move(arguments), environment);
  Finished finished;
  finished.status = process.Wait();
  finished.out = process.out();
  finished.err = process.err();
  return finished;
}

namespace {
std::vector<std::string> ServeArguments(const TempFolder& folder, std::vector<std::string> more) {
  std::vector<std::string> arguments = {"serve", "--storage-path", (folder / "data").string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}
Process::Environment WithPort(Process::Environment environment, const std::vector<std::string>& arguments) {
  bool listens = environment.contains("REFLEX_SERVER_LISTEN");
  for (const std::string& argument : arguments) listens = listens || argument == "--server-listen" || argument == "--config";
  if (!listens) environment.emplace("REFLEX_PORT", "0");
  environment.emplace("REFLEX_IO_THREADS", "2");
  return environment;
}
}  // namespace

Served::Served(const TempFolder& folder, std::vector<std::string> arguments, Process::Environment environment)
    : process_(ServeArguments(folder, arguments), WithPort(std::move(environment), arguments)) {
  if (!process_.WaitForOutput(" listens on ")) {
    ADD_FAILURE() << "did not start: " << process_.err();
    return;
  }
  const std::string& line = process_.out();
  const std::size_t at = line.find("127.0.0.1:");
  if (at != std::string::npos) port_ = std::atoi(line.c_str() + at + 10);
}

Request::Request(int port, std::string_view method, std::string_view target, std::string_view headers, std::string_view body) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (!connected_) return;
  std::ostringstream head;
  head << method << ' ' << target << " HTTP/1.1\r\nHost: 127.0.0.1:" << port << "\r\nConnection: close\r\n" << headers;
  if (!body.empty()) head << "Content-Length: " << body.size() << "\r\n";
  head << "\r\n" << body;
  SendAll(fd_, head.str());
}

Request::~Request() { ::close(fd_); }

Reply Request::Read() {
  Reply reply;
  if (connected_ && ReadMessage(fd_, reply.head, reply.body) && reply.head.size() > 12) {
    reply.status = std::atoi(reply.head.c_str() + std::strlen("HTTP/1.1 "));
  }
  return reply;
}

Reply Ask(int port, std::string_view method, std::string_view target, std::string_view headers, std::string_view body) {
  return Request(port, method, target, headers, body).Read();
}

struct Provider::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;
  bool stopping = false;
  int requests = 0;
  std::vector<std::thread> answers;
  std::vector<int> clients;
};

Provider::Provider(bool held) : shared_(std::make_unique<Shared>()) {
  shared_->released = !held;
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 64), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(::pipe2(wake_, O_CLOEXEC), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

Provider::~Provider() {
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->stopping = true;
    for (const int client : shared_->clients) ::shutdown(client, SHUT_RDWR);
  }
  shared_->changed.notify_all();
  ::close(wake_[1]);
  thread_.join();
  for (std::thread& answer : shared_->answers) answer.join();
  for (const int client : shared_->clients) ::close(client);
  ::close(listener_);
  ::close(wake_[0]);
}

void Provider::Serve() {
  for (;;) {
    pollfd watched[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0) continue;
    if (watched[1].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->clients.push_back(client);
    shared_->answers.emplace_back([this, client] { Answer(client); });
  }
}

void Provider::Answer(int client) {
  for (;;) {
    std::string head, body;
    if (!ReadMessage(client, head, body)) return;
    {
      std::unique_lock<std::mutex> lock(shared_->mutex);
      ++shared_->requests;
      shared_->changed.notify_all();
      shared_->changed.wait(lock, [&] { return shared_->released || shared_->stopping; });
      if (shared_->stopping) return;
    }
    const std::string reply =
        R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,)"
        R"("message":{"role":"assistant","content":")" +
        std::string(kAnswer) +
        R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],)"
        R"("usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}})";
    SendAll(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(reply.size()) +
                        "\r\n\r\n" + reply);
  }
}

void Provider::WaitForRequests(int count) {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  EXPECT_TRUE(shared_->changed.wait_for(lock, Process::kLimit, [&] { return shared_->requests >= count; }));
}

void Provider::Release() {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->released = true;
  shared_->changed.notify_all();
}

int Provider::requests() {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->requests;
}

bool Eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + Process::kLimit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace reflex::test
