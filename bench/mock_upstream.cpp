// A provider without a model, for measuring: answers chat completions at once or after a delay, plain or as a stream.
// usage: mock_upstream --port P [--threads 1] [--body 1536] [--delay-ms 0] [--events 200] [--event-us 0] [--token-bytes 8]
//
// A body with "stream":true gets a stream of --events events, each written with its own send() as model servers do; the last one
// carries the finish_reason, and a usage chunk follows where the request asks for it. Each event starts with "ts", the time of
// its sending (CLOCK_MONOTONIC, nanoseconds), so that a client on the same machine can tell its lag. --delay-ms holds plain
// answers back, --event-us is the time between two events. GET /stats answers {"requests":N}, the POSTs so far: the proof that a
// hit did not come here.
#include <sys/timerfd.h>

#include <atomic>
#include <memory>
#include <queue>
#include <thread>
#include <unordered_map>
#include <vector>

#include "loopback.h"

namespace {

struct Options {
  int port, threads, body, delay_ms, events, event_us, token_bytes;
};

std::atomic<std::uint64_t> requests_served{0};

std::string Chunk(std::string_view data) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

std::string JsonReply(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// A whole answer of `size` bytes.
std::string PlainAnswer(std::size_t size) {
  const std::string before =
      R"({"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":")";
  const std::string after =
      R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":300,"total_tokens":420}})";
  std::string body = before;
  while (body.size() + after.size() < size) body += "lorem ipsum "[body.size() % 12];
  return JsonReply(body + after);
}

std::string Event(int number, const Options& options, bool with_usage) {
  std::string token = std::to_string(number) + " ";
  token.resize(std::max(token.size(), static_cast<std::size_t>(options.token_bytes)), 't');
  const bool last = number + 1 == options.events;
  std::string event = "data: {\"ts\":" + std::to_string(bench::NowNs()) +
                      R"(,"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini",)";
  event += R"("choices":[{"index":0,"delta":{)";
  if (number == 0) event += R"("role":"assistant",)";
  event += "\"content\":\"" + token + "\"},\"finish_reason\":" + (last ? "\"stop\"" : "null") + "}]";
  if (with_usage) event += ",\"usage\":null";
  return event + "}\n\n";
}

constexpr std::string_view kUsageEvent =
    R"(data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","choices":[],)"
    R"("usage":{"prompt_tokens":120,"completion_tokens":300,"total_tokens":420}})"
    "\n\n";

bool Says(std::string_view body, std::string_view name) {
  const std::string compact = "\"" + std::string(name) + "\":true";
  const std::string spaced = "\"" + std::string(name) + "\": true";
  return body.find(compact) != body.npos || body.find(spaced) != body.npos;
}

struct Connection {
  int fd = -1;
  std::uint64_t id = 0;
  std::string in, out;
  bool waiting = false;           // A plain answer is held back, or a stream is running: nothing more is read from `in`.
  int event = -1;                 // The next event of a running stream.
  bool with_usage = false;        // Of a running stream.
  std::size_t request_bytes = 0;  // Of the request being answered.
};

