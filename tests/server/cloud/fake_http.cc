#include "fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include "fakes/loopback.h"

namespace reflex::test {
namespace {

constexpr std::size_t kPieceBytes = 16 << 10;

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string HttpDate(std::int64_t wall_ms) {
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

// More bytes onto `pending`; false at the connection's end.
bool Receive(int socket, std::string& pending, std::size_t* got = nullptr) {
  char piece[kPieceBytes];
  const ssize_t size = ::recv(socket, piece, sizeof piece, 0);
  if (size <= 0) return false;
  pending.append(piece, static_cast<std::size_t>(size));
  if (got != nullptr) *got = static_cast<std::size_t>(size);
  return true;
}

void ParseHead(const std::string& head, FakeRequest& request, std::string& target) {
  const std::size_t line_end = head.find("\r\n");
  const std::size_t space = head.find(' ');
  request.method = head.substr(0, space);
  target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
  const std::size_t question = std::min(target.find('?'), target.size());
  request.path = PercentDecode(target.substr(0, question));
  std::string query = target.substr(std::min(question + 1, target.size()));
  while (!query.empty()) {
    const std::string one = query.substr(0, query.find('&'));
    query.erase(0, one.size() + 1);
    const std::size_t equals = std::min(one.find('='), one.size());
    request.query[PercentDecode(one.substr(0, equals))] = PercentDecode(one.substr(std::min(equals + 1, one.size())));
  }
  for (std::size_t at = line_end + 2; at < head.size();) {
    const std::size_t end = std::min(head.find("\r\n", at), head.size());
    const std::string line = head.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos) {
      const std::size_t value = line.find_first_not_of(' ', colon + 1);
      request.headers[Lower(line.substr(0, colon))] = value == std::string::npos ? "" : line.substr(value);
    }
    at = end + 2;
  }
}

}  // namespace

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      decoded += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string FakeRequest::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string FakeRequest::Query(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

FakeHttp::FakeHttp() {
  listener_ = fakes::BoundToLoopback(port_);
  if (::listen(listener_, 64) != 0) std::abort();
  acceptor_ = std::thread([this] { Accept(); });
}

FakeHttp::~FakeHttp() {
  std::vector<std::thread> threads;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    threads = std::move(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  ::close(listener_);
}

void FakeHttp::Serve(Handler handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
}

void FakeHttp::Plant(std::string method, std::string part, FakeReply fault, int skip) {
  const std::lock_guard lock(mutex_);
  faults_.push_back({std::move(method), std::move(part), std::move(fault), skip});
}

void FakeHttp::OnBytes(std::function<void(std::size_t)> hook) {
  const std::lock_guard lock(mutex_);
  on_bytes_ = std::move(hook);
}

void FakeHttp::SetClockAhead(std::int64_t ms) {
  const std::lock_guard lock(mutex_);
  ahead_ms_ = ms;
}

std::int64_t FakeHttp::NowMs() const {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count() + ahead_ms_;
}

std::vector<std::string> FakeHttp::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

int FakeHttp::Count(std::string_view method, std::string_view part) const {
  const std::string begin = std::string(method) + " ";
  const std::vector<std::string> all = seen();
  return static_cast<int>(std::ranges::count_if(
      all, [&](const std::string& one) { return one.starts_with(begin) && one.find(part) != std::string::npos; }));
}

std::size_t FakeHttp::planted() const {
  const std::lock_guard lock(mutex_);
  return faults_.size();
}

void FakeHttp::Accept() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    sockets_.insert(socket);
    threads_.emplace_back([this, socket] { Connection(socket); });
  }
}

void FakeHttp::Connection(int socket) {
  std::string pending;
  while (OneRequest(socket, pending)) {
  }
  ::shutdown(socket, SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  sockets_.erase(socket);
  ::close(socket);
}

bool FakeHttp::OneRequest(int socket, std::string& pending) {
  std::size_t end = pending.find("\r\n\r\n");
  while (end == std::string::npos) {
    if (!Receive(socket, pending)) return false;
    end = pending.find("\r\n\r\n");
  }
  FakeRequest request;
  std::string target;
  ParseHead(pending.substr(0, end), request, target);
  pending.erase(0, end + 4);
  std::optional<FakeReply> fault = Meet(request, target);
  const std::size_t whole = static_cast<std::size_t>(std::strtoull(request.Header("content-length").c_str(), nullptr, 10));
  const std::size_t wanted = fault && fault->take_only ? std::min(whole, *fault->take_only) : whole;
  Told(std::min(pending.size(), wanted));
  while (pending.size() < wanted) {
    std::size_t got = 0;
    if (!Receive(socket, pending, &got)) break;
    Told(got);
  }
  request.body = pending.substr(0, std::min(wanted, pending.size()));
  pending.erase(0, request.body.size());
  const bool drop = fault && fault->take_only;
  request.cut = request.body.size() < whole;
  if (fault && !drop) return Send(socket, request, *fault);
  FakeReply reply;
  {
    const std::lock_guard one_at_a_time(handling_);
    Handler handler;
    {
      const std::lock_guard lock(mutex_);
      handler = handler_;
    }
    reply = handler(request);
  }
  return !request.cut && !drop && Send(socket, request, reply);
}

std::optional<FakeReply> FakeHttp::Meet(const FakeRequest& request, const std::string& target) {
  const std::lock_guard lock(mutex_);
  std::string haystack = target;
  if (const std::string range = request.Header("content-range"); !range.empty())
    haystack += range.starts_with("bytes */") ? " question" : " piece";
  seen_.push_back(request.method + " " + haystack);
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->method != request.method || haystack.find(fault->part) == std::string::npos) continue;
    if (fault->skip-- > 0) return std::nullopt;
    FakeReply reply = std::move(fault->reply);
    faults_.erase(fault);
    return reply;
  }
  return std::nullopt;
}

bool FakeHttp::Send(int socket, const FakeRequest& request, const FakeReply& reply) {
  if (reply.silent) {
    std::string rest;
    while (Receive(socket, rest)) {
    }
    return false;
  }
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Said\r\nDate: " + HttpDate(NowMs()) + "\r\n";
  bool length = false;
  for (const auto& [name, value] : reply.headers) {
    head += name + ": " + value + "\r\n";
    length = length || name == "Content-Length";
  }
  if (!length && reply.status != 204) head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  const auto send_all = [socket](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  if (!send_all(head + "\r\n")) return false;
  if (request.method == "HEAD") return true;
  const std::string_view body = std::string_view(reply.body).substr(0, reply.cut_after.value_or(reply.body.size()));
  for (std::size_t at = 0; at < body.size(); at += kPieceBytes) {
    if (!send_all(body.substr(at, kPieceBytes))) return false;
    Told(std::min(kPieceBytes, body.size() - at));
  }
  return !reply.cut_after;
}

void FakeHttp::Told(std::size_t bytes) {
  std::function<void(std::size_t)> hook;
  {
    const std::lock_guard lock(mutex_);
    hook = on_bytes_;
  }
  if (hook && bytes > 0) hook(bytes);
}

}  // namespace reflex::test
