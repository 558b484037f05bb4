#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "store/environment.h"

namespace reflex::store {

// The environment readers use, which a restored one may replace while they do. Thread-safe.
//
// Operation: a reader holds a Use for as long as it needs the environment. Set publishes another one; WaitUnused then returns when
// nobody can still be using the one before. Each shard was at zero once after Set: who came later saw the new one. Both sides use
// sequentially consistent operations: a reader counts before it looks, the writer sets before it reads the counts.
class EnvironmentSlot {
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> users{0};
  };

 public:
  class Use {
   public:
    Use(Environment* environment, std::atomic<std::uint64_t>* users) : environment_(environment), users_(users) {}
    ~Use() {
      if (users_ != nullptr) users_->fetch_sub(1);
    }
    Use(Use&& other) noexcept : environment_(other.environment_), users_(std::exchange(other.users_, nullptr)) {}
    Use& operator=(Use&&) = delete;

    explicit operator bool() const { return environment_ != nullptr; }
    Environment& operator*() const { return *environment_; }

   private:
    Environment* environment_;
    std::atomic<std::uint64_t>* users_;
  };

  // No environment where the file is not open.
  Use Look() {
    Shard& shard = shards_[std::hash<std::thread::id>{}(std::this_thread::get_id()) % shards_.size()];
    shard.users.fetch_add(1);
    return {environment_.load(), &shard.users};
  }
  void Set(Environment* environment) { environment_.store(environment); }
  void WaitUnused() const {
    for (const Shard& shard : shards_) {
      while (shard.users.load() != 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

 private:
  std::atomic<Environment*> environment_{nullptr};
  std::array<Shard, 16> shards_;
};

}  // namespace reflex::store
