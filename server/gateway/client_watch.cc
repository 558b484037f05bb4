#include "gateway/client_watch.h"

#include <chrono>
#include <utility>

namespace reflex::gateway {
namespace {

constexpr std::chrono::milliseconds kPatience{50};

}  // namespace

void ClientWatch::Start(std::function<void()> left) {
  left_ = std::move(left);
  ExpireAt(exchange_.io().now() + kPatience);
}

void ClientWatch::Stop() {
  ExpireAt(http::SteadyTime::max());
  left_ = nullptr;
  if (std::exchange(looking_, false)) exchange_.OnDisconnect({});
}

void ClientWatch::Expire() {
  ExpireAt(http::SteadyTime::max());
  looking_ = true;
  exchange_.OnDisconnect(std::exchange(left_, nullptr));
}

}  // namespace reflex::gateway
