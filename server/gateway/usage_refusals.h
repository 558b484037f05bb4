#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "upstream/upstream.h"

namespace reflex::gateway {

// The models (named as UsageRefusalName does) whose provider refused the usage that Reflex asks streams for. One address may serve
// several, and a refusal may have been a passing state, so each counts for itself and for an hour. Thread-safe.
class UsageRefusals {
 public:
  // More are not remembered at once, nor longer names: the oldest goes, and is asked and learned again.
  static constexpr std::size_t kKept = 256;
  static constexpr std::size_t kNameBytesMax = 256;

  void Add(upstream::Provider provider, std::string_view model, std::int64_t steady_ns) {
    if (model.size() > kNameBytesMax) return;
    base::MutexLock lock(mutex_);
    // In the order they came, so those that are over stand first.
    std::erase_if(refusals_, [&](const Refusal& one) { return IsOver(one, steady_ns) || one.Is(provider, model); });
    if (refusals_.size() == kKept) refusals_.erase(refusals_.begin());
    refusals_.push_back({provider, std::string(model), steady_ns});
  }

  bool Has(upstream::Provider provider, std::string_view model, std::int64_t steady_ns) const {
    base::MutexLock lock(mutex_);
    for (const Refusal& one : refusals_) {
      if (one.Is(provider, model)) return !IsOver(one, steady_ns);
    }
    return false;
  }

 private:
  static constexpr std::chrono::nanoseconds kRemembered = std::chrono::hours(1);

  struct Refusal {
    upstream::Provider provider;
    std::string model;
    std::int64_t since_ns;

    bool Is(upstream::Provider other, std::string_view name) const { return provider == other && model == name; }
  };
  static bool IsOver(const Refusal& one, std::int64_t steady_ns) { return steady_ns - one.since_ns >= kRemembered.count(); }

  mutable base::Mutex mutex_;
  std::vector<Refusal> refusals_ GUARDED_BY(mutex_);
};

}  // namespace reflex::gateway
