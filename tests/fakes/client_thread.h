#pragma once

#include <dirent.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "http/client.h"
#include "http/io_thread.h"
#include "http/task.h"

namespace reflex::fakes {

// Open descriptors of this process.
inline std::size_t OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  std::size_t count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count - 3;  // ".", ".." and the folder itself.
}

// An I/O thread with a client on it; tests run coroutines there and wait for them.
class ClientThread {
 public:
  // Runs a function there.
  template <class F>
  auto Call(F work) {
    std::promise<decltype(work())> promise;
    io_->Post([&] { promise.set_value(work()); });
    return promise.get_future().get();
  }

  explicit ClientThread(http::ClientOptions options = {})
      : io_(std::make_unique<http::IoThread>()), thread_([this] { io_->Run(); }) {
    auto made = Call([&] { return http::Client::Create(std::move(options), *io_, pool_, metrics_); });
    if (!made) {
      create_error_ = made.error();
    } else {
      client_ = std::move(*made);
    }
  }
  ~ClientThread() {
    Call([this] { return client_.reset(), 0; });
    io_->Stop();
    thread_.join();
    io_.reset();
  }
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  // Runs the coroutine that `make()` gives to its end and returns its value.
  template <class Make>
  auto Run(Make make) {
    return Start(std::move(make)).get();
  }
  template <class Make>
  auto Start(Make make) {
    using Value = typename decltype(make())::value_type;
    auto promise = std::make_shared<std::promise<Value>>();
    auto future = promise->get_future();
    io_->Post([this, promise, make = std::move(make)] { io_->Spawn(Finish<Value>(make, promise)); });
    return future;
  }
  http::Client& client() { return *client_; }
  http::IoThread& io() { return *io_; }
  base::MetricsRegistry& metrics() { return metrics_; }
  base::WorkerPool& pool() { return pool_; }
  const std::optional<Error>& create_error() const { return create_error_; }

 private:
  template <class Value, class Make>
  static http::Task<void> Finish(Make make, std::shared_ptr<std::promise<Value>> promise) {
    promise->set_value(co_await make());
  }

  base::MetricsRegistry metrics_;
  base::WorkerPool pool_{2, 64, 0};
  std::unique_ptr<http::IoThread> io_;
  std::thread thread_;
  std::unique_ptr<http::Client> client_;
  std::optional<Error> create_error_;
};

// A whole call: what came, or why not.
struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::size_t pieces = 0;
  std::optional<Error> send_error, read_error;

  bool complete() const { return !send_error && !read_error; }
  std::string Header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

inline http::Task<Answer> Fetch(http::Client& client, http::ClientRequest request, http::CallHandle* handle = nullptr) {
  Answer answer;
  auto reply = co_await client.Send(request, handle);
  if (!reply) {
    answer.send_error = reply.error();
    co_return answer;
  }
  answer.status = (*reply)->status();
  for (const http::Header& header : (*reply)->headers()) answer.headers.emplace_back(header.name, header.value);
  for (;;) {
    auto piece = co_await (*reply)->Read();
    if (!piece) answer.read_error = piece.error();
    if (!piece || piece->empty()) break;
    answer.body.append(*piece);
    ++answer.pieces;
  }
  co_return answer;
}

}  // namespace reflex::fakes
