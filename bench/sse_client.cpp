// Reads streams and says how late they are. usage: sse_client --port P [--conns 8] [--streams 200]
//
// Each connection asks for streams back to back, every one with another prompt so that no cache can answer. Prints one JSON line:
// time to the first byte of the body, gap between reads, lag of each event (its arrival less the "ts" that mock_upstream put in,
// same clock), time of a whole stream; microseconds, median and 99th percentile.
#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include "loopback.h"

namespace {

double NowUs() { return static_cast<double>(bench::NowNs()) / 1e3; }

double Percentile(std::vector<double>& values, double part) {
  if (values.empty()) return 0;
  const std::size_t index = std::min(values.size() - 1, static_cast<std::size_t>(part * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

struct Measured {
  std::vector<double> first_byte, gap, lag, total;
  std::size_t events = 0, bad = 0, streams = 0;
};

// One connection: takes bytes, decodes the chunks, looks at each line.
class Stream {
 public:
  explicit Stream(int port) : fd_(bench::ConnectTo(port)) {}
  int fd() const { return fd_; }

  void Ask(std::uint64_t number) {
    const std::string body = R"({"model":"gpt-4o-mini","messages":[{"role":"user","content":")" + std::to_string(number) +
                             R"( stream please"}],"stream":true})";
    const std::string request =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
        "Authorization: Bearer sk-bench-0\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    in_.clear();
    line_.clear();
    in_body_ = in_chunk_ = false;
    asked_us_ = NowUs();
    if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) bench::Die("send");
  }

  // True when the stream has ended.
  bool Take(std::string_view bytes, Measured& measured) {
    const double now = NowUs();
    in_.append(bytes);
    if (!in_body_) {
      const std::size_t head = in_.find("\r\n\r\n");
      if (head == in_.npos || in_.size() == head + 4) return false;
      if (in_.compare(9, 3, "200") != 0) ++measured.bad;
      in_.erase(0, head + 4);
      in_body_ = true;
      measured.first_byte.push_back(now - asked_us_);
    } else {
      measured.gap.push_back(now - last_us_);
    }
    last_us_ = now;
    if (!DecodeChunks(now, measured)) return false;
    measured.total.push_back(now - asked_us_);
    ++measured.streams;
    return true;
  }

 private:
  bool DecodeChunks(double now, Measured& measured) {
    for (;;) {
      if (!in_chunk_) {
        const std::size_t end = in_.find("\r\n");
        if (end == in_.npos) return false;
        left_ = std::strtoul(in_.c_str(), nullptr, 16);
        if (left_ == 0) return in_.size() >= end + 4;
        in_.erase(0, end + 2);
        in_chunk_ = true;
      }
      const std::size_t data = std::min(left_, in_.size());
      Lines(std::string_view(in_).substr(0, data), now, measured);
      in_.erase(0, data);
      left_ -= data;
      if (left_ > 0 || in_.size() < 2) return false;
      in_.erase(0, 2);
      in_chunk_ = false;
    }
  }

  void Lines(std::string_view data, double now, Measured& measured) {
    for (const char c : data) {
      if (c != '\n') {
        line_ += c;
        continue;
      }
      if (line_.starts_with("data: {")) {
        ++measured.events;
        static constexpr std::string_view kStamp = "data: {\"ts\":";
        if (line_.starts_with(kStamp)) {
          measured.lag.push_back(now - static_cast<double>(std::strtoull(line_.c_str() + kStamp.size(), nullptr, 10)) / 1e3);
        }
      }
      line_.clear();
    }
  }

  const int fd_;
  std::string in_, line_;
  bool in_body_ = false, in_chunk_ = false;
  std::size_t left_ = 0;
  double asked_us_ = 0, last_us_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const int port = bench::Option(argc, argv, "--port", 8080);
  const int total = bench::Option(argc, argv, "--streams", 200);
  const int connections = std::min(bench::Option(argc, argv, "--conns", 8), total);
  const int epoll = epoll_create1(0);
  std::uint64_t number = static_cast<std::uint64_t>(getpid()) * 1'000'003 + bench::NowNs() % 1'000'000;
  Measured measured;
  std::unordered_map<int, std::unique_ptr<Stream>> streams;
  int asked = 0;
  const double began = NowUs();
  for (; asked < connections; ++asked) {
    auto stream = std::make_unique<Stream>(port);
    bench::Watch(epoll, EPOLL_CTL_ADD, stream->fd(), EPOLLIN, static_cast<std::uint64_t>(stream->fd()));
    stream->Ask(number++);
    streams.emplace(stream->fd(), std::move(stream));
  }
  std::vector<char> buffer(1 << 20);
  epoll_event events[64];
  while (measured.streams < static_cast<std::size_t>(total)) {
    const int ready = epoll_wait(epoll, events, 64, 20'000);
    if (ready <= 0) bench::Die("no event for 20 seconds");
    for (int i = 0; i < ready; ++i) {
      Stream& stream = *streams.at(static_cast<int>(events[i].data.u64));
      const ssize_t got = recv(stream.fd(), buffer.data(), buffer.size(), 0);
      if (got <= 0) bench::Die("the server closed the connection");
      if (stream.Take({buffer.data(), static_cast<std::size_t>(got)}, measured) && asked < total) {
        stream.Ask(number++);
        ++asked;
      }
    }
  }
  const double seconds = (NowUs() - began) / 1e6;
  std::printf(
      "{\"streams\":%zu,\"events\":%zu,\"bad\":%zu,\"events_s\":%.0f,\"ttfb_p50\":%.1f,\"ttfb_p99\":%.1f,\"gap_p50\":%.1f,"
      "\"gap_p99\":%.1f,\"lag_p50\":%.1f,\"lag_p99\":%.1f,\"total_p50\":%.1f}\n",
      measured.streams, measured.events, measured.bad, static_cast<double>(measured.events) / seconds,
      Percentile(measured.first_byte, .5), Percentile(measured.first_byte, .99), Percentile(measured.gap, .5),
      Percentile(measured.gap, .99), Percentile(measured.lag, .5), Percentile(measured.lag, .99), Percentile(measured.total, .5));
}
