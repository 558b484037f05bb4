#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace reflex::app {

// Talks to the service manager that started the program, by the protocol of sd_notify(3): datagrams to the socket named in
// NOTIFY_SOCKET. Without one every call does nothing. Not thread-safe.
class Supervisor {
 public:
  // Reads and removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, so that children do not speak in this process's name.
  static Supervisor FromEnvironment();
  // `address`: a path, or "@name" in the abstract space; empty: nobody listens.
  explicit Supervisor(std::string address, std::optional<std::chrono::milliseconds> watchdog = std::nullopt);
  ~Supervisor();
  Supervisor(Supervisor&& other) noexcept;
  Supervisor& operator=(Supervisor&&) = delete;

  void Ready(std::string_view status);
  void Status(std::string_view text);
  // The program is alive; due every half of watchdog().
  void Alive();
  void Reloading();
  // The program ends, and may take up to `limit` for it.
  void Stopping(std::chrono::milliseconds limit);

  // How often a sign of life is expected at least; nullopt: not at all.
  std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }

 private:
  void Send(std::string_view message);

  std::string address_;
  std::optional<std::chrono::milliseconds> watchdog_;
  int socket_ = -1;
};

}  // namespace reflex::app
