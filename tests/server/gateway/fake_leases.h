#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "reflex/call_leases.h"

namespace reflex::gateway::testing {

// The leases of a shared store, with other gateways played by the test. Thread-safe.
class FakeLeases final : public CallLeases {
 public:
  Result<std::string> TakeLease(const Digest& key, std::chrono::milliseconds life) override {
    std::unique_lock lock(mutex_);
    last_key_ = key;
    last_life_ = life;
    ++takes_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    if (fails_) return Fail(ErrorCode::kTimeout, "the store is slow");
    if (others_have_all_ || held_.contains(key)) return std::string();
    return held_[key] = "token " + std::to_string(takes_);
  }
  void GiveLeaseBack(const Digest& key, std::string token) override {
    if (on_give_back) on_give_back(key);
    const std::lock_guard lock(mutex_);
    if (const auto at = held_.find(key); at != held_.end() && at->second == token) held_.erase(at);
    changed_.notify_all();
  }

  // Another gateway asks everything; or nothing any more.
  void OthersHaveAll(bool all) {
    const std::lock_guard lock(mutex_);
    others_have_all_ = all;
  }
  void FailFromNowOn() {
    const std::lock_guard lock(mutex_);
    fails_ = true;
  }
  // Takers wait where the gate is shut.
  void Shut() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  std::size_t takes() const {
    const std::lock_guard lock(mutex_);
    return takes_;
  }
  void WaitForTakes(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return takes_ >= count; });
  }
  // So many looks from now on.
  void WaitForMoreTakes(std::size_t count) { WaitForTakes(takes() + count); }
  void WaitForNoneHeld() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_.empty(); });
  }
  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  Digest last_key() const {
    const std::lock_guard lock(mutex_);
    return last_key_;
  }
  std::chrono::milliseconds last_life() const {
    const std::lock_guard lock(mutex_);
    return last_life_;
  }

  std::function<void(const Digest& key)> on_give_back;  // Set before the first use.

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Digest, std::string> held_;
  std::size_t takes_ = 0;
  Digest last_key_;
  std::chrono::milliseconds last_life_{0};
  bool others_have_all_ = false, fails_ = false, open_ = true;
};

}  // namespace reflex::gateway::testing
