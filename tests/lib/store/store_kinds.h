#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_test_util.h"
#include "reflex/entry_store.h"

namespace reflex::store {

// One way to have an EntryStore, for suites that run over all of them.
struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<EntryStore>(const std::filesystem::path&, Clock&, Logger&)> make;
};

// The name in a test's list.
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

template <class Made>
std::unique_ptr<EntryStore> Checked(Made made) {
  if (made) return std::move(*made);
  ADD_FAILURE() << made.error().message;
  return nullptr;
}

// Those the test program is about; each program defines it.
std::vector<StoreKind> StoreKinds();

// A purge with one condition, or none, of what was stored by `before_ms`; MakeEntry's entries all were.
inline PurgeRule PurgeAll(std::int64_t before_ms = 1'700'000'000'000) {
  PurgeRule rule;
  rule.before_ms = before_ms;
  return rule;
}
inline PurgeRule PurgeModel(std::string model) {
  PurgeRule rule = PurgeAll();
  rule.model = std::move(model);
  return rule;
}
inline PurgeRule PurgeTag(std::string tag) {
  PurgeRule rule = PurgeAll();
  rule.tag = std::move(tag);
  return rule;
}

// A number that comes from another thread.
class Gate {
 public:
  void Open(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    value_ = value;
    ++opened_;
    condition_.notify_all();
  }
  // The number, once it is there; a failure after 20 s, or when it came twice.
  std::uint64_t Wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(condition_.wait_for(lock, std::chrono::seconds(20), [&] { return opened_ > 0; }));
    EXPECT_EQ(opened_, 1);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  std::uint64_t value_ = 0;
  int opened_ = 0;
};

inline Digest ScopeOf(std::uint64_t number) { return base::HashBytes("scope " + std::to_string(number)); }
inline Digest CanonicalOf(std::uint64_t number) { return base::HashBytes("canonical " + std::to_string(number)); }

// MakeEntry with a place in a scope; the canonical digest follows from the number unless it is given.
inline EntryPtr MakeScoped(std::uint64_t number, std::uint64_t scope, std::size_t bytes, std::uint64_t canonical = ~0ull) {
  auto entry = std::make_shared<Entry>(*MakeEntry(number, bytes));
  entry->scope = ScopeOf(scope);
  entry->canonical = CanonicalOf(canonical == ~0ull ? number : canonical);
  entry->question = "question " + std::to_string(number);
  return entry;
}

}  // namespace reflex::store
