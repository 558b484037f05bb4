#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "gateway/context.h"
#include "reflex/types.h"

namespace reflex::gateway {

// A semantic hit that was served, as feedback needs it.
struct SemanticHit {
  Digest tenant;
  Digest scope;
  Digest entry;
  Digest canonical;  // Of the entry's question.
  Outcome outcome = Outcome::kVerified;
  std::string question;
  std::string name_space;
};

// The last semantic hits, by the request id of their reply: 100,000 of them, or fewer where their questions are long, because all
// of them together hold 64 MiB at most (100,000 questions of 200 bytes hold 50 MB). Thread-safe: one lock, held for a look only; an
// exact hit never takes it.
class SemanticHits {
 public:
  static constexpr std::size_t kKept = 100'000;
  static constexpr std::size_t kBytesMax = 64 << 20;

  explicit SemanticHits(std::size_t kept = kKept, std::size_t bytes_max = kBytesMax) : kept_max_(kept), bytes_max_(bytes_max) {}

  // The oldest make room. A request id that is known already changes nothing.
  void Add(std::string_view request_id, SemanticHit hit) EXCLUDES(mutex_);

  // The hit, if it is the tenant's.
  std::optional<SemanticHit> Find(std::string_view request_id, const Digest& tenant) const EXCLUDES(mutex_);
  // True the first time only: a hit counts as one report, however often it is reported. False too when it is forgotten by now.
  bool TakeReport(std::string_view request_id) EXCLUDES(mutex_);

  std::size_t size() const EXCLUDES(mutex_);
  std::size_t bytes() const EXCLUDES(mutex_);

 private:
  struct Kept {
    SemanticHit hit;
    bool reported = false;
  };
  void DropOldest() REQUIRES(mutex_);
  static std::size_t BytesOf(std::string_view request_id, const SemanticHit& hit);

  const std::size_t kept_max_;
  const std::size_t bytes_max_;
  mutable base::Mutex mutex_;
  std::unordered_map<std::string, Kept> hits_ GUARDED_BY(mutex_);
  std::deque<std::string_view> order_ GUARDED_BY(mutex_);  // Oldest first: the keys of hits_, which do not move.
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace reflex::gateway
