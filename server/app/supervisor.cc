#include "app/supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace reflex::app {
namespace {

std::string Take(const char* name) {
  const char* value = std::getenv(name);
  std::string text(value == nullptr ? "" : value);
  ::unsetenv(name);
  return text;
}

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 ? std::optional(value) : std::nullopt;
}

// One line: the protocol's fields end with line feeds.
std::string Line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

}  // namespace

Supervisor Supervisor::FromEnvironment() {
  std::string address = Take("NOTIFY_SOCKET");
  const auto pid = Number(Take("WATCHDOG_PID"));
  const auto every_us = Number(Take("WATCHDOG_USEC"));
  // Without a pid it is meant for whoever reads it.
  const bool ours = !pid || *pid == static_cast<std::uint64_t>(::getpid());
  std::optional<std::chrono::milliseconds> watchdog;
  if (every_us && ours) watchdog = std::chrono::milliseconds(std::max<std::uint64_t>(*every_us / 1000, 2));
  return Supervisor(std::move(address), watchdog);
}

Supervisor::Supervisor(std::string address, std::optional<std::chrono::milliseconds> watchdog)
    : address_(std::move(address)), watchdog_(address_.empty() ? std::nullopt : watchdog) {
  if (!address_.empty()) socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

Supervisor::~Supervisor() {
  if (socket_ >= 0) ::close(socket_);
}

Supervisor::Supervisor(Supervisor&& other) noexcept
    : address_(std::move(other.address_)), watchdog_(other.watchdog_), socket_(std::exchange(other.socket_, -1)) {}

void Supervisor::Ready(std::string_view status) { Send("READY=1\nSTATUS=" + Line(status)); }

void Supervisor::Status(std::string_view text) { Send("STATUS=" + Line(text)); }

void Supervisor::Alive() { Send("WATCHDOG=1"); }

void Supervisor::Reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const std::uint64_t us = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  Send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

void Supervisor::Stopping(std::chrono::milliseconds limit) {
  Send("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(std::chrono::microseconds(limit).count()));
}

// Best effort: a service manager that went away is no reason to stop serving.
void Supervisor::Send(std::string_view message) {
  if (socket_ < 0) return;
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (address_.size() >= sizeof name.sun_path) return;
  std::memcpy(name.sun_path, address_.data(), address_.size());
  if (name.sun_path[0] == '@') name.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  (void)::sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&name),
                 size);
}

}  // namespace reflex::app
