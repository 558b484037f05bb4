#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

#include "reflex/entry_store.h"

namespace reflex::redis {

// Notices as they come, waited for.
class Notices {
 public:
  void Add(const StoreNotice& notice) {
    const std::lock_guard lock(mutex_);
    ++(notice.kind == StoreNotice::Kind::kEntry ? entries_ : notice.kind == StoreNotice::Kind::kBlind ? blind_ : all_);
    if (notice.kind == StoreNotice::Kind::kEntry) labels_.insert(notice.label);
    changed_.notify_all();
  }
  template <class Condition>
  bool Wait(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return condition(*this); });
  }
  int entries_ = 0, all_ = 0, blind_ = 0;
  std::set<std::uint64_t> labels_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace reflex::redis