class Loop {
 public:
  explicit Loop(const Options& options)
      : options_(options),
        plain_(PlainAnswer(static_cast<std::size_t>(options.body))),
        epoll_(epoll_create1(0)),
        listener_(bench::ListenOn(options.port)),
        timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)),
        buffer_(256 << 10) {
    bench::Watch(epoll_, EPOLL_CTL_ADD, listener_, EPOLLIN, kListener);
    bench::Watch(epoll_, EPOLL_CTL_ADD, timer_, EPOLLIN, kTimer);
  }

  [[noreturn]] void Run() {
    epoll_event events[256];
    for (;;) {
      const int ready = epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < ready; ++i) {
        const std::uint64_t id = events[i].data.u64;
        if (id == kListener) {
          Accept();
        } else if (id == kTimer) {
          Alarm();
        } else {
          Serve(id, events[i].events);
        }
      }
    }
  }

 private:
  static constexpr std::uint64_t kListener = 0, kTimer = 1;
  struct Wake {
    std::uint64_t at, id;
    bool operator<(const Wake& other) const { return at > other.at; }
  };

  void Accept() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      bench::SetNoDelay(fd);
      auto connection = std::make_unique<Connection>();
      connection->fd = fd;
      connection->id = next_id_++;
      bench::Watch(epoll_, EPOLL_CTL_ADD, fd, EPOLLIN, connection->id);
      connections_.emplace(connection->id, std::move(connection));
    }
  }

  void Serve(std::uint64_t id, std::uint32_t events) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (events & EPOLLOUT) Drain(connection);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    const ssize_t got = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) {
      close(connection.fd);
      connections_.erase(found);
      return;
    }
    connection.in.append(buffer_.data(), static_cast<std::size_t>(got));
    Feed(connection);
  }

  void Feed(Connection& connection) {
    while (!connection.waiting && (connection.request_bytes = bench::RequestLength(connection.in)) != 0) {
      if (connection.in.starts_with("GET ")) {
        Put(connection, JsonReply("{\"requests\":" + std::to_string(requests_served.load()) + "}"));
        connection.in.erase(0, connection.request_bytes);
      } else if (options_.delay_ms > 0) {
        connection.waiting = true;
        WakeIn(connection, static_cast<std::uint64_t>(options_.delay_ms) * 1'000'000);
      } else {
        Answer(connection);
      }
    }
  }

  void Answer(Connection& connection) {
    ++requests_served;
    const std::string_view request = std::string_view(connection.in).substr(0, connection.request_bytes);
    const bool stream = Says(request, "stream");
    connection.with_usage = stream && Says(request, "include_usage");
    connection.in.erase(0, connection.request_bytes);
    connection.waiting = stream;
    if (!stream) return Put(connection, plain_);
    Put(connection,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.event = 0;
    Step(connection);
  }

  // Sends events of a running stream until it has to wait or is done.
  void Step(Connection& connection) {
    while (connection.event < options_.events) {
      Put(connection, Chunk(Event(connection.event++, options_, connection.with_usage)));
      if (options_.event_us > 0) return WakeIn(connection, static_cast<std::uint64_t>(options_.event_us) * 1000);
    }
    if (connection.with_usage) Put(connection, Chunk(kUsageEvent));
    Put(connection, Chunk("data: [DONE]\n\n") + "0\r\n\r\n");
    connection.event = -1;
    connection.waiting = false;
  }

  void Put(Connection& connection, std::string_view bytes) {
    std::size_t sent = 0;
    if (connection.out.empty()) {
      const ssize_t done = send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (done > 0) sent = static_cast<std::size_t>(done);
      if (sent == bytes.size()) return;
      bench::Watch(epoll_, EPOLL_CTL_MOD, connection.fd, EPOLLIN | EPOLLOUT, connection.id);
    }
    connection.out.append(bytes.substr(sent));
  }

  void Drain(Connection& connection) {
    const ssize_t done = send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (done > 0) connection.out.erase(0, static_cast<std::size_t>(done));
    if (connection.out.empty()) bench::Watch(epoll_, EPOLL_CTL_MOD, connection.fd, EPOLLIN, connection.id);
  }

  void WakeIn(const Connection& connection, std::uint64_t nanoseconds) {
    wakes_.push({bench::NowNs() + nanoseconds, connection.id});
    SetTimer();
  }

  void SetTimer() {
    itimerspec spec{};
    if (!wakes_.empty()) {
      const std::uint64_t now = bench::NowNs();
      const std::uint64_t wait = wakes_.top().at > now ? wakes_.top().at - now : 1;
      spec.it_value.tv_sec = static_cast<time_t>(wait / 1'000'000'000);
      spec.it_value.tv_nsec = static_cast<long>(wait % 1'000'000'000);
    }
    timerfd_settime(timer_, 0, &spec, nullptr);
  }

  void Alarm() {
    std::uint64_t expirations = 0;
    if (read(timer_, &expirations, sizeof expirations) < 0) return;
    while (!wakes_.empty() && wakes_.top().at <= bench::NowNs()) {
      const std::uint64_t id = wakes_.top().id;
      wakes_.pop();
      const auto found = connections_.find(id);
      if (found == connections_.end()) continue;
      Connection& connection = *found->second;
      if (connection.event >= 0) {
        Step(connection);
      } else {
        connection.waiting = false;
        Answer(connection);
      }
      Feed(connection);
    }
    SetTimer();
  }

  const Options options_;
  const std::string plain_;
  const int epoll_, listener_, timer_;
  std::vector<char> buffer_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::priority_queue<Wake> wakes_;
  std::uint64_t next_id_ = 2;
};

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](std::string_view name, int fallback) { return bench::Option(argc, argv, name, fallback); };
  const Options options{.port = number("--port", 9100),
                        .threads = number("--threads", 1),
                        .body = number("--body", 1536),
                        .delay_ms = number("--delay-ms", 0),
                        .events = number("--events", 200),
                        .event_us = number("--event-us", 0),
                        .token_bytes = number("--token-bytes", 8)};
  std::vector<std::thread> threads;
  for (int i = 1; i < options.threads; ++i) threads.emplace_back([&] { Loop(options).Run(); });
  Loop(options).Run();
}
