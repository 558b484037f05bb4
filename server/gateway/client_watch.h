#pragma once

#include <functional>

#include "http/exchange.h"
#include "http/io_thread.h"

namespace reflex::gateway {

// Tells when a request's client leaves while the request waits for the provider. It begins to look a moment after Start (50 ms,
// swept: up to 250): most replies are there sooner, and looking costs a read of the socket and a coroutine. A client that has left
// by then is noticed at once. On the exchange's thread.
class ClientWatch final : private http::Deadline {
 public:
  explicit ClientWatch(http::Exchange& exchange) : exchange_(exchange) { exchange_.io().Enroll(*this); }
  ~ClientWatch() {
    Stop();
    exchange_.io().Withdraw(*this);
  }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

  // Calls `left` once, from the thread's loop, if the client leaves before Stop.
  void Start(std::function<void()> left);
  void Stop();

 private:
  void Expire() override;

  http::Exchange& exchange_;
  std::function<void()> left_;  // Until the look begins.
  bool looking_ = false;
};

}  // namespace reflex::gateway
