#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <functional>
#include <utility>

namespace reflex::http {

// Where one coroutine sleeps until a completion handler on the same thread wakes it. It carries no value: who sleeps loops on its
// own condition, so a Wake with nobody asleep is nothing, and one too many is harmless. Costs no coroutine frame and no heap.
class Waker {
 public:
  Waker() = default;
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // `co_await waker.Wait()`. At most one coroutine at a time.
  auto Wait() {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
        [this](auto&& sleeper) { sleeper_ = std::forward<decltype(sleeper)>(sleeper); }, boost::asio::deferred);
  }
  bool waiting() const { return static_cast<bool>(sleeper_); }

  // Runs the sleeper before it returns: call it last, from a completion handler.
  void Wake() {
    if (auto sleeper = std::exchange(sleeper_, nullptr)) sleeper();
  }
  // Lets the sleeper's coroutine be destroyed instead; its executor does that.
  void Drop() { sleeper_ = nullptr; }

 private:
  std::move_only_function<void()> sleeper_;
};

}  // namespace reflex::http
