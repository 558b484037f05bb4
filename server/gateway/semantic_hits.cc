#include "gateway/semantic_hits.h"

#include <utility>

namespace reflex::gateway {
namespace {

// A map's node and bucket, the queue's place, the heap's own, roughly.
constexpr std::size_t kHitOverheadBytes = 128;

}  // namespace

std::size_t SemanticHits::BytesOf(std::string_view request_id, const SemanticHit& hit) {
  return sizeof(Kept) + sizeof(std::string) + kHitOverheadBytes + request_id.size() + hit.question.size() + hit.name_space.size();
}

void SemanticHits::DropOldest() {
  const auto oldest = hits_.find(std::string(order_.front()));
  order_.pop_front();
  bytes_ -= BytesOf(oldest->first, oldest->second.hit);
  hits_.erase(oldest);
}

void SemanticHits::Add(std::string_view request_id, SemanticHit hit) {
  const std::size_t bytes = BytesOf(request_id, hit);
  if (bytes > bytes_max_ || kept_max_ == 0) return;
  base::MutexLock lock(mutex_);
  const auto [at, fresh] = hits_.try_emplace(std::string(request_id));
  if (!fresh) return;  // Request ids are unique; were one not, the first keeps its meaning.
  at->second.hit = std::move(hit);
  order_.push_back(at->first);
  bytes_ += bytes;
  while (order_.size() > kept_max_ || bytes_ > bytes_max_) DropOldest();
}

std::optional<SemanticHit> SemanticHits::Find(std::string_view request_id, const Digest& tenant) const {
  base::MutexLock lock(mutex_);
  const auto at = hits_.find(std::string(request_id));
  if (at == hits_.end() || at->second.hit.tenant != tenant) return std::nullopt;
  return at->second.hit;
}

bool SemanticHits::TakeReport(std::string_view request_id) {
  base::MutexLock lock(mutex_);
  const auto at = hits_.find(std::string(request_id));
  return at != hits_.end() && !std::exchange(at->second.reported, true);
}

std::size_t SemanticHits::size() const {
  base::MutexLock lock(mutex_);
  return order_.size();
}

std::size_t SemanticHits::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace reflex::gateway
